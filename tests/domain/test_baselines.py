"""What is learned to be usual: near the truth, not below it for long, and hardly moved by incidents."""

from random import Random

import pytest

from stream.domain.baselines import BASELINES, LEAST_JOBS, learn
from stream.domain.sight import Sum

HOURS = 7 * 24


def week(rate: float, jobs: int, incident: range = range(0), worse: float = 0.5, seed: int = 0) -> list[Sum]:
    """Return a week of hours with so many jobs each; in some of them an incident makes more of them fail."""
    random = Random(seed)

    def hour(number: int) -> Sum:
        share = worse if number in incident else rate
        return Sum(sum(random.random() < share for _ in range(jobs)), jobs)

    return [hour(number) for number in range(HOURS)]


@pytest.mark.parametrize(("jobs", "within"), [(3, 2.6), (10, 1.8), (60, 1.35), (600, 1.15)])
@pytest.mark.parametrize("rate", [0.01, 0.03, 0.2])
def test_the_usual_rate_is_found_and_rather_too_high_than_too_low(rate: float, jobs: int, within: float) -> None:
    learned = sorted(learn(week(rate, jobs, seed=seed)) or 0.0 for seed in range(9))
    assert rate / 1.5 < learned[0]
    assert rate * 0.95 < learned[4] < rate * within


@pytest.mark.parametrize("hours", [range(30, 34), range(100, 148), range(60)])
def test_an_incident_of_up_to_two_days_and_a_half_hardly_moves_it(hours: range) -> None:
    quiet, shaken = learn(week(0.02, 60)), learn(week(0.02, 60, hours))
    assert quiet is not None
    assert shaken is not None
    assert quiet <= shaken <= 1.5 * quiet


def test_too_few_jobs_teach_nothing() -> None:
    assert learn([]) is None
    assert learn([Sum(0, LEAST_JOBS - 1)]) is None
    assert learn([Sum(0, LEAST_JOBS)]) is not None


def test_a_preset_without_errors_and_one_without_successes_have_a_baseline_that_thresholds_exist_for() -> None:
    assert learn([Sum(0, 10**6)] * HOURS) == BASELINES[0]
    assert learn([Sum(10**6, 10**6)] * HOURS) == BASELINES[-1] < 0.8
