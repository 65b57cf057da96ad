"""The Bernoulli CUSUM: how soon a run of jobs shows that failures have become more frequent, and how seldom it errs.

Each failure adds `Scores.error` to a sum, each success takes `Scores.success` away, and the sum never falls below zero.
It passes a threshold soon after the rate has risen from `baseline` to `changed`, and by mistake once in so many jobs.
Law: the threshold is the lowest at which that mean number of jobs, the run length, is as long as was asked for.

Among all procedures with that run length none has a shorter worst delay: G. Lorden (1971), "Procedures for reacting to
a change in distribution", Ann. Math. Stat. 42(6), asymptotically; G. V. Moustakides (1986), "Optimal stopping times for
detecting changes in distributions", Ann. Stat. 14(4), exactly. Whole scores are those of M. R. Reynolds and Z. G.
Stoumbos (1999), "A CUSUM chart for monitoring a proportion when inspecting continuously", J. Quality Technology 31(1).

Who looks only after so many jobs, as at the end of a pane, errs more seldom, and may take a lower threshold. That of
jobs in groups comes from the Markov chain of the sum at the ends of groups (D. Brook and D. A. Evans (1972), "An
approach to the probability distribution of CUSUM run length", Biometrika 59(3)), whose states are removed one by one
without a subtraction (W. K. Grassmann, M. I. Taksar and D. P. Heyman (1985), Operations Research 33(5)).
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
"""Chances so small that no run length shows them."""

MOST_LEVELS = 400
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
    lengths: list[float] = field(default_factory=list)
    """By threshold, from 1."""
    overshoot: Weights = field(init=False)
    below: deque[_State] = field(init=False)
    grouped: dict[tuple[int, int], int] = field(default_factory=dict)
    """Thresholds of jobs in groups, by the mean number of jobs between mistakes and the group's size."""

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

    def threshold_of_group(self, jobs: int, at_once: int) -> int:
        """Return the threshold for sums that are looked at after so many jobs at once, or more.

        Never below half of that for jobs one by one: real failures come less independently than the chain has it.
        """
        alone, size = self.threshold(jobs), min(LARGEST_GROUP, _rounded_down(at_once))
        if size <= 1 or not 1 < alone <= MOST_LEVELS:
            return alone
        if (jobs, size) not in self.grouped:
            tried = range(alone // 2, alone)
            above = bisect_left(tried, True, key=lambda threshold: self.length_of_groups(threshold, size) >= jobs)
            self.grouped[jobs, size] = tried.start + above
        return self.grouped[jobs, size]

    def length_of_groups(self, threshold: int, size: int) -> float:
        """Return the mean number of jobs until the sum, looked at after each group, reaches a threshold."""
        steps = _group_steps(self.scores, self.baseline, size)
        moves, ends = np.zeros((threshold, threshold)), np.zeros(threshold)
        for step, chance in steps:
            for level in range(threshold):
                to = max(0, level + step)
                if to < threshold:
                    moves[level, to] += chance
                else:
                    ends[level] += chance
        return size * _mean_moves(moves, ends)

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


def _rounded_down(jobs: int) -> int:
    """Return a number cut to two binary digits, so that few thresholds are asked for."""
    spare = max(0, jobs.bit_length() - 2)
    return jobs >> spare << spare


def _group_steps(steps: Scores, rate: float, size: int) -> list[tuple[int, float]]:
    """Return by how much a group of jobs moves the sum, with the chance of each move."""
    return [
        (steps.error * errors - steps.success * (size - errors), chance)
        for errors in range(size + 1)
        if (chance := comb(size, errors) * rate**errors * (1 - rate) ** (size - errors)) > NEGLIGIBLE
    ]


def _mean_moves(moves: Weights, ends: Weights) -> float:
    """Return the mean number of moves of a chain from its first state until it ends."""
    taken = np.ones(len(ends))
    for state in range(len(ends) - 1, 0, -1):
        leaves = fsum((*moves[state, :state].tolist(), float(ends[state])))
        arrives = moves[:state, state] / leaves
        moves[:state, :state] += arrives[:, None] * moves[state, :state]
        ends[:state] += arrives * ends[state]
        taken[:state] += arrives * taken[state]
    return float(taken[0] / ends[0])


@lru_cache(maxsize=512)
def run_lengths(baseline: float, changed: float) -> RunLengths:
    """Return the run lengths of the sum that tells `changed` from `baseline`."""
    return RunLengths(baseline, scores(baseline, changed))
