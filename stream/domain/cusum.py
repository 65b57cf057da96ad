"""The Bernoulli CUSUM: how soon a run of jobs shows that failures have become more frequent, and how seldom it errs.

Each failure adds `Scores.error` to a sum, each success takes `Scores.success` away, and the sum never falls below zero.
It passes a threshold soon after the rate has risen from `baseline` to `changed`, and by mistake once in so many jobs.
Law: the threshold is the lowest at which that mean number of jobs, the run length, is as long as was asked for.

Among all procedures with that run length none has a shorter worst delay: G. Lorden (1971), "Procedures for reacting to
a change in distribution", Ann. Math. Stat. 42(6), asymptotically; G. V. Moustakides (1986), "Optimal stopping times for
detecting changes in distributions", Ann. Stat. 14(4), exactly. Whole scores are those of M. R. Reynolds and Z. G.
Stoumbos (1999), "A CUSUM chart for monitoring a proportion when inspecting continuously", J. Quality Technology 31(1).

Who looks only after so many jobs, as at the end of a pane, errs more seldom, and may take a lower threshold. Either way
the run lengths are those of the Markov chain of the sum when it is looked at (D. Brook and D. A. Evans (1972), "An
approach to the probability distribution of CUSUM run length", Biometrika 59(3)), whose levels are passed one by one
so that no subtraction loses digits (W. K. Grassmann, M. I. Taksar and D. P. Heyman (1985), Oper. Research 33(5)).
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import comb, fsum, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FINEST = 20
"""Steps that a failure and a success make up together, where scores need no more to be in proportion."""

LARGEST_GROUP = 256
"""Jobs; the threshold for more at once is that of so many, which is the safe side."""

NEGLIGIBLE = 1e-30
"""Chances so much smaller than others that no run length shows them."""

LEAST_CHANCE = float(np.finfo(np.float64).tiny)
"""Where a rise is less likely than any number, as in a small group of jobs that hardly ever fail."""

MOST_LEVELS = 1000
"""Thresholds above which groups are not worth the time: a small step between rates gains little by them."""

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
    size: int = 1
    """Jobs after which the sum is looked at."""
    lengths: list[float] = field(default_factory=list)
    """By threshold, from 1."""
    rises: Weights = field(init=False)
    """The chance that so many jobs move the sum 1, 2, ... steps up."""
    falls: Weights = field(init=False)
    """The chance that they leave it where it is, or move it 1, 2, ... steps down."""
    overshoot: Weights = field(init=False)
    below: deque[_State] = field(init=False)
    """As many levels as jobs can move the sum down."""
    grouped: dict[tuple[int, int], int] = field(default_factory=dict)
    """Thresholds of jobs in groups, by the mean number of jobs between mistakes and the group's size."""

    def __post_init__(self) -> None:
        self.rises, self.falls = _moves(self.scores, self.baseline, self.size)
        leaves = max(LEAST_CHANCE, fsum(self.rises.tolist()))
        self.overshoot = self.rises / leaves
        self.lengths.append(self.size / leaves)
        self.below = deque([_State(self.overshoot, self.size / leaves)], maxlen=len(self.falls) - 1)

    def threshold(self, jobs: int) -> int:
        """Return the lowest threshold that is reached by mistake once in so many jobs, or more seldom."""
        while self.lengths[-1] < jobs:
            self._climb()
        return bisect_left(self.lengths, jobs) + 1

    def threshold_of_group(self, jobs: int, at_once: int) -> int:
        """Return the threshold for sums that are looked at after so many jobs at once, or more.

        Never below half of that for jobs one by one: real failures come less independently than the chain has it.
        """
        alone, size = self.threshold(jobs), min(LARGEST_GROUP, _rounded_down(at_once))
        if size <= 1 or alone > MOST_LEVELS:
            return alone
        if (jobs, size) not in self.grouped:
            grouped = RunLengths(self.baseline, self.scores, size).threshold(jobs)
            self.grouped[jobs, size] = max(alone // 2, min(alone, grouped))
        return self.grouped[jobs, size]

    def _climb(self) -> None:
        state = self._next()
        reached = self.overshoot[0]
        self.lengths.append(self.lengths[-1] + float(reached) * state.jobs)
        self.overshoot = _moved(self.overshoot) + reached * state.landing
        self.below.append(state)

    def _next(self) -> _State:
        # From wherever it falls to, the sum climbs back past the levels in between; what is below zero is zero.
        most, depth = len(self.rises), len(self.below)
        chances, jobs = np.zeros(depth + 1 + most), float(self.size)
        chances[: depth + 1] = self.falls[depth::-1]
        chances[0] += fsum(self.falls[depth + 1 :].tolist())
        for place, state in enumerate(self.below):
            jobs += float(chances[place]) * state.jobs
            chances[place + 1 : place + 1 + most] += chances[place] * state.landing
        landing, returns = chances[depth + 1 :] + self.rises, float(chances[depth])
        # Where it hardly ever leaves, the difference would be nothing but errors of rounding.
        leaves = 1 - returns if returns < 0.5 else fsum(landing.tolist())
        return _State(landing / leaves, jobs / leaves)


def _moved(landing: Weights) -> Weights:
    """Return the chances as seen from one level higher."""
    return np.append(landing[1:], 0.0)


def _rounded_down(jobs: int) -> int:
    """Return a number cut to two binary digits, so that few thresholds are asked for."""
    spare = max(0, jobs.bit_length() - 2)
    return jobs >> spare << spare


def _moves(steps: Scores, rate: float, size: int) -> tuple[Weights, Weights]:
    """Return the chances that a group of jobs moves the sum up, from one step on, and down, from none on."""
    rises, falls = np.zeros(steps.error * size), np.zeros(steps.success * size + 1)
    for errors in range(size + 1):
        chance = comb(size, errors) * rate**errors * (1 - rate) ** (size - errors)
        step = steps.error * errors - steps.success * (size - errors)
        if step > 0:
            rises[step - 1] = chance
        else:
            falls[-step] = chance
    likely = np.flatnonzero(rises > NEGLIGIBLE * rises.max())
    return rises[: int(likely.max(initial=0)) + 1], falls


@lru_cache(maxsize=512)
def run_lengths(baseline: float, changed: float) -> RunLengths:
    """Return the run lengths of the sum that tells `changed` from `baseline`."""
    return RunLengths(baseline, scores(baseline, changed))
