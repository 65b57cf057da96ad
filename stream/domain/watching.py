"""Which rules watch which presets, and what they count: the settings that decide when an alert fires.

Law: what is asked for at every tick is worked out once for each preset.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from stream.domain.causes import Party
from stream.domain.conditions import CONDITIONS
from stream.domain.outlook import Screen
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.rule_fields import FINE_MS
from stream.domain.rules import Rule, RuleSet, SilenceRule
from stream.domain.shift_rule import ShiftRule
from stream.domain.sight import Bar, Condition, Counted
from stream.domain.tally import ALL_PRESETS
from stream.domain.windows import WindowKey

BLOCK_PANES = 30
"""Panes in one stored row: few enough to rewrite every second, many enough that three days are 864 rows."""


class Errors(NamedTuple):
    """Which failures a rule counts as errors, and of which jobs; nothing means all."""

    parties: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    source_types: frozenset[str] = frozenset()


class Watched(NamedTuple):
    """One rule as it watches a preset."""

    rule: Rule
    condition: Condition
    counted: Counted


@dataclass(frozen=True)
class DecidingPolicy:
    """The settings that decide when an alert fires. Times in milliseconds."""

    rules: RuleSet
    party_of: Callable[[str], Party]
    sources: int
    pane_ms: int = 10_000
    retention_ms: int = 24 * HOUR_MS
    counted_of: dict[str, Counted] = field(init=False, repr=False, compare=False)
    """What each rule counts as an error, by the rule's key."""

    def __post_init__(self) -> None:
        # Presets are bounded, and the cache more so.
        object.__setattr__(self, "watched_by", lru_cache(maxsize=4096)(self.watched_by))
        object.__setattr__(self, "silences_for", lru_cache(maxsize=4096)(self.silences_for))
        object.__setattr__(self, "shifting", lru_cache(maxsize=4096)(self.shifting))
        object.__setattr__(self, "inhibiting", lru_cache(maxsize=4096)(self.inhibiting))
        object.__setattr__(self, "screen_for", lru_cache(maxsize=4096)(self.screen_for))
        object.__setattr__(self, "_counted", lru_cache(maxsize=1024)(self._counted))
        rules = (each for rule in self.rules.rules for each in self._grouped(rule))
        object.__setattr__(self, "counted_of", {rule.key: self.counted_by(rule) for rule in rules})

    def block_of(self, start_ms: int) -> int:
        """Return the start of the block of panes that is stored as one row, in epoch milliseconds."""
        return pane_start(start_ms, BLOCK_PANES * self.pane_ms)

    def rules_for(self, preset: str) -> tuple[Rule, ...]:
        """Return the rules that watch a preset, or the topic as a whole, in the order of events at one tick.

        A rule that is grouped by reason is one for each reason.
        """
        matching = self.rules.whole_topic if preset == ALL_PRESETS else self.rules.matching(preset)
        rules = (each for rule in matching for each in self._grouped(rule))
        # Those that inhibit come first, so that what they inhibit says nothing at the same tick.
        return tuple(sorted(rules, key=lambda rule: (not rule.inhibit, rule.name, rule.group)))

    def _grouped(self, rule: Rule) -> tuple[Rule, ...]:
        """Return a rule for each of its groups, which are known before any job is."""
        if isinstance(rule, SilenceRule) or not rule.is_per_reason:
            return (rule,)
        counted = self.counted_by(rule)
        return tuple(rule.for_reason(reason) for reason in self.rules.known_reasons if counted.is_error(reason))

    def watched_by(self, preset: str) -> tuple[Watched, ...]:
        """Return the rules that watch a preset, in that order, with all that evaluating them takes."""
        rules = self.rules_for(preset)
        return tuple(Watched(rule, CONDITIONS[type(rule)], self.counted_by(rule)) for rule in rules)

    def shifting(self, preset: str) -> tuple[tuple[ShiftRule, Counted], ...]:
        """Return the rules that look for a change of a preset, with what they count."""
        watched = self.watched_by(preset)
        return tuple((rule, counted) for rule, _, counted in watched if isinstance(rule, ShiftRule))

    def inhibiting(self, preset: str) -> tuple[Rule, ...]:
        """Return the rules that watch a preset and inhibit others."""
        return tuple(watched.rule for watched in self.watched_by(preset) if watched.rule.inhibit)

    def windows_for(self, preset: str) -> tuple[WindowKey, ...]:
        """Return the windows that a preset's rules sum over."""
        watched = self.watched_by(preset)
        keys = (WindowKey(length_ms, counted) for rule, _, counted in watched for length_ms in rule.windows)
        return tuple(dict.fromkeys(keys))

    def screen_for(self, preset: str) -> Screen:
        """Return what tells at which ticks a preset's rules have to be asked."""
        fine = [key for key in self.windows_for(preset) if key.length_ms <= FINE_MS]
        return Screen([self._bars(watched) for watched in self.watched_by(preset)], fine)

    def _bars(self, watched: Watched) -> list[tuple[WindowKey, Bar]]:
        bars = watched.condition.bars(watched.rule)
        # Hours are not at hand for many ticks at once.
        is_fine = all(bar.length_ms <= FINE_MS for bar in bars)
        return [(WindowKey(bar.length_ms, watched.counted), bar) for bar in bars] if is_fine else []

    def hours_for(self, preset: str) -> int:
        """Return how far back a preset's jobs are needed by the hour, in milliseconds; 0 if panes reach far enough."""
        reach = (watched.rule.looks_back_ms for watched in self.watched_by(preset))
        return max((length_ms for length_ms in reach if length_ms > FINE_MS), default=0)

    def silences_for(self, preset: str) -> tuple[int, ...]:
        """Return how long a preset may be silent before each rule that minds, in milliseconds."""
        rules = (watched.rule for watched in self.watched_by(preset))
        return tuple(rule.after_ms for rule in rules if isinstance(rule, SilenceRule))

    def counted_by(self, rule: Rule) -> Counted:
        """Return the function that tells which failures are errors to a rule; rules that agree share it."""
        if isinstance(rule, SilenceRule):
            return self._counted(Errors())
        return self._counted(Errors(frozenset(rule.parties), frozenset(rule.reasons), frozenset(rule.source_types)))

    def _counted(self, errors: Errors) -> Counted:
        parties, reasons, source_types = errors
        if not parties and not reasons:
            return Counted(bool, source_types)
        return Counted(
            lambda reason: (not parties or self.party_of(reason) in parties) and (not reasons or reason in reasons),
            source_types,
        )
