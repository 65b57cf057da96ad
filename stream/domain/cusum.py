"""The Bernoulli CUSUM: how soon a run of jobs shows that failures have become more frequent, and how seldom it errs.

Each failure adds `Scores.error` to a sum, each success takes `Scores.success` away, and the sum never falls below zero.
It passes a threshold soon after the rate has risen from `baseline` to `changed`, and by mistake once in so many jobs.
Law: the threshold is the lowest at which that mean number of jobs, the run length, is as long as was asked for.

Among all procedures with that run length none has a shorter worst delay: G. Lorden (1971), "Procedures for reacting to
a change in distribution", Ann. Math. Stat. 42(6), asymptotically; G. V. Moustakides (1986), "Optimal stopping times for
detecting changes in distributions", Ann. Stat. 14(4), exactly. Whole scores are those of M. R. Reynolds and Z. G.
Stoumbos (1999), "A CUSUM chart for monitoring a proportion when inspecting continuously", J. Quality Technology 31(1).
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FINEST = 20
"""Steps that a failure and a success make up together, where scores need no more to be in proportion."""

Weights = NDArray[np.float64]


class Scores(NamedTuple):
    """Whole steps in the proportion of the two log-likelihood ratios."""

    error: int
    success: int
    unit: float
    """The log-likelihood ratio that one step stands for."""


def scores(baseline: float, changed: float) -> Scores:
    """Return what a failure adds and a success takes away to tell `changed` from a lower `baseline`."""
    up, down = log(changed / baseline), log((1 - baseline) / (1 - changed))
    share = Fraction(down / (up + down)).limit_denominator(max(FINEST, round((up + down) / down)))
    return Scores(share.denominator - share.numerator, share.numerator, (up + down) / share.denominator)


class _State(NamedTuple):
    """How a sum leaves a level upwards for the first time."""

    landing: Weights
    """The chance of landing 1, 2, ... steps above the level."""
    jobs: float
    """The mean number of jobs until then."""


@dataclass(slots=True)
class RunLengths:
    """The mean number of jobs until the sum, from zero, reaches each threshold while the rate is the baseline.

    Levels are taken one after the other, from zero upwards. Each adds positive numbers only, so nothing cancels out,
    and in an order of its own, so every machine finds the same thresholds.
    """

    baseline: float
    scores: Scores
    lengths: list[float] = field(default_factory=list)
    """By threshold, from 1."""
    overshoot: Weights = field(init=False)
    below: deque[_State] = field(init=False)

    def __post_init__(self) -> None:
        landing = np.zeros(self.scores.error)
        landing[-1] = 1.0
        self.overshoot = landing
        self.below = deque([_State(landing, 1 / self.baseline)], maxlen=self.scores.success)
        self.lengths.append(1 / self.baseline)

    def threshold(self, jobs: int) -> int:
        """Return the lowest threshold that is reached by mistake once in so many jobs, or more seldom."""
        while self.lengths[-1] < jobs:
            self._climb()
        return bisect_left(self.lengths, jobs) + 1

    def _climb(self) -> None:
        state = self._next()
        reached = self.overshoot[0]
        self.lengths.append(self.lengths[-1] + float(reached) * state.jobs)
        self.overshoot = _moved(self.overshoot) + reached * state.landing
        self.below.append(state)

    def _next(self) -> _State:
        # A success takes the sum down to the lowest level held, from which it climbs back past those in between.
        (landing, jobs), *between = self.below
        for state in between:
            jobs += float(landing[0]) * state.jobs
            landing = _moved(landing) + landing[0] * state.landing
        success = 1 - self.baseline
        returns = success * float(landing[0])
        landing = success * _moved(landing)
        landing[-1] += self.baseline
        return _State(landing / (1 - returns), (1 + success * jobs) / (1 - returns))


def _moved(landing: Weights) -> Weights:
    """Return the chances as seen from one level higher."""
    return np.append(landing[1:], 0.0)


@lru_cache(maxsize=512)
def run_lengths(baseline: float, changed: float) -> RunLengths:
    """Return the run lengths of the sum that tells `changed` from `baseline`."""
    return RunLengths(baseline, scores(baseline, changed))
