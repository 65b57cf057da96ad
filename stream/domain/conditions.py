"""What each kind of rule says about a preset at a tick, and the numbers it says it by.

Law: a condition reads only what was decided before the tick. One function per kind, listed in `CONDITIONS`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stream.domain.alerting import Reading, Signal
from stream.domain.panes import pane_start
from stream.domain.rates import wilson
from stream.domain.recency import Recency
from stream.domain.rules import ConsecutiveRule, Rule, SilenceRule, ThresholdRule
from stream.domain.tally import Cell

Counts = Mapping[Cell, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of one preset at one tick, after its last pane closed."""

    at_ms: int
    pane_ms: int
    closed: Counts
    """Jobs of the pane that has just closed."""
    windows: Mapping[int, Counts]
    """Rolling sums by window length in milliseconds."""
    recency: Recency
    last_job_ms: int
    """The newest job that counted, or the start of the watch; epoch milliseconds, -1 while there is neither."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition's reading with its evidence: the jobs in a window, and the threshold they were held against."""

    reading: Reading
    window_start_ms: int
    counts: Counts
    threshold: float | int


Counted = Callable[[str], bool]
"""Tells whether a failure of this reason is an error to the rule."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Jobs of a window as one rule counts them: failures it leaves out still count in the total."""

    errors: int
    finished: int
    total: int


def sum_counts(counts: Counts, counted: Counted) -> Sum:
    """Return the jobs of a window as a rule counts them."""
    errors = sum(count for cell, count in counts.items() if cell.reason and counted(cell.reason))
    finished = sum(count for cell, count in counts.items() if not cell.reason)
    return Sum(errors, finished, sum(counts.values()))


def threshold(rule: ThresholdRule, sight: Sight, counted: Counted) -> Finding:
    """Hold a window's error rate, or its lower bound, against the rule's threshold."""
    counts = sight.windows[rule.window_ms]
    jobs = sum_counts(counts, counted)
    reading = Reading(_threshold_signal(rule, jobs), has_data=jobs.total > 0)
    return Finding(reading, sight.at_ms - rule.window_ms, counts, rule.error_rate)


def _threshold_signal(rule: ThresholdRule, jobs: Sum) -> Signal:
    if not jobs.total:
        return Signal.CLEAR
    rate = jobs.errors / jobs.total
    proven = wilson(jobs.errors, jobs.total, rule.confidence)[0] if rule.confidence else rate
    if jobs.total >= rule.min_jobs and proven > rule.error_rate:
        return Signal.BREACH
    return Signal.CLEAR if rate < rule.resolve_below else Signal.ELEVATED


def consecutive(rule: ConsecutiveRule, sight: Sight, counted: Counted) -> Finding:
    """Ask whether the newest jobs have all failed; failures the rule leaves out neither count nor break the run."""
    failures, has_data = sight.recency.newest(counted, rule.errors), bool(sight.closed)
    if len(failures) < rule.errors:
        return Finding(Reading(Signal.CLEAR, has_data), sight.at_ms - sight.pane_ms, sight.closed, rule.errors)
    counts = {Cell("", reason): count for reason, count in Counter(reason for _, reason in failures).items()}
    return Finding(Reading(Signal.BREACH, has_data), pane_start(failures[0][0], sight.pane_ms), counts, rule.errors)


def silence(rule: SilenceRule, sight: Sight, counted: Counted) -> Finding:
    """Hold the time since the last job against the rule's patience."""
    silent = 0 <= sight.last_job_ms <= sight.at_ms - rule.after_ms
    start_ms = pane_start(sight.last_job_ms, sight.pane_ms) if silent else sight.at_ms - sight.pane_ms
    counts: Counts = {} if silent else sight.closed
    return Finding(Reading(Signal.BREACH if silent else Signal.CLEAR), start_ms, counts, rule.after_ms // 1000)


CONDITIONS: Mapping[type[Rule], Callable[[Any, Sight, Counted], Finding]] = {
    ThresholdRule: threshold,
    ConsecutiveRule: consecutive,
    SilenceRule: silence,
}


def find(rule: Rule, sight: Sight, counted: Counted) -> Finding:
    """Return what a rule says at a tick."""
    return CONDITIONS[type(rule)](rule, sight, counted)
