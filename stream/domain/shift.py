"""Whether a preset has become worse than it was: the fold of its jobs into the sums of a bank, and what they say.

Law: the sums are a function of the panes that hold jobs, in their order. Within a pane jobs have no order, so sums are
held at zero, and looked at, once a pane and not once a job. A pane's threshold is that of so many jobs at once: false
alarms are about as seldom as promised and not much more so. Once a sum has told of a change, its mirror image looks for
the way back; if that sum was one for less than the rate to detect, another looks whether it has become as bad as that.
"""

from collections.abc import Sequence
from math import ceil, log

from stream.domain.alerting import Signal
from stream.domain.bank import Bank, bank_of, limits, moved
from stream.domain.baselines import learn
from stream.domain.cusum import RunLengths, run_lengths
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.shift_rule import LEARNS_FROM_MS, ShiftRule
from stream.domain.sight import Bar, Chart, Condition, Counted, Finding, Shift, Sight, Sum, sum_counts

LEARNS_AFTER_MS = 24 * HOUR_MS
"""A day: what is usual at night may not be by day."""

RECOVERY_ODDS = 1000
"""A preset has recovered when its jobs are so many times likelier at the baseline than at the rate to detect."""

SMALL_RECOVERY_ODDS = 20
"""The same where only a lower rate was found: at more, an alert of little would outlast it by thousands of jobs."""


def advance(rule: ShiftRule, before: Shift | None, sight: Sight, counted: Counted) -> Shift:
    """Return the sums after a pane that holds jobs which the rule looks at."""
    start_ms = sight.at_ms - sight.pane_ms
    known = before if before is not None and before.rule == rule.fingerprint else None
    state = _with_baseline(rule, known or Shift(rule.fingerprint, start_ms, start_ms), sight, counted)
    if state.baseline is None:
        return state._replace(since_ms=sight.at_ms)
    bank = bank_of(state.baseline, changed_rate(rule, state.baseline))
    follow = _detecting if state.top_ms is None else _recovering
    jobs, allowed = sum_counts(sight.closed, counted), jobs_between_alarms(rule, state, sight)
    return follow(state, bank, jobs, allowed, sight.at_ms)


def _detecting(state: Shift, bank: Bank, jobs: Sum, allowed: int, at_ms: int) -> Shift:
    moves, thresholds = bank.moves(jobs), limits(bank, allowed, jobs.total)
    charts = state.charts or (Chart(0, state.since_ms),) * len(moves)
    charts = tuple([_added(chart, by, at_ms) for chart, by in zip(charts, moves, strict=True)])
    for found in range(-1, -len(charts) - 1, -1):
        if charts[found].score >= thresholds[found]:
            since_ms = charts[found].since_ms
            return state._replace(score=0, since_ms=since_ms, top_ms=at_ms, charts=(), found=found)
    return state._replace(charts=charts, since_ms=charts[-1].since_ms)


def _added(chart: Chart, by: int, at_ms: int) -> Chart:
    score = chart.score + by
    return Chart(score, chart.since_ms) if score > 0 else Chart(0, at_ms)


def _recovering(state: Shift, bank: Bank, jobs: Sum, allowed: int, at_ms: int) -> Shift:
    if state.found != -1:
        state = _worsening(state, run_lengths(bank.rates[state.found], bank.rates[-1]), jobs, allowed, at_ms)
    steps = bank.steps[state.found]
    score = min(0, state.score + moved(steps, jobs))
    if score == 0:
        return state._replace(score=0, top_ms=at_ms)
    odds = RECOVERY_ODDS if state.found == -1 else SMALL_RECOVERY_ODDS
    if score <= -ceil(log(odds) / steps.unit):
        return state._replace(score=0, since_ms=at_ms, top_ms=None, better_ms=state.top_ms, charts=())
    return state._replace(score=score)


def _worsening(state: Shift, lengths: RunLengths, jobs: Sum, allowed: int, at_ms: int) -> Shift:
    """Return whether a rate that was found to be above the baseline has risen further, to the one to detect."""
    chart = _added((*state.charts, Chart(0, at_ms))[0], moved(lengths.scores, jobs), at_ms)
    if chart.score >= lengths.threshold_of_group(allowed, jobs.total):
        return state._replace(score=0, charts=(), found=-1)
    return state._replace(charts=(chart,))


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
    if not is_due or not (has_settled or _is_calm(state)):
        return state
    baseline = learn(sight.hours_since(sight.at_ms - LEARNS_FROM_MS, counted)) or state.baseline
    if has_settled:
        state = state._replace(score=0, since_ms=start_ms, top_ms=None, better_ms=state.since_ms, charts=())
    # Sums are in steps of their baseline's own.
    charts = state.charts if baseline == state.baseline else ()
    return state._replace(baseline=baseline, learned_ms=hour_ms, charts=charts)


def _is_calm(state: Shift) -> bool:
    return state.top_ms is None and (not state.charts or state.charts[-1].score == 0)


class _Shift:
    """Says whether a sum has reached its threshold and its jobs have not come back since."""

    def bars(self, rule: ShiftRule) -> Sequence[Bar]:
        return ()

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
