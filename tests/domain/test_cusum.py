"""The Bernoulli CUSUM's numbers, held against a linear system, against simulation, and against the known bound."""

from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.cusum import RunLengths, scores

PAIRS = [(0.02, 0.10), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.8, 0.9)]


def solved(lengths: RunLengths, threshold: int) -> float:
    """Return the mean number of jobs to a threshold from the equations of the Markov chain as they stand."""
    chain = np.eye(threshold)
    for level in range(threshold):
        chain[level, max(0, level - lengths.scores.success)] -= 1 - lengths.baseline
        if level + lengths.scores.error < threshold:
            chain[level, level + lengths.scores.error] -= lengths.baseline
    return float(np.linalg.solve(chain, np.ones(threshold))[0])


def new(baseline: float, changed: float) -> RunLengths:
    return RunLengths(baseline, scores(baseline, changed))


@pytest.mark.parametrize(("baseline", "changed"), PAIRS)
def test_run_lengths_solve_the_equations_of_the_chain(baseline: float, changed: float) -> None:
    lengths = new(baseline, changed)
    most = lengths.threshold(100_000)
    for threshold in {1, 2, most // 3, most // 2, most}:
        assert lengths.lengths[threshold - 1] == pytest.approx(solved(lengths, threshold), rel=1e-7)


@pytest.mark.parametrize(("baseline", "changed"), [(0.02, 0.10), (0.3, 0.5)])
def test_simulated_jobs_reach_the_threshold_by_mistake_as_seldom_as_is_computed(
    baseline: float, changed: float
) -> None:
    lengths, random = new(baseline, changed), np.random.default_rng(7)
    threshold = lengths.threshold(2_000)
    runs, sums, jobs = 2_000, np.zeros(2_000, np.int64), 0
    alive = runs
    while alive:
        jobs += alive
        failed = random.random(alive) < baseline
        sums = np.maximum(0, sums + np.where(failed, lengths.scores.error, -lengths.scores.success))
        sums = sums[sums < threshold]
        alive = len(sums)
    # The time to an alarm is all but exponential, so a mean of 2,000 is within 2.2 % of the truth two times of three.
    assert jobs / runs == pytest.approx(lengths.lengths[threshold - 1], rel=0.08)


@pytest.mark.parametrize(("baseline", "changed"), PAIRS)
def test_the_threshold_is_the_lowest_that_is_reached_seldom_enough(baseline: float, changed: float) -> None:
    lengths = new(baseline, changed)
    for jobs in (1, 10, 1_000, 10**6, 10**9):
        threshold = lengths.threshold(jobs)
        assert lengths.lengths[threshold - 1] >= jobs
        assert threshold == 1 or lengths.lengths[threshold - 2] < jobs


def test_what_was_asked_before_does_not_change_a_threshold() -> None:
    asked = new(0.02, 0.10)
    assert [asked.threshold(jobs) for jobs in (10**8, 10**3, 10**6)] == [
        new(0.02, 0.10).threshold(jobs) for jobs in (10**8, 10**3, 10**6)
    ]


@given(st.floats(0.001, 0.79), st.floats(1.25, 10))
def test_scores_fall_at_the_baseline_and_rise_at_the_changed_rate(baseline: float, worsening: float) -> None:
    changed = min(baseline * worsening, (1 + baseline) / 2)
    steps = scores(baseline, changed)
    assert min(steps.error, steps.success) >= 1
    for rate, sign in ((baseline, -1), (changed, 1)):
        assert sign * (rate * steps.error - (1 - rate) * steps.success) > 0


@pytest.mark.parametrize(("baseline", "changed"), PAIRS)
def test_scores_are_the_log_likelihood_ratios_in_whole_steps(baseline: float, changed: float) -> None:
    steps = scores(baseline, changed)
    assert steps.error * steps.unit == pytest.approx(log(changed / baseline), abs=steps.unit / 2)
    assert steps.success * steps.unit == pytest.approx(log((1 - baseline) / (1 - changed)), abs=steps.unit / 2)


@pytest.mark.parametrize(("baseline", "changed"), [(0.02, 0.10), (0.02, 0.05), (0.1, 0.2), (0.3, 0.5)])
def test_a_change_is_noticed_hardly_later_than_lordens_bound_allows(baseline: float, changed: float) -> None:
    # Lorden (1971): with a run length of n no worst mean delay is below about log(n) / KL(changed, baseline).
    lengths, random, most = new(baseline, changed), np.random.default_rng(3), 10**6
    threshold = lengths.threshold(most)
    up, down = log(changed / baseline), log((1 - baseline) / (1 - changed))
    bound = log(most) / (changed * up - (1 - changed) * down)
    failed = random.random((400, int(10 * bound))) < changed
    steps = np.where(failed, lengths.scores.error, -lengths.scores.success)
    sums = np.cumsum(steps, axis=1)
    # Held at zero, a sum is itself less its lowest so far.
    held = sums - np.minimum(0, np.minimum.accumulate(sums, axis=1))
    delay = np.argmax(held >= threshold, axis=1) + 1
    assert (held >= threshold).any(axis=1).all()
    assert delay.mean() < 1.3 * bound


@pytest.mark.parametrize("size", [1, 2, 16, 64])
@pytest.mark.parametrize(("baseline", "changed"), PAIRS)
def test_run_lengths_of_groups_solve_the_equations_of_their_chain(baseline: float, changed: float, size: int) -> None:
    lengths = new(baseline, changed)
    groups = RunLengths(baseline, lengths.scores, size)
    steps, threshold = lengths.scores, groups.threshold(10_000)
    chances = {
        errors: comb(size, errors) * baseline**errors * (1 - baseline) ** (size - errors) for errors in range(size + 1)
    }
    chain = np.eye(threshold)
    for level in range(threshold):
        for errors, chance in chances.items():
            to = max(0, level + steps.error * errors - steps.success * (size - errors))
            if to < threshold:
                chain[level, to] -= chance
    expected = size * np.linalg.solve(chain, np.ones(threshold))[0]
    assert groups.lengths[threshold - 1] == pytest.approx(expected, rel=1e-6)
    if size == 1:
        assert threshold == lengths.threshold(10_000)


@pytest.mark.parametrize(("baseline", "changed"), PAIRS)
def test_the_more_jobs_are_looked_at_at_once_the_lower_is_the_threshold(baseline: float, changed: float) -> None:
    lengths = new(baseline, changed)
    found = [lengths.threshold_of_group(10**6, size) for size in (1, 4, 16, 64, 256, 100_000)]
    assert found == sorted(found, reverse=True)
    assert found[0] == lengths.threshold(10**6)
    assert found[-1] == found[-2] >= found[0] // 2


@pytest.mark.parametrize("sizes", [(64,), (4, 64), (100, 3, 3, 3)])
def test_false_alarms_of_groups_are_about_as_seldom_as_allowed_whatever_sizes_follow_each_other(
    sizes: tuple[int, ...],
) -> None:
    lengths, random, allowed = new(0.02, 0.10), np.random.default_rng(9), 20_000
    limits = [lengths.threshold_of_group(allowed, size) for size in sizes]
    sums, jobs, alarms = np.zeros(500, np.int64), 0, 0
    while jobs < 200 * allowed:
        for size, limit in zip(sizes, limits, strict=True):
            errors = random.binomial(size, 0.02, len(sums))
            sums = np.maximum(0, sums + lengths.scores.error * errors - lengths.scores.success * (size - errors))
            alarms += int(np.count_nonzero(sums >= limit))
            sums[sums >= limit] = 0
            jobs += size * len(sums)
    # Of 200 allowed, chance alone makes fewer than 245 or so; 100 jobs at once have the threshold of 96.
    assert 0.3 * 200 < alarms < 245


def test_groups_in_which_a_rise_is_all_but_impossible_have_a_threshold_too() -> None:
    lengths = new(0.000_01, 0.9)
    assert 1 <= lengths.threshold_of_group(10**6, 256) <= lengths.threshold(10**6)
