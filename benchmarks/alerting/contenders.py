"""The ways of alerting, each as a level that a number reaches or does not, pane by pane."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.alerting.traffic import HEALTHY, Jobs, Marks, Table, Traffic
from stream.domain.cusum import RunLengths, scores

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


def _rate(jobs: Jobs, panes: int) -> Table:
    return _sums(jobs.errors, panes) / np.maximum(1, _sums(jobs.total, panes))


def rate_for(jobs: Jobs, window: int) -> Table:
    """`rate > x for y`, as in Prometheus: y is a fifth of the window."""
    rate, held = _rate(jobs, window), max(1, window // 5)
    lasting = rate.copy()
    for back in range(1, held):
        lasting[:, back:] = np.minimum(lasting[:, back:], rate[:, :-back])
    return lasting


def two_windows(jobs: Jobs, window: int) -> Table:
    """Both a long window and a twelfth of it, as in the SRE workbook."""
    return np.minimum(_rate(jobs, window), _rate(jobs, max(1, window // 12)))


def threshold(jobs: Jobs, window: int) -> Table:
    """presetwatch's `threshold`: the lower bound of Wilson's interval."""
    total = np.maximum(1, _sums(jobs.total, window))
    rate = _sums(jobs.errors, window) / total
    reach = Z * np.sqrt(rate * (1 - rate) / total + Z * Z / (4 * total * total))
    bound: Table = (rate + Z * Z / (2 * total) - reach) / (1 + Z * Z / total)
    return bound


WINDOWED = (
    Contender("rate > x for y", rate_for),
    Contender("two windows", two_windows),
    Contender("threshold", threshold),
)


class Shift:
    """presetwatch's `shift`, by its own scores and thresholds: nothing is tuned here."""

    def __init__(self, traffic: Traffic, detect: float, between_minutes: float) -> None:
        self.lengths = RunLengths(HEALTHY, scores(HEALTHY, detect))
        self.between_jobs = round(between_minutes * traffic.jobs_per_minute)

    def alarms(self, jobs: Jobs) -> Marks:
        """Return where the sum reaches its threshold; it begins anew after that."""
        steps = self.lengths.scores.error * jobs.errors - self.lengths.scores.success * (jobs.total - jobs.errors)
        sums, reached = np.zeros(len(steps)), np.zeros(steps.shape, np.bool_)
        for pane, (step, total) in enumerate(zip(steps.T, jobs.total.T, strict=True)):
            sums = np.maximum(0, sums + step)
            reached[:, pane] = (total > 0) & (sums >= self._levels(total))
            sums[reached[:, pane]] = 0
        return reached

    def _levels(self, total: Column) -> Column:
        of = {jobs: self.lengths.threshold_of_group(self.between_jobs, int(jobs)) for jobs in np.unique(total)}
        return np.array([of[jobs] for jobs in total])
