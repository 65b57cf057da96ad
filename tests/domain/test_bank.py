"""CUSUMs that share a budget: together they err as seldom as it allows, and notice what one of them is late for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.domain.bank import PARTS, Bank, bank_of, limits
from stream.domain.shift_rule import LEAST_WORSENING
from stream.domain.sight import Sum

Marks = NDArray[np.bool_]
Counts = NDArray[np.int64]


@given(st.floats(0.0005, 0.7), st.floats(LEAST_WORSENING, 20))
def test_a_bank_is_told_of_rates_that_rise_to_the_one_to_detect(baseline: float, worsening: float) -> None:
    detect = min(baseline * worsening, (1 + baseline) / 2)
    bank = bank_of(baseline, detect)
    assert bank.rates[-1] == detect
    assert list(bank.rates) == sorted(set(bank.rates))
    assert all(rate >= LEAST_WORSENING * baseline for rate in bank.rates[:-1])


def test_worsenings_that_are_too_small_to_be_told_apart_leave_the_budget_to_the_one_to_detect() -> None:
    assert bank_of(0.02, 0.10).shares == tuple(part.share for part in PARTS)
    alone = bank_of(0.02, 0.026)
    assert (alone.rates, alone.shares) == ((0.026,), (1.0,))


@given(st.integers(0, 500), st.integers(0, 500))
def test_jobs_at_the_baseline_move_every_sum_down_and_jobs_at_its_own_rate_up(errors: int, finished: int) -> None:
    bank = bank_of(0.02, 0.10)
    moves = bank.moves(Sum(errors, errors + finished))
    assert moves == tuple(up * errors - down * finished for up, down, _ in bank.steps)
    for rate, (up, down, _) in zip(bank.rates, bank.steps, strict=True):
        assert 0.02 * up - 0.98 * down < 0 < rate * up - (1 - rate) * down


@pytest.mark.parametrize("at_once", [1, 8, 50])
def test_a_sum_errs_alone_as_seldom_as_its_share_allows_and_more_seldom_for_a_longer_budget(at_once: int) -> None:
    bank, allowed = bank_of(0.02, 0.10), (1_000, 100_000, 10**7)
    found = [limits(bank, jobs, at_once) for jobs in allowed]
    assert found == sorted(found)
    for jobs, thresholds in zip(allowed, found, strict=True):
        for chart, share, threshold in zip(bank.charts, bank.shares, thresholds, strict=True):
            assert threshold == chart.threshold_of_group(round(jobs / share), at_once)


def alarms(bank: Bank, allowed: int, rate: float, total: Counts) -> Marks:
    """Return where a sum tells, by panes and presets; all begin anew after that."""
    errors = np.random.default_rng(9).binomial(total, rate)
    steps = np.array([(up, down) for up, down, _ in bank.steps])
    known = np.array([limits(bank, allowed, jobs) for jobs in range(total.max() + 1)])
    sums, told = np.zeros((total.shape[1], len(steps)), np.int64), np.zeros(total.shape, np.bool_)
    for pane, jobs in enumerate(total):
        failed, finished = errors[pane, :, None], (jobs - errors[pane])[:, None]
        sums = np.maximum(0, sums + steps[:, 0] * failed - steps[:, 1] * finished)
        told[pane] = ((sums >= known[jobs]) & (jobs[:, None] > 0)).any(axis=1)
        sums[told[pane]] = 0
    return told


@pytest.mark.parametrize(
    ("baseline", "detect", "per_pane", "allowed"),
    [(0.02, 0.10, 1, 5_000), (0.02, 0.10, 50, 200_000), (0.02, 0.05, 8, 20_000), (0.3, 0.5, 16, 50_000)],
)
def test_sums_together_err_about_as_seldom_as_the_budget_allows(
    baseline: float, detect: float, per_pane: float, allowed: int
) -> None:
    presets, expected = 400, 100
    total = np.random.default_rng(8).poisson(per_pane, (round(expected * allowed / per_pane / presets), presets))
    wrong = np.count_nonzero(alarms(bank_of(baseline, detect), allowed, baseline, total))
    # Of 100 allowed, chance alone makes fewer than 130 or so.
    assert 0.5 * expected < wrong < 130


def test_a_smaller_worsening_than_the_one_to_detect_is_noticed_sooner_than_by_one_sum() -> None:
    bank = bank_of(0.02, 0.10)
    alone = Bank(bank.rates[-1:], (1.0,), bank.charts[-1:], bank.steps[-1:])
    delays, total = [], np.random.default_rng(8).poisson(50, (400, 200))
    for told in (alarms(each, 3_000_000, 0.05, total) for each in (bank, alone)):
        assert told.any(axis=0).all()
        delays.append(np.argmax(told, axis=0).mean())
    assert delays[0] < 0.75 * delays[1]
