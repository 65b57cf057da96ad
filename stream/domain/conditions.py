"""What each kind of rule says about a preset at a tick, and the numbers it says it by.

Law: a condition reads only what was decided before the tick. One class per kind, listed in `CONDITIONS`; a signal is
asked for where windows do not show that the rule is clear, and costs a look at sums, evidence only when an alert moves.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from stream.domain.alerting import Signal
from stream.domain.burn_rate import BURN_RATE
from stream.domain.burn_rate_rule import BurnRateRule
from stream.domain.panes import pane_start
from stream.domain.rates import is_above
from stream.domain.rules import ConsecutiveRule, Rule, SilenceRule, ThresholdRule
from stream.domain.shift import SHIFT
from stream.domain.shift_rule import ShiftRule
from stream.domain.sight import Bar, Condition, Counted, Finding, Sight, window_start
from stream.domain.tally import Cell


class _Threshold:
    """Holds a window's error rate, or its lower bound, against the rule's threshold."""

    def bars(self, rule: ThresholdRule) -> Sequence[Bar]:
        return (Bar(rule.window_ms, rule.error_rate, rule.min_jobs),)

    def signal(self, rule: ThresholdRule, sight: Sight, counted: Counted) -> Signal:
        errors, total = sight.sum_over(rule, rule.window_ms)
        if not errors:
            return Signal.CLEAR
        if total >= rule.min_jobs and is_above(rule.error_rate, errors, total, rule.confidence):
            return Signal.BREACH
        return Signal.CLEAR if errors / total < rule.resolve_below else Signal.ELEVATED

    def has_data(self, rule: ThresholdRule, sight: Sight) -> bool:
        return sight.sum_over(rule, rule.window_ms).total > 0

    def find(self, rule: ThresholdRule, sight: Sight, counted: Counted) -> Finding:
        start_ms = window_start(sight.at_ms, rule.window_ms)
        return Finding(start_ms, counted.of(sight.counts_since(start_ms)), rule.error_rate)


class _Consecutive:
    """Asks whether the newest jobs have all failed; failures the rule leaves out neither count nor break the run."""

    def bars(self, rule: ConsecutiveRule) -> Sequence[Bar]:
        return ()

    def signal(self, rule: ConsecutiveRule, sight: Sight, counted: Counted) -> Signal:
        recency = sight.recency_of(rule.source_types, rule.errors)
        if not recency.failures or sum(map(len, recency.failures.values())) < rule.errors:
            return Signal.CLEAR
        run = recency.newest(counted.is_error, rule.errors)
        return Signal.BREACH if len(run) >= rule.errors else Signal.CLEAR

    def has_data(self, rule: ConsecutiveRule, sight: Sight) -> bool:
        return sight.has_closed(rule.source_types)

    def find(self, rule: ConsecutiveRule, sight: Sight, counted: Counted) -> Finding:
        run = sight.recency_of(rule.source_types, rule.errors).newest(counted.is_error, rule.errors)
        if len(run) < rule.errors:
            return Finding(sight.at_ms - sight.pane_ms, counted.of(sight.closed), rule.errors)
        counts = {Cell("", reason): count for reason, count in Counter(reason for _, reason in run).items()}
        return Finding(pane_start(run[0][0], sight.pane_ms), counts, rule.errors)


class _Silence:
    """Holds the time since the last job against the rule's patience."""

    def bars(self, rule: SilenceRule) -> Sequence[Bar]:
        return ()

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
    BurnRateRule: BURN_RATE,
    ShiftRule: SHIFT,
    ConsecutiveRule: _Consecutive(),
    SilenceRule: _Silence(),
}
