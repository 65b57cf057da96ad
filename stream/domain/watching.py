"""Which rules watch which presets, and what they count: the settings that decide when an alert fires.

Law: what is asked for at every tick is worked out once for each preset.
"""

from collections.abc import Callable, Mapping
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


class Watch(NamedTuple):
    """How some rules, in the order of events at one tick, watch a preset."""

    watched: tuple[Watched, ...]
    place_of: Mapping[str, int]
    """Where among them a rule is, by its key."""
    inhibiting: tuple[Rule, ...]
    """Those that inhibit others."""
    shifting: tuple[tuple[ShiftRule, Counted], ...]
    """Those that look for a change, with what they count."""
    silences_ms: tuple[int, ...]
    """How long a preset may be silent before each rule that minds."""
    windows: tuple[WindowKey, ...]
    """What the rules sum over."""
    hours_ms: int
    """How far back jobs are needed by the hour; 0 if panes reach far enough."""
    screen: Screen
    """Tells at which ticks the rules have to be asked."""

    @classmethod
    def of(cls, watched: tuple[Watched, ...]) -> "Watch":
        """Work out what is asked for at every tick."""
        rules = [rule for rule, _, _ in watched]
        windows = dict.fromkeys(
            WindowKey(length_ms, each.counted) for each in watched for length_ms in each.rule.windows
        )
        return cls(
            watched,
            {rule.key: place for place, rule in enumerate(rules)},
            tuple(rule for rule in rules if rule.inhibit),
            tuple((rule, counted) for rule, _, counted in watched if isinstance(rule, ShiftRule)),
            tuple(rule.after_ms for rule in rules if isinstance(rule, SilenceRule)),
            tuple(windows),
            max((rule.looks_back_ms for rule in rules if rule.looks_back_ms > FINE_MS), default=0),
            Screen([_bars(each) for each in watched], [key for key in windows if key.length_ms <= FINE_MS]),
        )


def _bars(watched: Watched) -> list[tuple[WindowKey, Bar]]:
    bars = watched.condition.bars(watched.rule)
    # Hours are not at hand for many ticks at once.
    is_fine = all(bar.length_ms <= FINE_MS for bar in bars)
    return [(WindowKey(bar.length_ms, watched.counted), bar) for bar in bars] if is_fine else []


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
        # Presets are bounded, and the cache more so; most are watched by the same rules.
        object.__setattr__(self, "watch", lru_cache(maxsize=4096)(self.watch))
        object.__setattr__(self, "_watch", lru_cache(maxsize=256)(self._watch))
        object.__setattr__(self, "_counted", lru_cache(maxsize=1024)(self._counted))
        rules = (each for rule in self.rules.rules for each in self._grouped(rule))
        object.__setattr__(self, "counted_of", {rule.key: self.counted_by(rule) for rule in rules})

    def block_of(self, start_ms: int) -> int:
        """Return the start of the block of panes that is stored as one row, in epoch milliseconds."""
        return pane_start(start_ms, BLOCK_PANES * self.pane_ms)

    def watch(self, preset: str) -> Watch:
        """Return how rules watch a preset, or the topic as a whole."""
        return self._watch(self.rules.whole_topic if preset == ALL_PRESETS else self.rules.matching(preset))

    def _watch(self, matching: tuple[Rule, ...]) -> Watch:
        rules = (each for rule in matching for each in self._grouped(rule))
        # Those that inhibit come first, so that what they inhibit says nothing at the same tick.
        in_order = sorted(rules, key=lambda rule: (not rule.inhibit, rule.name, rule.group))
        return Watch.of(tuple(Watched(rule, CONDITIONS[type(rule)], self.counted_by(rule)) for rule in in_order))

    def rules_for(self, preset: str) -> tuple[Rule, ...]:
        """Return the rules that watch a preset; one that is grouped by reason is one for each reason."""
        return tuple(watched.rule for watched in self.watch(preset).watched)

    def _grouped(self, rule: Rule) -> tuple[Rule, ...]:
        """Return a rule for each of its groups, which are known before any job is."""
        if isinstance(rule, SilenceRule) or not rule.is_per_reason:
            return (rule,)
        counted = self.counted_by(rule)
        return tuple(rule.for_reason(reason) for reason in self.rules.known_reasons if counted.is_error(reason))

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
