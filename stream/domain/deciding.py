"""The deciding stage: tallies of one partition's presets in, alert events out.

Law: a tick is decided once every source partition's watermark has reached it, and by then all that rules may use of
earlier panes has arrived; so what is decided is a function of the source log alone, however messages were cut,
repeated or interleaved. A preset with empty windows and nothing pending sleeps, whatever time passes over it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from schemas.alert import AlertEvent
from schemas.tally import TallyMessage
from stream.domain.alerting import Alert, Phase, observe
from stream.domain.causes import Party
from stream.domain.conditions import Counted, Sight, find
from stream.domain.evidence import WHOLE_TOPIC, Change, describe
from stream.domain.packing import unpack
from stream.domain.panes import HOUR_MS, next_boundary, pane_start
from stream.domain.preset import FORGET_AFTER_MS, Preset, Stamped
from stream.domain.rules import Rule, RuleSet, SilenceRule, ThresholdRule
from stream.domain.tally import ALL_PRESETS

BLOCK_PANES = 30
"""Panes in one stored row: few enough to rewrite every second, many enough that three days are 864 rows."""

RESOLVED_KEPT = 50
"""Alerts that have resolved and can still be asked for, per partition."""


@dataclass(frozen=True)
class DecidingPolicy:
    """The settings that decide when an alert fires. Times in milliseconds."""

    rules: RuleSet
    party_of: Callable[[str], Party]
    sources: int
    pane_ms: int = 10_000
    retention_ms: int = 24 * HOUR_MS

    def __post_init__(self) -> None:
        # Both are asked for at every tick; presets are bounded, and the cache more so.
        object.__setattr__(self, "rules_for", lru_cache(maxsize=4096)(self.rules_for))
        object.__setattr__(self, "counted_by", lru_cache(maxsize=1024)(self.counted_by))

    def block_of(self, start_ms: int) -> int:
        """Return the start of the block of panes that is stored as one row, in epoch milliseconds."""
        return pane_start(start_ms, BLOCK_PANES * self.pane_ms)

    def rules_for(self, preset: str) -> tuple[Rule, ...]:
        """Return the rules that watch a preset, or the topic as a whole, by name: the order of events at one tick."""
        rules = self.rules.whole_topic if preset == ALL_PRESETS else self.rules.matching(preset)
        return tuple(sorted(rules, key=lambda rule: rule.name))

    def windows_for(self, preset: str) -> frozenset[int]:
        """Return the lengths of the windows that a preset's rules sum over, in milliseconds."""
        return frozenset(rule.window_ms for rule in self.rules_for(preset) if isinstance(rule, ThresholdRule))

    def counted_by(self, rule: Rule) -> Counted:
        """Return the function that tells which failures are errors to a rule."""
        parties, reasons = set(getattr(rule, "parties", ())), set(getattr(rule, "reasons", ()))
        return lambda reason: (not parties or self.party_of(reason) in parties) and (not reasons or reason in reasons)


@dataclass(slots=True)
class Board:
    """The presets of one tallies partition and the clocks of all source partitions."""

    policy: DecidingPolicy
    watches_topic: bool = False
    """Whether this partition decides on the topic as a whole."""
    watermarks: dict[int, int] = field(default_factory=dict)
    presets: dict[str, Preset] = field(default_factory=dict)
    tick_ms: int | None = None
    newest_pane_ms: int = -1
    changed_blocks: set[tuple[str, int]] = field(default_factory=set)
    changed_presets: set[str] = field(default_factory=set)
    resolved: deque[AlertEvent] = field(default_factory=lambda: deque(maxlen=RESOLVED_KEPT))

    def merge(self, message: TallyMessage) -> None:
        """Take in one message; nothing is decided yet."""
        if message.watermark_ms is not None:
            known = self.watermarks.get(message.source_partition, message.watermark_ms)
            self.watermarks[message.source_partition] = max(known, message.watermark_ms)
        if message.preset is None:
            return
        preset = self.preset(message.preset)
        preset.catch_up(self.tick_ms)
        for counts in message.panes:
            if counts.start_ms < self.oldest_retained():
                continue
            stamped = Stamped(message.offset, unpack(counts))
            if preset.take(counts.start_ms, message.source_partition, stamped):
                self._note(message.preset, preset, counts.start_ms)

    def _note(self, name: str, preset: Preset, start_ms: int) -> None:
        self.changed_blocks.add((name, self.policy.block_of(start_ms)))
        self.newest_pane_ms = max(self.newest_pane_ms, start_ms)
        if not preset.is_closed(start_ms):
            closes_ms = start_ms + self.policy.pane_ms
            preset.due_ms = min(closes_ms, preset.due_ms or closes_ms)

    def clock_ms(self) -> int | None:
        """Return the newest tick that every source partition has reached, in epoch milliseconds."""
        if len(self.watermarks) < self.policy.sources:
            return None
        return pane_start(min(self.watermarks.values()), self.policy.pane_ms)

    def decide(self) -> Iterator[AlertEvent]:
        """Decide every tick the clock has passed, in order; ticks at which nothing can change are passed over."""
        clock_ms = self.clock_ms()
        if clock_ms is None or (self.tick_ms is not None and clock_ms <= self.tick_ms):
            return
        self._watch_topic(clock_ms)
        while due := self._due(clock_ms):
            for name in due:
                yield from self._decide_preset(name)
        self._forget(clock_ms)
        self.tick_ms = clock_ms

    def _due(self, clock_ms: int) -> list[str]:
        due = [(preset.due_ms, name) for name, preset in self.presets.items() if preset.due_ms is not None]
        first_ms = min((at_ms for at_ms, _ in due), default=clock_ms + 1)
        names = [name for at_ms, name in due if at_ms == first_ms <= clock_ms]
        return sorted(names, key=lambda name: name or WHOLE_TOPIC)

    def _watch_topic(self, clock_ms: int) -> None:
        if not self.watches_topic or ALL_PRESETS in self.presets:
            return
        topic = self.preset(ALL_PRESETS)
        topic.last_job_ms = topic.decided_to_ms = clock_ms
        topic.due_ms = self._next_due(ALL_PRESETS, topic, clock_ms)
        self.changed_presets.add(ALL_PRESETS)

    def _decide_preset(self, name: str) -> Iterator[AlertEvent]:
        preset = self.presets[name]
        at_ms = preset.due_ms or 0
        alerts = dict(preset.alerts)
        sight = preset.close_pane(at_ms)
        for rule in self._rules(name):
            yield from self._decide_rule(name, preset, rule, sight)
        preset.due_ms = self._next_due(name, preset, at_ms)
        if sight.closed or alerts != preset.alerts:
            self.changed_presets.add(name)

    def _decide_rule(self, name: str, preset: Preset, rule: Rule, sight: Sight) -> Iterator[AlertEvent]:
        finding = find(rule, sight, self._counted(rule))
        before = preset.alerts.get(rule.name, Alert())
        after, moved_by = observe(before, finding.reading, rule, sight.at_ms)
        preset.alerts[rule.name] = after
        if moved_by is None or Phase.FIRING not in (before.phase, after.phase):
            return
        started_at_ms = before.started_at_ms if after.started_at_ms is None else after.started_at_ms
        # A run of failures may be longer than panes are kept: what is named must not depend on when they were dropped.
        start_ms = max(finding.window_start_ms, sight.at_ms - self.policy.retention_ms)
        jobs = preset.newest_failures(start_ms, sight.at_ms, self._counted(rule))
        change = Change(rule, name, moved_by, started_at_ms or sight.at_ms, sight.at_ms, finding, jobs)
        event = describe(change, self._counted(rule), self.policy.party_of)
        self._keep(preset, event)
        yield event

    def _keep(self, preset: Preset, event: AlertEvent) -> None:
        if event.resolve_reason is None:
            preset.fired[event.rule] = event
        else:
            preset.fired.pop(event.rule, None)
            self.resolved.append(event)

    def _next_due(self, name: str, preset: Preset, at_ms: int) -> int | None:
        pane_ms = self.policy.pane_ms
        due = [preset.ahead[0] + pane_ms] if preset.ahead else []
        if any(preset.windows.values()):
            due.append(at_ms + pane_ms)
        for rule in self._rules(name):
            if preset.alerts.get(rule.name, Alert()).is_waiting(rule):
                due.append(at_ms + pane_ms)
            if isinstance(rule, SilenceRule) and preset.last_job_ms >= 0:
                due.append(next_boundary(preset.last_job_ms + rule.after_ms, pane_ms))
        return min((at for at in due if at > at_ms), default=None)

    def oldest_retained(self) -> int:
        """Return the start of the oldest pane that is kept, in epoch milliseconds."""
        return 0 if self.tick_ms is None else self.tick_ms - self.policy.retention_ms

    def _forget(self, clock_ms: int) -> None:
        """Once an hour, drop expired panes and presets that nothing is left of."""
        if self.tick_ms is not None and self.tick_ms // HOUR_MS == clock_ms // HOUR_MS:
            return
        for name, preset in list(self.presets.items()):
            expired = preset.expire(clock_ms - self.policy.retention_ms)
            self.changed_blocks.update((name, self.policy.block_of(start)) for start in expired)
            if self._is_gone(name, preset, clock_ms):
                del self.presets[name]
                self.changed_presets.add(name)

    def _is_gone(self, name: str, preset: Preset, clock_ms: int) -> bool:
        idle = preset.due_ms is None and not preset.panes and not preset.has_open_alert()
        return idle and name != ALL_PRESETS and preset.last_job_ms < clock_ms - FORGET_AFTER_MS

    def preset(self, name: str) -> Preset:
        """Return a preset's state, new if there was none."""
        if name not in self.presets:
            preset = Preset(self.policy.pane_ms, max(1, self.policy.rules.max_consecutive))
            preset.open_windows(self.policy.windows_for(name))
            self.presets[name] = preset
        return self.presets[name]

    def resume(self) -> None:
        """Derive what rows do not hold, after the rest was restored."""
        for name, preset in self.presets.items():
            preset.catch_up(self.tick_ms)
            preset.ahead = sorted(start for start in preset.panes if start >= (preset.decided_to_ms or 0))
            preset.open_windows(self.policy.windows_for(name))
            preset.due_ms = self._next_due(name, preset, preset.decided_to_ms or 0)

    def _rules(self, name: str) -> tuple[Rule, ...]:
        return self.policy.rules_for(name)

    def _counted(self, rule: Rule) -> Counted:
        return self.policy.counted_by(rule)
