"""The alert rules as values: what a rules file says once it has been read and found sound.

Law: a rule that exists can be evaluated, so nothing downstream checks a bound again. Field aliases are the file's keys;
durations are milliseconds here and text there.
"""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from stream.domain.burn_rate_rule import BurnRateRule
from stream.domain.duration import DurationMs
from stream.domain.reasons import DEFAULT_RULES
from stream.domain.rule_base import BaseRule, ErrorRule
from stream.domain.rule_fields import FINE_MS, Frozen, LongSpanMs, SpanMs
from stream.domain.shift_rule import ShiftRule
from stream.domain.user_reasons import UserReason

MOST_CONSECUTIVE = 100
"""The longest run a rule may ask for: so many of its newest error times a tally keeps per pane, to order a run by."""


def _four_fifths(given: dict[str, Any]) -> float:
    # A gap between firing and resolving keeps a rate at the limit from flapping.
    error_rate: float = given.get("error_rate", 0.10)
    return round(error_rate * 0.8, 12)  # plain 0.10 * 0.8 is 0.08000000000000002


class ThresholdRule(ErrorRule):
    """Fires when a window's error rate is above `error_rate` and, at `confidence`, no accident of few jobs."""

    kind: Literal["threshold"] = "threshold"
    window_ms: LongSpanMs = Field("5m", alias="window", validate_default=True)
    error_rate: float = Field(0.10, gt=0, lt=1)
    min_jobs: int = Field(20, ge=1)
    confidence: float = Field(0.95, ge=0, lt=1)
    resolve_below: float = Field(default_factory=_four_fifths, gt=0, lt=1, validate_default=True)
    keep_firing_for_ms: DurationMs = Field(120_000, alias="keep_firing_for")

    @field_validator("resolve_below")
    @classmethod
    def _resolves_below_firing(cls, share: float, info: ValidationInfo) -> float:
        error_rate = info.data.get("error_rate", 1)
        if share > error_rate:
            raise ValueError(f"must not be above error_rate ({error_rate:g}), got {share:g}")
        return share

    @property
    def windows(self) -> tuple[int, ...]:
        """Its window."""
        return (self.window_ms,)


class ConsecutiveRule(ErrorRule):
    """Fires once a preset's newest `errors` jobs have all failed, however far apart they are."""

    kind: Literal["consecutive"] = "consecutive"
    errors: int = Field(5, ge=1, le=MOST_CONSECUTIVE)


class SilenceRule(BaseRule):
    """Fires when no job has ended for `after_ms`: in a preset or, with no presets, in the whole topic."""

    kind: Literal["silence"] = "silence"
    after_ms: SpanMs = Field("30m", alias="after", validate_default=True)
    on_no_data: Literal["hold"] = "hold"


Rule = ThresholdRule | BurnRateRule | ShiftRule | ConsecutiveRule | SilenceRule
AnyRule = Annotated[Rule, Field(discriminator="kind")]


class RuleSet(Frozen):
    """Every rule of one file, in its order, and the user's own reasons; names are unique."""

    rules: tuple[AnyRule, ...]
    reasons: tuple[UserReason, ...] = ()

    @field_validator("rules")
    @classmethod
    def _names_each_rule_once(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if len({rule.name for rule in rules}) < len(rules):
            raise ValueError("must have a name each of its own")
        return rules

    @cached_property
    def version(self) -> str:
        """A hash of all that the file says, comments, order of keys and spacing left out."""
        said = self.model_dump(mode="json", by_alias=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def known_reasons(self) -> tuple[str, ...]:
        """Every reason that a job can fail for, in the alphabet's order."""
        return tuple(sorted({rule.name for rule in DEFAULT_RULES} | {reason.name for reason in self.reasons}))

    @cached_property
    def with_variants(self) -> tuple[Rule, ...]:
        """Every rule, each followed by what its overrides make of it."""
        return tuple(each for rule in self.rules for each in (rule, *rule.variants))

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """The distinct windows that rules sum over, in milliseconds, shortest first."""
        return tuple(sorted({length for rule in self.with_variants for length in rule.windows}))

    @property
    def longest_window_ms(self) -> int:
        """How far back panes are needed; 0 when no rule sums over a window."""
        return max((min(FINE_MS, rule.looks_back_ms) for rule in self.with_variants), default=0)

    @cached_property
    def max_consecutive(self) -> int:
        """The longest run of errors any rule asks for; 0 when none does."""
        return max((rule.errors for rule in self.with_variants if isinstance(rule, ConsecutiveRule)), default=0)

    @cached_property
    def whole_topic(self) -> tuple[Rule, ...]:
        """The rules that watch the topic itself and none of its presets."""
        return tuple(rule for rule in self.rules if not rule.presets)

    def matching(self, preset: str) -> tuple[Rule, ...]:
        """Return the rules that watch a preset, in the file's order; costs a match per glob, so keep the answer."""
        return tuple(rule.for_preset(preset) for rule in self.rules if rule.watches(preset))
