"""CUSUMs side by side, each told of a worsening of its own size, that share one budget of false alarms.

The sum of a CUSUM stands still at a rate about half way from the baseline to the one that it is told of, so it is late
for what creeps up and for what is worse by less. Together with another, told of a lower rate, it is hardly later than
the quicker of the two: G. Lorden (1971), "Procedures for reacting to a change in distribution", Ann. Math. Stat. 42(6);
G. Lorden and I. Eisenberger (1973), "Detection of failure rate increases", Technometrics 15(1).

Law: each sum has the threshold, worked out by `cusum`, that is reached by mistake as seldom as its share of the budget
allows. Did they err each at a time of its own, false alarms would come as often as the shares add up to, 1.3 times as
often as allowed: that is the bound. But the same jobs move them, and in simulation (`test_bank.py`) they spend together
between half of the budget and 1.15 times as much, whatever the traffic and the rates.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, log
from typing import NamedTuple

from stream.domain.cusum import RunLengths, Scores, run_lengths
from stream.domain.shift_rule import LEAST_WORSENING
from stream.domain.sight import Sum


class Part(NamedTuple):
    """One CUSUM of a bank."""

    reach: float
    """How far the rate it is told of lies from the baseline: 1 is at the rate to detect, by the logarithm of odds."""
    share: float
    """Of the budget of false alarms."""


PARTS = (Part(0.35, 0.6), Part(1.0, 0.7))


def moved(steps: Scores, jobs: Sum) -> int:
    """Return by how much jobs move a sum."""
    return steps.error * jobs.errors - steps.success * (jobs.total - jobs.errors)


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """The CUSUMs that tell a baseline from higher rates, the lowest of these first."""

    rates: tuple[float, ...]
    shares: tuple[float, ...]
    charts: tuple[RunLengths, ...]
    steps: tuple[Scores, ...]

    def moves(self, jobs: Sum) -> tuple[int, ...]:
        """Return by how much jobs move each sum."""
        return tuple([moved(steps, jobs) for steps in self.steps])


@lru_cache(maxsize=512)
def bank_of(baseline: float, detect: float) -> Bank:
    """Return the CUSUMs for worsenings up to a rate; those too small to be told apart leave the budget to the last."""
    parts = [(_between(baseline, detect, part.reach), part.share) for part in PARTS]
    kept = [part for part in parts[:-1] if part[0] >= LEAST_WORSENING * baseline]
    rates, shares = zip(*(*kept, parts[-1] if kept else (detect, 1.0)), strict=True)
    charts = tuple(run_lengths(baseline, rate) for rate in rates)
    return Bank(rates, shares, charts, tuple(chart.scores for chart in charts))


def _between(baseline: float, detect: float, reach: float) -> float:
    if reach == 1:
        return detect
    low, high = _log_odds(baseline), _log_odds(detect)
    # Four digits are the same ones whatever the last bit of a logarithm is.
    return float(f"{1 / (1 + exp(-low - reach * (high - low))):.4g}")


def _log_odds(rate: float) -> float:
    return log(rate / (1 - rate))


@lru_cache(maxsize=4096)
def limits(bank: Bank, jobs: int, at_once: int) -> tuple[int, ...]:
    """Return the threshold of each sum, looked at after so many jobs, for one mistake of all in `jobs`."""
    return tuple(
        chart.threshold_of_group(round(jobs / share), at_once)
        for chart, share in zip(bank.charts, bank.shares, strict=True)
    )
