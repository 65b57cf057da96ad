"""The ways of alerting, each as a level that a number reaches or does not, pane by pane."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.alerting.traffic import HEALTHY, Jobs, Marks, Table, Traffic
from stream.domain.bank import bank_of, limits

Column = NDArray[np.float64]

Z = 1.959964
"""Of a confidence of 95 %."""


class Contender(NamedTuple):
    name: str
    statistic: Callable[[Jobs, int], Table]
    """What is held against the level, given jobs and a window in panes."""


def _sums(values: Table, panes: int) -> Table:
    """Return sums over the last panes, shorter ones at the beginning."""
    sums = np.cumsum(values, axis=1)
    sums[:, panes:] = sums[:, panes:] - sums[:, :-panes]
    return sums


def rate(jobs: Jobs, panes: int) -> Table:
    """`rate > x`, as in Prometheus."""
    return _sums(jobs.errors, panes) / np.maximum(1, _sums(jobs.total, panes))


def held_panes(window: int) -> int:
    """Return for how many panes in a row a rate must be above x: a fifth of the window."""
    return max(1, window // 5)


def rate_for(jobs: Jobs, window: int) -> Table:
    """`rate > x for y`, as in Prometheus: y is a fifth of the window."""
    rates, held = rate(jobs, window), held_panes(window)
    lasting = rates.copy()
    for back in range(1, held):
        lasting[:, back:] = np.minimum(lasting[:, back:], rates[:, :-back])
    return lasting


def two_windows(jobs: Jobs, window: int) -> Table:
    """Both a long window and a twelfth of it, as in the SRE workbook."""
    return np.minimum(rate(jobs, window), rate(jobs, max(1, window // 12)))


def threshold(jobs: Jobs, window: int) -> Table:
    """presetwatch's `threshold`: the lower bound of Wilson's interval."""
    total = np.maximum(1, _sums(jobs.total, window))
    mean = _sums(jobs.errors, window) / total
    reach = Z * np.sqrt(mean * (1 - mean) / total + Z * Z / (4 * total * total))
    bound: Table = (mean + Z * Z / (2 * total) - reach) / (1 + Z * Z / total)
    return bound


def burn_rate(jobs: Jobs, window: int) -> Table:
    """presetwatch's `burn_rate`: that bound of a long window, and the plain rate of a twelfth of it."""
    return np.minimum(threshold(jobs, window), rate(jobs, max(1, window // 12)))


PLAIN_RATE = Contender("rate > x", rate)
RATE_FOR = Contender("rate > x for y", rate_for)
TWO_WINDOWS = Contender("two windows", two_windows)
THRESHOLD = Contender("threshold", threshold)
BURN_RATE = Contender("burn_rate", burn_rate)

WINDOWED = (RATE_FOR, TWO_WINDOWS, THRESHOLD)


class Shift:
    """presetwatch's `shift`, by its own scores and thresholds: nothing is tuned here."""

    def __init__(self, traffic: Traffic, detect: float, between_minutes: float) -> None:
        self.bank = bank_of(HEALTHY, detect)
        self.between_jobs = round(between_minutes * traffic.jobs_per_minute)

    def alarms(self, jobs: Jobs) -> Marks:
        """Return where a sum reaches its threshold; all begin anew after that."""
        adds, takes = (np.array(steps, float)[:, None] for steps in list(zip(*self.bank.steps, strict=True))[:2])
        sums, reached = np.zeros((len(adds), len(jobs.total))), np.zeros(jobs.total.shape, np.bool_)
        for pane, (errors, total) in enumerate(zip(jobs.errors.T, jobs.total.T, strict=True)):
            sums = np.maximum(0, sums + adds * errors - takes * (total - errors))
            reached[:, pane] = (total > 0) & (sums >= self._levels(total)).any(axis=0)
            sums[:, reached[:, pane]] = 0
        return reached

    def _levels(self, total: Column) -> Table:
        """Return the threshold of each sum, by how many jobs a pane of a preset holds."""
        sizes, places = np.unique(total, return_inverse=True)
        of_size = np.array([limits(self.bank, self.between_jobs, int(size)) for size in sizes])
        return of_size.T[:, places]
