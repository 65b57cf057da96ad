"""What each kind of rule says about a preset at a tick, and the numbers it says it by.

Law: a condition reads only what was decided before the tick. One class per kind, listed in `CONDITIONS`; a signal is
asked for at every tick and costs a look at rolling sums, evidence only when an alert moves.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from stream.domain.alerting import Signal
from stream.domain.panes import pane_start
from stream.domain.rates import wilson
from stream.domain.recency import Recency
from stream.domain.rules import ConsecutiveRule, Rule, SilenceRule, ThresholdRule
from stream.domain.tally import Cell

Counts = Mapping[Cell, int]

Counted = Callable[[str], bool]
"""Tells whether a failure of this reason is an error to the rule."""


class Sum(NamedTuple):
    """Jobs of a window as one rule counts them: failures it leaves out still count in the total."""

    errors: int
    total: int


def sum_counts(counts: Counts, counted: Counted) -> Sum:
    """Return the jobs of a window as a rule counts them."""
    errors = sum(count for cell, count in counts.items() if cell.reason and counted(cell.reason))
    return Sum(errors, sum(counts.values()))


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of one preset at one tick, after its last pane closed."""

    at_ms: int
    pane_ms: int
    closed: Counts
    """Jobs of the pane that has just closed."""
    sum_over: Callable[[ThresholdRule], Sum]
    """Jobs of a rule's window, as it counts them."""
    counts_since: Callable[[int], Counts]
    """Jobs of the panes that start at an instant or later, up to the tick."""
    recency: Recency
    last_job_ms: int
    """The newest job that counted, or the start of the watch; epoch milliseconds, -1 while there is neither."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition's evidence: the jobs of a window, and the threshold they were held against."""

    window_start_ms: int
    counts: Counts
    threshold: float | int


class Condition(Protocol):
    """One kind of rule."""

    def signal(self, rule: Any, sight: Sight, counted: Counted) -> Signal:
        """Return what the rule says."""
        ...

    def has_data(self, rule: Any, sight: Sight) -> bool:
        """Tell whether there was anything to go by; else the last signal stands."""
        ...

    def find(self, rule: Any, sight: Sight, counted: Counted) -> Finding:
        """Return the numbers it says it by."""
        ...


class _Threshold:
    """Holds a window's error rate, or its lower bound, against the rule's threshold."""

    def signal(self, rule: ThresholdRule, sight: Sight, counted: Counted) -> Signal:
        errors, total = sight.sum_over(rule)
        if not total:
            return Signal.CLEAR
        rate = errors / total
        # The bound lies below the rate, so that it is only worth computing where the rate itself is too high.
        if rate > rule.error_rate and total >= rule.min_jobs and _is_proven(rule, errors, total):
            return Signal.BREACH
        return Signal.CLEAR if rate < rule.resolve_below else Signal.ELEVATED

    def has_data(self, rule: ThresholdRule, sight: Sight) -> bool:
        return sight.sum_over(rule).total > 0

    def find(self, rule: ThresholdRule, sight: Sight, counted: Counted) -> Finding:
        start_ms = sight.at_ms - rule.window_ms
        return Finding(start_ms, sight.counts_since(start_ms), rule.error_rate)


def _is_proven(rule: ThresholdRule, errors: int, total: int) -> bool:
    return not rule.confidence or wilson(errors, total, rule.confidence)[0] > rule.error_rate


class _Consecutive:
    """Asks whether the newest jobs have all failed; failures the rule leaves out neither count nor break the run."""

    def signal(self, rule: ConsecutiveRule, sight: Sight, counted: Counted) -> Signal:
        failures = sight.recency.failures
        if not failures or sum(map(len, failures.values())) < rule.errors:
            return Signal.CLEAR
        run = sight.recency.newest(counted, rule.errors)
        return Signal.BREACH if len(run) >= rule.errors else Signal.CLEAR

    def has_data(self, rule: ConsecutiveRule, sight: Sight) -> bool:
        return bool(sight.closed)

    def find(self, rule: ConsecutiveRule, sight: Sight, counted: Counted) -> Finding:
        run = sight.recency.newest(counted, rule.errors)
        if len(run) < rule.errors:
            return Finding(sight.at_ms - sight.pane_ms, sight.closed, rule.errors)
        counts = {Cell("", reason): count for reason, count in Counter(reason for _, reason in run).items()}
        return Finding(pane_start(run[0][0], sight.pane_ms), counts, rule.errors)


class _Silence:
    """Holds the time since the last job against the rule's patience."""

    def signal(self, rule: SilenceRule, sight: Sight, counted: Counted) -> Signal:
        return Signal.BREACH if 0 <= sight.last_job_ms <= sight.at_ms - rule.after_ms else Signal.CLEAR

    def has_data(self, rule: SilenceRule, sight: Sight) -> bool:
        return True

    def find(self, rule: SilenceRule, sight: Sight, counted: Counted) -> Finding:
        if self.signal(rule, sight, counted) is Signal.BREACH:
            return Finding(pane_start(sight.last_job_ms, sight.pane_ms), {}, rule.after_ms // 1000)
        return Finding(sight.at_ms - sight.pane_ms, sight.closed, rule.after_ms // 1000)


CONDITIONS: Mapping[type[Rule], Condition] = {
    ThresholdRule: _Threshold(),
    ConsecutiveRule: _Consecutive(),
    SilenceRule: _Silence(),
}
