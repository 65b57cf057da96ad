"""The burn_rate rule: factors from budgets and windows, and what is said of what is left."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.times import format_time
from stream.domain.alerting import Signal
from stream.domain.burn_rate import BURN_RATE
from stream.domain.burn_rate_rule import BurnRateRule
from stream.domain.duration import parse_duration
from stream.domain.panes import HOUR_MS
from stream.domain.recency import Recency
from stream.domain.rule_base import BaseRule
from stream.domain.sight import EVERYTHING, NOTHING, Sight, Sum
from stream.domain.tally import Cell

NOW_MS = 1_767_603_600_000
DAY_MS = 24 * HOUR_MS


def rule(**keys: Any) -> BurnRateRule:
    return BurnRateRule.model_validate({"name": "budget", "objective": 0.99} | keys)


def sight(sums: Mapping[str, Sum], period: Sum = NOTHING, first_ms: int = 0) -> Sight:
    by_length = {parse_duration(window): jobs for window, jobs in sums.items()}

    def sum_over(_: BaseRule, length_ms: int) -> Sum:
        return by_length[length_ms]

    def counts_since(start_ms: int) -> dict[Cell, int]:
        jobs = by_length.get(NOW_MS - start_ms, period)
        return {Cell("uri", "timeout"): jobs.errors, Cell("uri"): jobs.total - jobs.errors}

    return Sight(
        NOW_MS,
        10_000,
        {},
        sum_over,
        counts_since,
        Recency(),
        NOW_MS,
        first_hour_since=lambda start, counted: max(start, first_ms),
    )


def test_factors_are_those_of_googles_workbook() -> None:
    pairs = [{"long": "1h", "budget": 0.02}, {"long": "6h", "budget": 0.05}, {"long": "3d", "budget": 0.10}]
    made = rule(period="30d", objective=0.999, pairs=pairs)
    assert [made.burn_rate(pair) for pair in made.pairs] == pytest.approx([14.4, 6, 1])
    assert [made.limit(pair) for pair in made.pairs] == pytest.approx([0.0144, 0.006, 0.001])
    assert [pair.short_ms for pair in made.pairs] == [300_000, 1_800_000, 6 * HOUR_MS]


def test_a_rule_needs_only_its_name_and_kind() -> None:
    made = BurnRateRule.model_validate({"name": "budget"})
    assert (made.objective, made.period_ms, len(made.pairs)) == (0.99, 28 * DAY_MS, 2)
    assert made.windows == (HOUR_MS, 300_000, 6 * HOUR_MS, 1_800_000)
    assert (made.keep_firing_for_ms, made.looks_back_ms) == (HOUR_MS, 28 * DAY_MS)


@pytest.mark.parametrize(
    ("long", "kept_ms"), [("1m", 120_000), ("30m", 1_800_000), ("6h", 6 * HOUR_MS), ("3d", 6 * HOUR_MS)]
)
def test_it_keeps_firing_for_its_long_window_within_bounds_unless_it_says_otherwise(long: str, kept_ms: int) -> None:
    pairs = [{"long": long, "short": "10s", "budget": 0.0001}]
    assert rule(pairs=pairs).keep_firing_for_ms == kept_ms
    assert rule(pairs=pairs).for_reason("timeout").keep_firing_for_ms == kept_ms
    assert rule(pairs=pairs, keep_firing_for="0s").keep_firing_for_ms == 0


def test_an_override_with_other_windows_keeps_firing_for_those() -> None:
    quick = {"presets": ["s*"], "pairs": [{"long": "30m", "budget": 0.02}]}
    assert rule(overrides=[quick]).for_preset("summarize").keep_firing_for_ms == 1_800_000
    assert rule(overrides=[quick], keep_firing_for="2m").for_preset("summarize").keep_firing_for_ms == 120_000


QUIET = {"1h": Sum(0, 1000), "5m": Sum(0, 100), "6h": Sum(0, 6000), "30m": Sum(0, 500)}


@pytest.mark.parametrize(
    ("sums", "signal"),
    [
        ({}, Signal.CLEAR),
        ({"1h": Sum(300, 1000), "5m": Sum(30, 100)}, Signal.BREACH),
        ({"1h": Sum(300, 1000), "5m": Sum(13, 100)}, Signal.CLEAR),  # it was bad, and is over
        ({"1h": Sum(100, 1000), "5m": Sum(90, 100)}, Signal.CLEAR),  # it is bad, and has not lasted
        ({"1h": Sum(300, 1000), "5m": Sum(0, 0)}, Signal.ELEVATED),  # it was bad, and nobody knows
        ({"6h": Sum(600, 6000), "30m": Sum(50, 500)}, Signal.BREACH),
        ({"1h": Sum(10, 19), "5m": Sum(10, 10)}, Signal.CLEAR),  # too few jobs
        ({"1h": Sum(140, 1000), "5m": Sum(90, 100)}, Signal.CLEAR),  # 14 % is above 13.44 %, but not for certain
    ],
)
def test_a_pair_speaks_only_if_both_windows_do(sums: dict[str, Sum], signal: Signal) -> None:
    assert BURN_RATE.signal(rule(), sight(QUIET | sums), EVERYTHING) is signal


def test_without_confidence_the_plain_rate_counts() -> None:
    sums = QUIET | {"1h": Sum(140, 1000), "5m": Sum(90, 100)}
    assert BURN_RATE.signal(rule(confidence=0), sight(sums), EVERYTHING) is Signal.BREACH


BURNING = QUIET | {"1h": Sum(200, 1000), "5m": Sum(30, 100)}


def test_what_is_left_of_the_budget_and_until_when_is_told() -> None:
    # 1 % of 100,000 jobs may fail: 1,000, of which 400 have. 20 % of errors spend it 20 times too fast.
    finding = BURN_RATE.find(rule(), sight(BURNING, Sum(400, 100_000)), EVERYTHING)
    assert finding.window_start_ms == NOW_MS - HOUR_MS
    assert finding.threshold == 0.1344
    ends_ms = NOW_MS + round(0.6 * 28 * DAY_MS / 20)
    assert finding.details == {"budget_left": 0.6, "burn_rate": "20", "budget_ends": format_time(ends_ms)}


def test_a_budget_that_is_spent_ends_already() -> None:
    details = BURN_RATE.find(rule(), sight(BURNING, Sum(1_500, 100_000)), EVERYTHING).details
    assert (details["budget_left"], details["budget_ends"]) == (-0.5, "already")


def test_of_a_budget_that_is_not_being_spent_no_end_is_told() -> None:
    details = BURN_RATE.find(rule(), sight(QUIET, Sum(100, 100_000)), EVERYTHING).details
    assert (details["budget_left"], details["budget_ends"]) == (0.9, None)


def test_a_period_that_is_not_known_whole_is_taken_to_go_on_as_it_began() -> None:
    # In 7 of 28 days 100 of 25,000 jobs have failed, of 100,000 to come 1,000 may.
    seen = sight(BURNING, Sum(100, 25_000), first_ms=NOW_MS - 7 * DAY_MS)
    assert BURN_RATE.find(rule(), seen, EVERYTHING).details["budget_left"] == 0.9


@pytest.mark.parametrize(("short", "has_data"), [(Sum(0, 0), False), (Sum(0, 1), True)])
def test_there_is_something_to_go_by_while_a_short_window_holds_jobs(short: Sum, has_data: bool) -> None:
    assert BURN_RATE.has_data(rule(), sight(QUIET | {"5m": short, "30m": Sum(0, 0)})) is has_data
