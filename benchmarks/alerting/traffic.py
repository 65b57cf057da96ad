"""Seeded traffic: jobs and failures of many like presets, pane by pane."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
"""A row for each preset, a column for each pane."""

Marks = NDArray[np.bool_]
"""The same shape: where there is an alarm."""

HEALTHY = 0.02


class Jobs(NamedTuple):
    errors: Table
    total: Table


@dataclass(frozen=True, slots=True)
class Traffic:
    """How busy a preset is, and the panes and windows in which that is looked at."""

    name: str
    jobs_per_minute: float
    pane_minutes: float
    windows: tuple[int, ...]
    """In panes: each contender that has a window takes the one that serves it best."""

    @property
    def per_pane(self) -> float:
        return self.jobs_per_minute * self.pane_minutes

    def panes(self, minutes: float) -> int:
        return round(minutes / self.pane_minutes)


TRAFFIC = (
    Traffic("5 an hour", 5 / 60, 10, (36, 72, 144, 288)),  # 6h to 2d
    Traffic("1 a minute", 1, 1, (20, 60, 180, 360)),  # 20m to 6h
    Traffic("300 a minute", 300, 1 / 6, (6, 12, 30, 90)),  # 1m to 15m
)

Rate = Callable[[Table], Table]
"""The error rate at so many minutes after an incident began."""

INCIDENTS: dict[str, Rate] = {
    "step to 5 %": lambda minutes: np.where(minutes >= 0, 0.05, HEALTHY),
    "step to 10 %": lambda minutes: np.where(minutes >= 0, 0.10, HEALTHY),
    "step to 30 %": lambda minutes: np.where(minutes >= 0, 0.30, HEALTHY),
}


def ramp(hours: float) -> Rate:
    """Return a rate that rises to 10 % within some hours."""
    return lambda minutes: np.clip(HEALTHY + 0.08 * minutes / (60 * hours), HEALTHY, 0.10)


def draw(traffic: Traffic, rates: Table, presets: int, random: np.random.Generator) -> Jobs:
    """Return jobs that come at random and fail independently, at a rate for each pane."""
    total = random.poisson(traffic.per_pane, (presets, len(rates)))
    return Jobs(random.binomial(total, rates).astype(float), total.astype(float))


def rhythm(traffic: Traffic, panes: int, presets: int, random: np.random.Generator) -> Jobs:
    """Return healthy jobs of which by day there are nine times as many as at night."""
    minutes = np.arange(panes) * traffic.pane_minutes
    share = 1 + 0.8 * np.sin(2 * np.pi * minutes / 1440)
    total = random.poisson(traffic.per_pane * share, (presets, panes))
    return Jobs(random.binomial(total, HEALTHY).astype(float), total.astype(float))


def correlated(traffic: Traffic, panes: int, presets: int, random: np.random.Generator) -> Jobs:
    """Return jobs that fail together, though seldom: each ten minutes have a rate of their own, 2 % in the mean."""
    stretch = max(1, traffic.panes(10))
    rates = random.beta(2, 98, (presets, -(-panes // stretch))).repeat(stretch, axis=1)[:, :panes]
    total = random.poisson(traffic.per_pane, (presets, panes))
    return Jobs(random.binomial(total, rates).astype(float), total.astype(float))
