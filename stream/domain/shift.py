"""Whether a preset has become worse than it was: the fold of its jobs into a sum, and what the sum says.

Law: the sum is a function of the panes that hold jobs, in their order. Within a pane jobs have no order, so the sum is
held at zero, and looked at, once a pane and not once a job. A pane's threshold is that of so many jobs at once: false
alarms are about as seldom as promised and not much more so. Once a change is noticed, the mirror image of the sum looks
for the way back.
"""

from math import ceil, log

from stream.domain.alerting import Signal
from stream.domain.baselines import learn
from stream.domain.cusum import Scores, run_lengths
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.shift_rule import LEARNS_FROM_MS, ShiftRule
from stream.domain.sight import Condition, Counted, Finding, Shift, Sight, sum_counts

LEARNS_AFTER_MS = 24 * HOUR_MS
"""A day: what is usual at night may not be by day."""

RECOVERY_ODDS = 1000
"""A preset has recovered when its jobs are so many times likelier at the baseline than at the rate to detect."""


def advance(rule: ShiftRule, before: Shift | None, sight: Sight, counted: Counted) -> Shift:
    """Return the sum after a pane that holds jobs which the rule looks at."""
    start_ms = sight.at_ms - sight.pane_ms
    known = before if before is not None and before.rule == rule.fingerprint else None
    state = _with_baseline(rule, known or Shift(rule.fingerprint, start_ms, start_ms), sight, counted)
    if state.baseline is None:
        return state._replace(since_ms=sight.at_ms)
    lengths = run_lengths(state.baseline, changed_rate(rule, state.baseline))
    jobs = sum_counts(sight.closed, counted)
    limit = lengths.threshold_of_group(jobs_between_alarms(rule, state, sight), jobs.total)
    moved = lengths.scores.error * jobs.errors - lengths.scores.success * (jobs.total - jobs.errors)
    if state.top_ms is None:
        return _detecting(state, max(0, state.score + moved), limit, sight.at_ms)
    return _recovering(state, min(0, state.score + moved), lengths.scores, sight.at_ms)


def _detecting(state: Shift, score: int, limit: int, at_ms: int) -> Shift:
    if score >= limit:
        return state._replace(score=0, top_ms=at_ms)
    return state._replace(score=score, since_ms=at_ms if score == 0 else state.since_ms)


def _recovering(state: Shift, score: int, steps: Scores, at_ms: int) -> Shift:
    if score == 0:
        return state._replace(score=0, top_ms=at_ms)
    if score <= -ceil(log(RECOVERY_ODDS) / steps.unit):
        return state._replace(score=0, since_ms=at_ms, top_ms=None, better_ms=state.top_ms)
    return state._replace(score=score)


def changed_rate(rule: ShiftRule, baseline: float) -> float:
    """Return the rate to detect: a preset that was learned to be bad already must become clearly worse."""
    return rule.detect if rule.baseline != "learn" else max(rule.detect, min(2 * baseline, (1 + baseline) / 2))


def jobs_between_alarms(rule: ShiftRule, state: Shift, sight: Sight) -> int:
    """Return how many jobs lie between two false alarms that are as far apart as the rule allows.

    Rounded up to three binary digits, so that few thresholds are asked for; never below a job an hour, as a preset that
    was quiet for long is not known to stay so.
    """
    known_ms = min(LEARNS_FROM_MS, max(HOUR_MS, sight.at_ms - state.born_ms))
    jobs = sight.sum_over(rule, LEARNS_FROM_MS).total * rule.between_alarms_ms // known_ms
    jobs = max(jobs, rule.between_alarms_ms // HOUR_MS)
    spare = max(0, jobs.bit_length() - 3)
    return -(-jobs >> spare) << spare


def _with_baseline(rule: ShiftRule, state: Shift, sight: Sight, counted: Counted) -> Shift:
    if rule.baseline != "learn":
        return state._replace(baseline=rule.baseline) if state.baseline is None else state
    start_ms = sight.at_ms - sight.pane_ms
    hour_ms = pane_start(start_ms, HOUR_MS)
    # While there are signs of a change nothing is learned from it, unless it has come to stay.
    has_settled = start_ms - state.since_ms >= LEARNS_FROM_MS
    is_due = hour_ms > state.learned_ms and start_ms - state.born_ms >= LEARNS_AFTER_MS
    if not is_due or not (has_settled or (state.score == 0 and state.top_ms is None)):
        return state
    baseline = learn(sight.hours_since(sight.at_ms - LEARNS_FROM_MS, counted))
    if has_settled:
        state = state._replace(score=0, since_ms=start_ms, top_ms=None, better_ms=state.since_ms)
    return state._replace(baseline=state.baseline if baseline is None else baseline, learned_ms=hour_ms)


class _Shift:
    """Says whether the sum has reached its threshold and has not come back since."""

    def signal(self, rule: ShiftRule, sight: Sight, counted: Counted) -> Signal:
        state = sight.shifts.get(rule.key)
        return Signal.BREACH if state is not None and state.top_ms is not None else Signal.CLEAR

    def has_data(self, rule: ShiftRule, sight: Sight) -> bool:
        return sight.has_closed(rule.source_types)

    def find(self, rule: ShiftRule, sight: Sight, counted: Counted) -> Finding:
        state = sight.shifts[rule.key]
        baseline = state.baseline or 0.0
        began_ms = state.better_ms if state.top_ms is None else None
        start_ms = max(began_ms or state.since_ms, pane_start(sight.at_ms, HOUR_MS) - LEARNS_FROM_MS)
        threshold = changed_rate(rule, baseline)
        counts = counted.of(sight.counts_since(start_ms))
        return Finding(sight.floor(start_ms), counts, threshold, {"baseline": baseline})


SHIFT: Condition = _Shift()
