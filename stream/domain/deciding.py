"""The deciding stage: tallies of one partition's presets in, alert events out.

Law: a tick is decided once every source partition's watermark has reached it, and by then all that rules may use of
earlier panes has arrived; so what is decided is a function of the source log alone, however messages were cut,
repeated or interleaved. A preset sleeps, whatever time passes over it, while nothing is pending and no window changes.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from schemas.alert import AlertEvent
from stream.domain.alerting import Alert, Phase, Reading, Signal, Trigger, observe
from stream.domain.clocks import Clocks
from stream.domain.evidence import WHOLE_TOPIC, Change, describe, resolve_removed
from stream.domain.hours import day_of
from stream.domain.outlook import MOST_TICKS, Outlook
from stream.domain.packing import PackedTally, PaneForm, pack_form, read_panes
from stream.domain.panes import HOUR_MS, next_boundary, pane_start
from stream.domain.preset import FORGET_AFTER_MS, Preset, Stamped
from stream.domain.rule_base import BaseRule, alert_key
from stream.domain.rule_fields import FINE_MS
from stream.domain.shift import advance
from stream.domain.sight import Sight, Sum
from stream.domain.tally import ALL_PRESETS, Tally
from stream.domain.tallying import PaneKey
from stream.domain.watching import DecidingPolicy, Watched
from stream.domain.windows import NEVER_MS, WindowKey

QUIET = Alert()

RESOLVED_KEPT = 50
"""Alerts that have resolved and can still be asked for, per partition."""

SOME_LOOKS = 16_384
"""About so many presets times ticks are decided without a pause: at some 25 microseconds each, less than half a second,
and ten times that where a dozen rules fire for each preset."""


@dataclass(slots=True)
class Board:
    """The presets of one tallies partition and the clocks of all source partitions."""

    policy: DecidingPolicy
    watches_topic: bool = False
    """Whether this partition decides on the topic as a whole."""
    clocks: Clocks = field(init=False)
    presets: dict[str, Preset] = field(default_factory=dict)
    tick_ms: int | None = None
    newest_pane_ms: int = -1
    forgot_at_ms: int = 0
    restored: tuple[str, ...] = ()
    """Presets of which rules that are gone, or mean something else now, may be remembered."""
    changed_blocks: set[tuple[str, int]] = field(default_factory=set)
    changed_days: set[tuple[str, int]] = field(default_factory=set)
    """Days whose hours have been settled or dropped."""
    changed_presets: set[str] = field(default_factory=set)
    resolved: deque[AlertEvent] = field(default_factory=lambda: deque(maxlen=RESOLVED_KEPT))

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.policy.sources)

    def merge(self, message: PackedTally) -> bool:
        """Take in one message; nothing is decided yet. Tell whether it could be read; if not, nothing of it counts."""
        panes = read_panes(message)
        if panes is not None:
            self._merge(message, panes)
        return panes is not None

    def _merge(self, message: PackedTally, panes: list[PaneForm]) -> None:
        source = message.source_partition
        if message.watermark_ms is not None:
            self.clocks.pass_time(source, message.watermark_ms, message.waits_for)
        if message.preset is None:
            if source >= self.policy.sources:
                self.clocks.count_forwarded(source - self.policy.sources, message.offset + 1)
            return
        preset = self.preset(message.preset)
        preset.catch_up(self.tick_ms)
        oldest_ms = self.oldest_retained()
        for pane in panes:
            if pane.start_ms < oldest_ms:
                continue
            # Packed anew: what came is a part of a record, and may hold more than is known.
            stamped = Stamped.read(message.offset, pane, pack_form(pane))
            if preset.take(pane.start_ms, source, stamped):
                self._note(message.preset, preset, pane.start_ms)

    def add(self, tallies: Mapping[PaneKey, Tally], kept: int) -> None:
        """Take in counts on top of those known; for a log in memory, of which nothing comes twice."""
        oldest_ms = self.oldest_retained()
        for (name, start_ms), tally in tallies.items():
            if start_ms >= oldest_ms:
                preset = self.preset(name)
                preset.catch_up(self.tick_ms)
                preset.add(start_ms, tally, kept)
                self._note(name, preset, start_ms)

    def _note(self, name: str, preset: Preset, start_ms: int) -> None:
        self.changed_blocks.add((name, self.policy.block_of(start_ms)))
        self.newest_pane_ms = max(self.newest_pane_ms, start_ms)
        if not preset.is_closed(start_ms):
            closes_ms = start_ms + self.policy.pane_ms
            preset.due_ms = min(closes_ms, preset.due_ms or closes_ms)

    def clock_ms(self) -> int | None:
        """Return the newest tick that every source partition has reached, in epoch milliseconds."""
        now_ms = self.clocks.now_ms()
        return None if now_ms is None else pane_start(now_ms, self.policy.pane_ms)

    def decide(self) -> Iterator[AlertEvent]:
        """Decide every tick the clock has passed, in order; ticks at which nothing can change are passed over."""
        while self.is_due():
            yield from self.decide_some()

    def is_due(self) -> bool:
        """Tell whether the clock has passed ticks that are yet to be decided."""
        return self._due_to() is not None

    def _due_to(self) -> int | None:
        clock_ms = self.clock_ms()
        return clock_ms if clock_ms is not None and (self.tick_ms is None or clock_ms > self.tick_ms) else None

    def decide_some(self) -> list[AlertEvent]:
        """Decide the next ticks, as many as take little time, for whoever has others to answer in between."""
        clock_ms = self._due_to()
        if clock_ms is None:
            return []
        self._watch_topic(clock_ms)
        to_ms = self._last_of_some(clock_ms)
        events = [*self._resolve_removed(to_ms), *self._decide_presets(to_ms)]
        self.tick_ms = to_ms
        return events

    def _last_of_some(self, clock_ms: int) -> int:
        due = min((preset.due_ms for preset in self.presets.values() if preset.due_ms is not None), default=clock_ms)
        ticks = max(1, SOME_LOOKS // max(1, len(self.presets)))
        return min(clock_ms, max(due, self.tick_ms or 0) + ticks * self.policy.pane_ms)

    def _decide_presets(self, to_ms: int) -> Iterator[AlertEvent]:
        # Presets are decided on one after the other, each at all its ticks, and told of in the order of ticks.
        events = [event for name in list(self.presets) for event in self._decide_preset(name, to_ms)]
        for event in sorted(events, key=lambda event: (event.window_end, event.preset)):
            self._keep(self.presets[ALL_PRESETS if event.preset == WHOLE_TOPIC else event.preset], event)
            yield event

    def _resolve_removed(self, to_ms: int) -> Iterator[AlertEvent]:
        """End what other rules have begun, at the first tick that they do not see: a crash must not move it."""
        restored, self.restored = self.restored, ()
        for name in restored:
            at_ms = self._next_tick(self.presets[name])
            if at_ms > to_ms:
                self.restored += (name,)
            else:
                yield from self._forget_rules(name, at_ms)

    def _next_tick(self, preset: Preset) -> int:
        return (preset.decided_to_ms or 0) + self.policy.pane_ms

    def _forget_rules(self, name: str, at_ms: int) -> Iterator[AlertEvent]:
        preset = self.presets[name]
        gone = preset.rules_gone(
            {watched.rule.key: watched.rule.fingerprint for watched in self.policy.watch(name).watched}
        )
        for rule in gone:
            self.changed_presets.add(name)
            preset.forget_rule(rule)
            if rule in preset.fired:
                event = self._removed(preset, preset.fired[rule], at_ms)
                self._keep(preset, event)
                yield event

    def _removed(self, preset: Preset, fired: AlertEvent, at_ms: int) -> AlertEvent:
        counts = preset.counts_since(at_ms - (fired.window_end - fired.window_start), at_ms)
        return resolve_removed(fired, at_ms, counts, self.policy.party_of)

    def _watch_topic(self, clock_ms: int) -> None:
        if not self.watches_topic or ALL_PRESETS in self.presets:
            return
        topic = self.preset(ALL_PRESETS)
        topic.last_job_ms = topic.decided_to_ms = clock_ms
        topic.due_ms = self._next_due(ALL_PRESETS, topic, clock_ms)
        self.changed_presets.add(ALL_PRESETS)

    def _decide_preset(self, name: str, to_ms: int) -> Iterator[AlertEvent]:
        preset = self.presets[name]
        while preset.is_due(to_ms):
            outlook = self._look_out(name, preset, to_ms)
            while preset.is_due(outlook.last_ms):
                yield from self._decide_tick(name, preset, outlook)

    def _look_out(self, name: str, preset: Preset, to_ms: int) -> Outlook:
        pane_ms, first_ms = self.policy.pane_ms, preset.due_ms or 0
        ticks = min(MOST_TICKS, (to_ms - first_ms) // pane_ms + 1)
        closing = preset.close_panes(first_ms + pane_ms * (ticks - 1))
        return Outlook(first_ms, pane_ms, closing, preset.windows, self.policy.watch(name).screen, ticks)

    def _decide_tick(self, name: str, preset: Preset, outlook: Outlook) -> Iterator[AlertEvent]:
        sight = self._close(name, preset, outlook, preset.due_ms or 0)
        self._fold(name, preset, sight)
        before = dict(preset.alerts)
        for watched in self._asked(name, preset, outlook.asked_at(sight.at_ms)):
            alert = before.get(watched.rule.key, QUIET)
            signal = watched.condition.signal(watched.rule, sight, watched.counted)
            if signal is Signal.BREACH and alert.phase is not Phase.FIRING and self._is_inhibited(name, watched.rule):
                signal = Signal.CLEAR
            if signal is Signal.BREACH or alert.phase is not Phase.INACTIVE:
                yield from self._observe(name, watched, signal, sight)
        has_moved = before != preset.alerts
        # What an alert has moved to may decide whether another is inhibited from the next tick on.
        changes_ms = sight.at_ms + preset.pane_ms if has_moved else outlook.changes_after(sight.at_ms)
        preset.due_ms = self._next_due(name, preset, sight.at_ms, changes_ms)
        if sight.closed or has_moved:
            self.changed_presets.add(name)

    def _asked(self, name: str, preset: Preset, places: list[int]) -> list[Watched]:
        opened, watched = self._opened(name, preset), self.policy.watch(name).watched
        return [watched[place] for place in (sorted({*opened, *places}) if opened else places)]

    def _opened(self, name: str, preset: Preset) -> list[int]:
        """Return the places of the rules with an alert that is pending or firing."""
        if not preset.has_open_alert():
            return []
        place_of = self.policy.watch(name).place_of
        opened = (rule for rule, alert in preset.alerts.items() if alert.phase is not Phase.INACTIVE)
        # An alert whose rule is gone is nobody's to ask about: it ends at the preset's next tick.
        return [place_of[rule] for rule in opened if rule in place_of]

    def _is_inhibited(self, name: str, rule: BaseRule) -> bool:
        alerts = self.presets[name].alerts
        return any(
            other.inhibits(rule) and alerts.get(other.key, QUIET).phase is Phase.FIRING
            for other in self.policy.watch(name).inhibiting
        )

    def _close(self, name: str, preset: Preset, outlook: Outlook, at_ms: int) -> Sight:
        closed, hours = outlook.closing.get(at_ms - preset.pane_ms, {}), preset.hours
        preset.pass_tick(at_ms, closed)
        if hours.span_ms:
            settled = hours.close(at_ms - preset.pane_ms, at_ms, closed)
            self.changed_days.update((name, day_of(hour_ms)) for hour_ms in settled)
        return Sight(
            at_ms,
            preset.pane_ms,
            closed,
            self._sums(preset, outlook, at_ms),
            lambda start_ms: preset.counts_since(start_ms, at_ms),
            preset.recency,
            preset.last_job_ms,
            hours.since,
            hours.first_since,
            preset.shifts,
            preset.recency_by_source,
        )

    def _sums(self, preset: Preset, outlook: Outlook, at_ms: int) -> Callable[[BaseRule, int], Sum]:
        counted_of, hours = self.policy.counted_of, preset.hours

        def sum_over(rule: BaseRule, length_ms: int) -> Sum:
            key = WindowKey(length_ms, counted_of[rule.key])
            return outlook.sum_at(at_ms, key) if length_ms <= FINE_MS else hours.sum_over(key)

        return sum_over

    def _fold(self, name: str, preset: Preset, sight: Sight) -> None:
        for rule, counted in self.policy.watch(name).shifting if sight.closed else ():
            if sight.has_closed(rule.source_types):
                preset.shifts[rule.key] = advance(rule, preset.shifts.get(rule.key), sight, counted)

    def _observe(self, name: str, watched: Watched, signal: Signal, sight: Sight) -> Iterator[AlertEvent]:
        preset, rule = self.presets[name], watched.rule
        before = preset.alerts.get(rule.key, QUIET)
        reading = Reading(signal, watched.condition.has_data(rule, sight))
        after, moved_by = observe(before, reading, rule, sight.at_ms)
        preset.alerts[rule.key], preset.meanings[rule.key] = after, rule.fingerprint
        if moved_by is None or Phase.FIRING not in (before.phase, after.phase):
            return
        started_at_ms = before.started_at_ms if after.started_at_ms is None else after.started_at_ms
        change = self._change(name, watched, moved_by, started_at_ms or sight.at_ms, sight)
        yield describe(change, watched.counted, self.policy.party_of)

    def _change(self, name: str, watched: Watched, moved_by: Trigger, started_at_ms: int, sight: Sight) -> Change:
        finding = watched.condition.find(watched.rule, sight, watched.counted)
        # A run of failures may be longer than panes are kept: what is named must not depend on when they were dropped.
        start_ms = max(finding.window_start_ms, sight.at_ms - self.policy.retention_ms)
        jobs = self.presets[name].newest_failures(start_ms, sight.at_ms, watched.counted)
        return Change(watched.rule, name, moved_by, started_at_ms, sight.at_ms, finding, jobs)

    def _keep(self, preset: Preset, event: AlertEvent) -> None:
        key = alert_key(event.rule, event.group.get("reason", ""))
        if event.resolve_reason is None:
            preset.fired[key] = event
        else:
            preset.fired.pop(key, None)
            self.resolved.append(event)

    def _next_due(self, name: str, preset: Preset, at_ms: int, changes_ms: int = NEVER_MS) -> int | None:
        """Return the first tick at which anything can change, given that at which windows do."""
        pane_ms = self.policy.pane_ms
        if changes_ms <= at_ms + pane_ms or self._has_waiting(name, preset):
            return at_ms + pane_ms
        due = [changes_ms] if changes_ms < NEVER_MS else []
        if preset.ahead:
            due.append(preset.ahead[0] + pane_ms)
        if preset.hours.is_waiting():
            due.append(next_boundary(preset.hours.hour_ms + HOUR_MS, pane_ms))
        if preset.last_job_ms >= 0:
            silences = self.policy.watch(name).silences_ms
            due += [next_boundary(preset.last_job_ms + after_ms, pane_ms) for after_ms in silences]
        return min((at for at in due if at > at_ms), default=None)

    def _has_waiting(self, name: str, preset: Preset) -> bool:
        opened, watched = self._opened(name, preset), self.policy.watch(name).watched
        rules = [watched[place].rule for place in opened]
        return any(preset.alerts[rule.key].is_waiting(rule) for rule in rules)

    def oldest_retained(self) -> int:
        """Return the start of the oldest pane that is kept, in epoch milliseconds."""
        return 0 if self.tick_ms is None else self.tick_ms - self.policy.retention_ms

    def forget(self) -> None:
        """Once an hour, drop expired panes and presets that nothing is left of; changes no decision.

        To be called when all rows have been written: a restart decides again what was decided since, and needs the
        panes that had not expired then.
        """
        if self.tick_ms is None or self.tick_ms // HOUR_MS == self.forgot_at_ms // HOUR_MS:
            return
        self.forgot_at_ms = self.tick_ms
        for name, preset in list(self.presets.items()):
            expired = preset.expire(self.oldest_retained())
            self.changed_blocks.update((name, self.policy.block_of(start)) for start in expired)
            forgotten = preset.hours.expire(pane_start(self.tick_ms, HOUR_MS) - preset.hours.span_ms)
            self.changed_days.update((name, day_of(hour_ms)) for hour_ms in forgotten)
            if self._is_gone(name, preset, self.tick_ms):
                del self.presets[name]
                self.changed_presets.add(name)

    def _is_gone(self, name: str, preset: Preset, clock_ms: int) -> bool:
        kept = preset.panes or preset.hours.past
        idle = preset.due_ms is None and not kept and not preset.has_open_alert()
        return idle and name != ALL_PRESETS and preset.last_job_ms < clock_ms - FORGET_AFTER_MS

    def has_changed(self) -> bool:
        """Tell whether rows are to be written; what was just forgotten is, too."""
        return bool(self.changed_blocks or self.changed_days or self.changed_presets)

    def change_all(self) -> None:
        """Have every row written again."""
        self.changed_presets.update(self.presets)
        for name, preset in self.presets.items():
            self.changed_blocks.update((name, self.policy.block_of(start)) for start in preset.panes)
            self.changed_days.update((name, day_of(hour_ms)) for hour_ms in preset.hours.past)

    def preset(self, name: str) -> Preset:
        """Return a preset's state, new if there was none."""
        if name not in self.presets:
            preset = Preset(self.policy.pane_ms, max(1, self.policy.rules.max_consecutive))
            watch = self.policy.watch(name)
            preset.open_windows(watch.windows, watch.hours_ms)
            self.presets[name] = preset
        return self.presets[name]

    def resume(self) -> None:
        """Derive what rows do not hold, after the rest was restored."""
        for _ in self.adopt(self.policy):
            pass

    def adopt(self, policy: DecidingPolicy) -> Iterator[None]:
        """Decide by other rules from the next tick on, as a board does that is restored under them.

        To be called when all rows have been written, and run to its end, with a pause after each preset for whoever
        must not wait: its windows are summed anew.
        """
        self.policy = policy
        self.restored = tuple(sorted(self.presets))
        for name in self.restored:
            self._derive(name, self.presets[name])
            yield

    def _derive(self, name: str, preset: Preset) -> None:
        preset.catch_up(self.tick_ms)
        preset.errors_kept = max(1, self.policy.rules.max_consecutive)
        preset.ahead = sorted(start for start in preset.panes if start >= (preset.decided_to_ms or 0))
        watch = self.policy.watch(name)
        settled = preset.open_windows(watch.windows, watch.hours_ms)
        self.changed_days.update((name, day_of(hour_ms)) for hour_ms in settled)
        # A new rule may have something to say of what is long past, such as silence: no tick is passed over before it.
        is_new = preset.decided_to_ms is None
        preset.due_ms = self._next_due(name, preset, 0) if is_new else self._next_tick(preset)
