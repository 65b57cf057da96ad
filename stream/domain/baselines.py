"""What error rate is usual for a preset, learned from its last days though some of them were bad.

Law: incidents that hold fewer than half of the jobs do not move the baseline far, and it errs upwards, as one that is
too low cries wolf.

Median of means: the days are cut into stretches with about as many jobs each, and the stretch in the middle counts.
A. S. Nemirovski and D. B. Yudin (1983), "Problem Complexity and Method Efficiency in Optimization".
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from stream.domain.sight import Sum

LEAST_JOBS = 200
"""With fewer, 1 % cannot be told from 3 %."""

STRETCH_JOBS = 100
FEWEST, MOST = 5, 15
"""Stretches: the more there are, the more incidents they bear, but each needs jobs."""

BASELINES = tuple(round(0.001 * 2 ** (step / 8), 6) for step in range(78))
"""Baselines that are learned, from 0.1 % to 79 % by 9 %: so few that their thresholds are worked out but once."""


def learn(hours: Iterable[Sum]) -> float | None:
    """Return the usual error rate of hours in order, or None where there are too few jobs to say."""
    known = [hour for hour in hours if hour.total]
    jobs = sum(hour.total for hour in known)
    if jobs < LEAST_JOBS:
        return None
    stretches = min(MOST, max(FEWEST, jobs // STRETCH_JOBS))
    rates = sorted(_rate(stretch) for stretch in _stretches(known, jobs / stretches))
    return _rounded_up(rates[len(rates) // 2])


def _stretches(hours: Iterable[Sum], least: float) -> Iterator[Sum]:
    held = Sum(0, 0)
    for hour in hours:
        held = Sum(held.errors + hour.errors, held.total + hour.total)
        if held.total >= least:
            yield held
            held = Sum(0, 0)
    # What is left over is shorter than the others, and would weigh as much.


def _rate(stretch: Sum) -> float:
    # The median of a Poisson count lies up to 2/3 below its mean.
    return min(1.0, (stretch.errors + 2 / 3) / stretch.total)


def _rounded_up(rate: float) -> float:
    return BASELINES[min(bisect_left(BASELINES, rate), len(BASELINES) - 1)]
