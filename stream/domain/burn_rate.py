"""Whether an error budget is being spent too fast, how much of it is left, and until when.

Law: a pair of windows speaks only if both are over its limit: the long one proves it, the short one that it goes on.
"""

from collections.abc import Sequence

from schemas.times import format_time
from stream.domain.alerting import Signal
from stream.domain.annotations import Value
from stream.domain.burn_rate_rule import BurnRateRule, Pair
from stream.domain.panes import HOUR_MS
from stream.domain.rates import is_above
from stream.domain.rule_fields import FINE_MS
from stream.domain.sight import Bar, Condition, Counted, Finding, Sight, Sum, sum_counts, window_start

SPENT = "already"
"""When a budget ends that is spent."""

FORESEEN_MS = 365 * 24 * HOUR_MS
"""What will last longer than this is as good as endless."""


class _BurnRate:
    """Holds each pair of windows against the error rate at which it minds."""

    def bars(self, rule: BurnRateRule) -> Sequence[Bar]:
        return tuple(Bar(pair.long_ms, limit, rule.min_jobs) for pair, limit in rule.limits)

    def signal(self, rule: BurnRateRule, sight: Sight, counted: Counted) -> Signal:
        found = Signal.CLEAR
        for pair, limit in rule.limits:
            signal = _signal(rule, pair, limit, sight)
            if signal is Signal.BREACH:
                return signal
            found = signal if signal is Signal.ELEVATED else found
        return found

    def has_data(self, rule: BurnRateRule, sight: Sight) -> bool:
        return any(sight.sum_over(rule, pair.short_ms).total for pair in rule.pairs)

    def find(self, rule: BurnRateRule, sight: Sight, counted: Counted) -> Finding:
        burning = (known for known in rule.limits if _signal(rule, *known, sight) is Signal.BREACH)
        pair, limit = next(burning, rule.limits[0])
        start_ms = window_start(sight.at_ms, pair.long_ms)
        counts = sight.counts_since(start_ms)
        return Finding(start_ms, counted.of(counts), limit, _budget(rule, sum_counts(counts, counted), sight, counted))


def _signal(rule: BurnRateRule, pair: Pair, limit: float, sight: Sight) -> Signal:
    errors, total = sight.sum_over(rule, pair.long_ms)
    if total < rule.min_jobs or not is_above(limit, errors, total, rule.confidence):
        return Signal.CLEAR
    short = sight.sum_over(rule, pair.short_ms)
    if not short.total:
        # Nobody can tell whether it still goes on.
        return Signal.ELEVATED
    return Signal.BREACH if short.errors > limit * short.total else Signal.CLEAR


def _budget(rule: BurnRateRule, window: Sum, sight: Sight, counted: Counted) -> dict[str, Value]:
    """Return what annotations may say of the budget; a period that is not known whole is taken to go on as it began."""
    start_ms = window_start(sight.at_ms, rule.period_ms)
    period = sum_counts(sight.counts_since(start_ms), counted)
    known_ms = sight.at_ms - (start_ms if rule.period_ms <= FINE_MS else sight.first_hour_since(start_ms, counted))
    allowed = (1 - rule.objective) * period.total * max(1.0, rule.period_ms / max(known_ms, sight.pane_ms))
    left = 1 - period.errors / allowed if allowed else 1.0
    burn_rate = window.errors / window.total / (1 - rule.objective) if window.total else 0.0
    end = _end(rule, left, burn_rate, sight)
    return {"budget_left": round(left, 6), "burn_rate": f"{burn_rate:.3g}", "budget_ends": end}


def _end(rule: BurnRateRule, left: float, burn_rate: float, sight: Sight) -> str | None:
    if left <= 0:
        return SPENT
    lasts_ms = left * rule.period_ms / burn_rate if burn_rate else FORESEEN_MS
    return format_time(sight.at_ms + round(lasts_ms / 1000) * 1000) if lasts_ms < FORESEEN_MS else None


BURN_RATE: Condition = _BurnRate()
