"""Ticks passed over are ticks at which nothing could change, and a tick's cost depends on no window or history.

Cost is counted in looks at stored panes, not in time. The naive evaluator keeps nothing but panes and decides every
rule for every preset at every tick.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given

from schemas.alert import AlertEvent
from stream.domain.alerting import Alert, Phase, Reading, Signal, observe
from stream.domain.conditions import CONDITIONS
from stream.domain.counting import count
from stream.domain.deciding import Board
from stream.domain.evidence import Change, describe
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.preset import EVIDENCE_JOBS, Stamped
from stream.domain.records import Run
from stream.domain.replay import Replay
from stream.domain.rule_base import BaseRule
from stream.domain.rules import Rule, RuleSet
from stream.domain.shift import advance
from stream.domain.shift_rule import ShiftRule
from stream.domain.sight import Counted, Shift, Sight, Sum, floor, sum_counts, window_start
from stream.domain.sources import CountingPolicy, pass_time
from stream.domain.tallies import time_message
from stream.domain.tally import Cell, FailedJob, Tally, add_counts, merged
from stream.domain.watching import DecidingPolicy
from tests.laws.logs import (
    CAUSES,
    PANE_MS,
    SOON,
    Story,
    canonical,
    counting_policy,
    deciding_policy,
    new_source,
    rule_sets,
    stories,
    write,
)
from tests.webhooks import T0_MS, body, log_of

AFTER_MS = 20 * 60_000
"""How long time passes after the last job: longer than anything in a drawn rule."""
FOREVER_MS = 10**12


@dataclass(slots=True)
class Naive:
    """Decides everything at every tick, from the panes alone."""

    policy: DecidingPolicy
    panes: dict[str, dict[int, Tally]]
    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    shifts: dict[str, dict[str, Shift]] = field(default_factory=dict)

    def run(self, ticks: range) -> Iterator[AlertEvent]:
        for at_ms in ticks:
            for name, panes in self.panes.items():
                shifts = self.shifts.setdefault(name, {})
                sight = self._see({start: pane for start, pane in panes.items() if start < at_ms}, at_ms, shifts)
                for rule in self.policy.rules_for(name):
                    if isinstance(rule, ShiftRule) and sight.has_closed(rule.source_types):
                        shifts[rule.key] = advance(rule, shifts.get(rule.key), sight, self.policy.counted_by(rule))
                for rule in self.policy.rules_for(name):
                    yield from self._decide(name, rule, sight)

    def _see(self, panes: dict[int, Tally], at_ms: int, shifts: dict[str, Shift]) -> Sight:
        def counts_between(start_ms: int, end_ms: int) -> dict[Cell, int]:
            window: dict[Cell, int] = {}
            for start, pane in panes.items():
                add_counts(window, pane.decided if start_ms <= start < end_ms else {})
            return window

        def counts_since(start_ms: int) -> dict[Cell, int]:
            return counts_between(floor(at_ms, start_ms), at_ms)

        def sum_over(rule: BaseRule, length_ms: int) -> Sum:
            return sum_counts(counts_since(window_start(at_ms, length_ms)), self.policy.counted_of[rule.key])

        def hours_between(start_ms: int) -> range:
            return range(pane_start(start_ms, HOUR_MS), pane_start(at_ms, HOUR_MS), HOUR_MS)

        def hours_since(start_ms: int, counted: Counted) -> list[Sum]:
            hours = [counts_between(start, start + HOUR_MS) for start in hours_between(start_ms)]
            return [sum_counts(hour, counted) for hour in hours if hour]

        def first_hour_since(start_ms: int, counted: Counted) -> int:
            hours = hours_between(start_ms)
            known = (start for start in hours if sum_counts(counts_between(start, start + HOUR_MS), counted).total)
            return next(known, pane_start(at_ms, HOUR_MS))

        known = merged(panes.values(), max(1, self.policy.rules.max_consecutive))
        closed = panes.get(at_ms - PANE_MS, Tally()).decided
        recent = (known.recency, known.last_decided_ms)
        return Sight(
            at_ms,
            PANE_MS,
            closed,
            sum_over,
            counts_since,
            *recent,
            hours_since,
            first_hour_since,
            shifts,
            known.recency_by_source,
        )

    def _decide(self, name: str, rule: Rule, sight: Sight) -> Iterator[AlertEvent]:
        counted, before = self.policy.counted_by(rule), self.alerts.get((name, rule.key), Alert())
        condition = CONDITIONS[type(rule)]
        signal = condition.signal(rule, sight, counted)
        if before.phase is not Phase.FIRING and self._is_inhibited(name, rule):
            signal = Signal.CLEAR
        reading = Reading(signal, condition.has_data(rule, sight))
        after, moved_by = observe(before, reading, rule, sight.at_ms)
        self.alerts[name, rule.key] = after
        if moved_by is not None and Phase.FIRING in (before.phase, after.phase):
            finding = condition.find(rule, sight, counted)
            started = [at for at in (before.started_at_ms, after.started_at_ms) if at is not None]
            jobs = self._failures(name, finding.window_start_ms, sight.at_ms, counted)
            change = Change(rule, name, moved_by, started[0], sight.at_ms, finding, jobs)
            yield describe(change, counted, self.policy.party_of)

    def _is_inhibited(self, name: str, rule: Rule) -> bool:
        firing = {
            other for (preset, other), alert in self.alerts.items() if (preset, alert.phase) == (name, Phase.FIRING)
        }
        return any(other.key in firing and other.inhibits(rule) for other in self.policy.rules_for(name))

    def _failures(self, name: str, start_ms: int, end_ms: int, counted: Counted) -> tuple[str, ...]:
        panes = [(start, pane) for start, pane in self.panes[name].items() if start_ms <= start < end_ms]
        found: list[FailedJob] = []
        for _, pane in sorted(panes, key=lambda item: item[0], reverse=True):
            found += sorted((job for job in pane.samples if counted.includes(job)), reverse=True)
        return tuple(job.job_id for job in found[:EVIDENCE_JOBS])


@given(stories(SOON, most=20), rule_sets())
def test_passing_over_ticks_says_what_deciding_every_tick_says(told: list[Story], rules: RuleSet) -> None:
    policy = counting_policy(rules, horizon_ms=FOREVER_MS, retention_ms=FOREVER_MS)
    replay = Replay(policy, deciding_policy(rules, len(told), FOREVER_MS), CAUSES)
    events = [event for log in write(told) for record in log for event in replay.take(record.partition, [record])]
    sources = [each.own for each in replay.sources]
    end_ms = max(state.watermark_ms or 0 for state in sources) // PANE_MS * PANE_MS + AFTER_MS
    for partition, state in enumerate(sources):
        state.apply(pass_time(state, end_ms))
        replay.board.merge(time_message(partition, state))
    events += replay.board.decide()
    board = replay.board
    panes = {name: {start: preset.pane(start) for start in preset.panes} for name, preset in board.presets.items()}
    first_ms = min(start for by_start in panes.values() for start in by_start)
    naive = Naive(replay.deciding, {name: by_start for name, by_start in panes.items() if by_start})
    assert canonical(events) == canonical(list(naive.run(range(first_ms, end_ms + 1, PANE_MS))))


class Watched(dict[int, Any]):
    """A dict that counts how often it is looked into."""

    looks = 0

    def get(self, key: int, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)

    def __getitem__(self, key: int) -> Any:
        self.looks += 1
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[int]:
        for key in super().__iter__():
            self.looks += 1
            yield key


def looks_at_one_tick(window: str, panes: int, presets: int = 1) -> int:
    """Count the looks at panes when the last of many panes closes."""
    rules = RuleSet.model_validate({"rules": ({"name": "rate", "kind": "threshold", "window": window},)})
    board = Board(deciding_policy(rules, 1, FOREVER_MS))
    filled = Tally(seen={Cell("uri"): 1}, decided={Cell("uri"): 1}, last_decided_ms=0)
    for name in map(str, range(presets)):
        preset = board.preset(name)
        for start in range(0, panes * PANE_MS, PANE_MS):
            preset.take(start, 0, Stamped.of(0, filled))
        preset.decided_to_ms = (panes - 1) * PANE_MS
    board.tick_ms = (panes - 1) * PANE_MS
    board.resume()
    watched = Watched(board.presets["0"].panes)
    board.presets["0"].panes = watched
    board.clocks.watermarks = {0: panes * PANE_MS}
    assert list(board.decide()) == []
    assert board.tick_ms == panes * PANE_MS
    return watched.looks


@pytest.mark.parametrize(
    ("window", "panes"), [("10m", 61), ("10m", 1_000), ("6h", 2_200), ("24h", 8_700), ("28d", 8_700)]
)
def test_a_tick_looks_at_as_many_panes_whatever_the_window_and_however_many_are_kept(window: str, panes: int) -> None:
    assert looks_at_one_tick(window, panes) == looks_at_one_tick("1m", 61)


def test_a_tick_of_one_preset_looks_at_no_more_panes_when_there_are_more_presets() -> None:
    assert looks_at_one_tick("10m", 61, presets=20) == looks_at_one_tick("10m", 61)


def looks_at_silent_hours(hours: int) -> int:
    """Count the looks at panes while nothing happens for so long, and a window holds a job for a day of it."""
    rate = {"name": "rate", "kind": "threshold", "window": "1d", "min_jobs": 1}
    rules = RuleSet.model_validate({"rules": ({"name": "quiet", "kind": "silence", "after": "30m"}, rate)})
    board = Board(deciding_policy(rules, 1))
    board.tick_ms, preset = 0, board.preset("summarize")
    preset.take(0, 0, Stamped.of(0, Tally(decided={Cell("uri"): 1}, last_decided_ms=5_000)))
    preset.due_ms = PANE_MS
    preset.panes = watched = Watched(preset.panes)
    board.clocks.watermarks = {0: hours * HOUR_MS}
    assert [event.at for event in board.decide()] == [1_810_000]
    return watched.looks


def test_hours_without_jobs_are_passed_over_at_once() -> None:
    assert looks_at_silent_hours(1) == looks_at_silent_hours(20)
    assert looks_at_silent_hours(30) == looks_at_silent_hours(1_000)


def looks_at_one_job(panes: int) -> int:
    """Count the looks at panes while one more job is counted."""
    state = new_source(CountingPolicy(retention_ms=FOREVER_MS))
    values = [
        (T0_MS + number * PANE_MS, body(f"{number}", "summarize", T0_MS + number * PANE_MS)) for number in range(panes)
    ]
    *before, last = log_of(values)
    state.apply(count(state, Run.of(before), CAUSES))
    state.panes = watched = Watched(state.panes)
    state.apply(count(state, Run.of([last]), CAUSES))
    assert len(watched) == panes
    return watched.looks


def test_a_job_looks_at_as_many_panes_however_many_are_kept() -> None:
    assert looks_at_one_job(panes=1_000) == looks_at_one_job(panes=10)
