"""What rules of all kinds share: which presets they watch, how long a condition must last, and what is said.

Law: what two kinds have in common stands here once, with the same key and the same default.
"""

import hashlib
import json
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Self, get_args

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from stream.domain.annotations import Template
from stream.domain.duration import DurationMs
from stream.domain.rule_fields import Dimension, Frozen, OnNoData, PartyName, Severity, Slug, SourceType, Texts

_WORDING = {"presets", "severity", "labels", "annotations", "inhibit", "overrides"}

PER_PRESET: tuple[Dimension, ...] = ("preset",)
PER_REASON: tuple[Dimension, ...] = ("preset", "reason")

_UNSAID: dict[str, Any] = {"source_types": (), "group_by": PER_PRESET}
"""What leaves a rule's meaning as it was before there were such keys."""

SEVERITIES = get_args(Severity)
"""The most severe first."""

SHARED = frozenset({"name", "kind", "parties", "reasons", "source_types", "group_by", "overrides"})
"""Keys that are the same for all presets: they say what is counted, and whose alert it is."""


class OverrideFault(ValueError):
    """What is wrong with a rule as one of its overrides changes it."""

    def __init__(self, position: int, error: ValidationError) -> None:
        super().__init__(str(error))
        self.position, self.error = position, error


class Override(Frozen):
    """Keys of a rule that have other values for some presets; they are checked as part of the rule."""

    model_config = ConfigDict(extra="allow")
    presets: Annotated[Texts, Field(min_length=1)]

    @model_validator(mode="after")
    def _leaves_what_is_shared(self) -> Self:
        for key in self.model_extra or ():
            if key in SHARED:
                raise ValueError(f"cannot change {key}: write a rule of its own for these presets")
        return self

    def __hash__(self) -> int:
        return hash(self.presets)


def alert_key(rule: str, group: str) -> str:
    """Return the key of one of a preset's alerts; neither names of rules nor of reasons hold a slash."""
    return f"{rule}/{group}" if group else rule


class BaseRule(Frozen):
    """A rule of any kind."""

    name: Slug
    presets: Texts = ("*",)
    severity: Severity = "critical"
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, Template] = Field(default_factory=dict)
    for_ms: DurationMs = Field(0, alias="for")
    keep_firing_for_ms: DurationMs = Field(0, alias="keep_firing_for")
    inhibit: bool = False
    """Whether less severe rules do not begin to fire for a preset while this one fires for it."""
    overrides: Annotated[tuple[Override, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _overrides_fit(self, info: ValidationInfo) -> Self:
        for position, override in enumerate(self.overrides):
            try:
                self._overridden(override, info.context)
            except ValidationError as error:
                raise OverrideFault(position, error) from None
        return self

    def _overridden(self, override: Override, context: Any = None) -> Self:
        plain = self.model_dump(by_alias=True, exclude_unset=True, exclude={"overrides"})
        return self.model_validate(plain | override.model_dump(), context=context)

    @cached_property
    def variants(self) -> tuple[Self, ...]:
        """The rule as each of its overrides changes it."""
        return tuple(self._overridden(override) for override in self.overrides)

    def for_preset(self, preset: str) -> Self:
        """Return the rule as it is for a preset: the first override that matches counts."""
        return next((variant for variant in self.variants if variant.watches(preset)), self)

    @property
    def group(self) -> str:
        """The one reason that this rule is about, "" if it is about a preset as a whole."""
        return ""

    @cached_property
    def key(self) -> str:
        """Under what the alert of a preset is kept: the name, and the group where there is an alert for each."""
        return alert_key(self.name, self.group)

    def inhibits(self, other: "BaseRule") -> bool:
        """Tell whether another rule says nothing new of a preset while this one fires for it."""
        is_other_group = self.group and other.group and self.group != other.group
        return (
            self.inhibit and not is_other_group and SEVERITIES.index(self.severity) < SEVERITIES.index(other.severity)
        )

    def __hash__(self) -> int:
        # Labels and annotations are dicts; equal rules have equal names, and names are unique in a rule set.
        return hash(self.name)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what decides when this rule fires for a preset; wording, routing and globs leave it unchanged."""
        said = self.model_dump(by_alias=True, exclude=_WORDING)
        meaning = {key: value for key, value in said.items() if key not in _UNSAID or _UNSAID[key] != value}
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def windows(self) -> tuple[int, ...]:
        """The windows that this rule sums over at every tick, in milliseconds."""
        return ()

    @property
    def looks_back_ms(self) -> int:
        """How far back this rule, or what it says when it fires, counts jobs."""
        return max(self.windows, default=0)

    def watches(self, preset: str) -> bool:
        """Tell whether one of the globs matches a preset, case and all."""
        return any(fnmatchcase(preset, glob) for glob in self.presets)


class ErrorRule(BaseRule):
    """A rule about failures, all of them or those of some parties or reasons."""

    on_no_data: OnNoData = "hold"
    parties: Annotated[tuple[PartyName, ...], Field(strict=False)] = ()
    reasons: Texts = ()
    source_types: Annotated[tuple[SourceType, ...], Field(strict=False)] = ()
    group_by: Annotated[tuple[Dimension, ...], Field(strict=False)] = PER_PRESET
    """`PER_REASON` makes an alert for each reason of a preset's failures, which counts only those as errors."""

    @field_validator("group_by")
    @classmethod
    def _groups_presets(cls, group_by: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        if group_by not in (PER_PRESET, PER_REASON):
            raise ValueError('must be ["preset"] or ["preset", "reason"]')
        return group_by

    @property
    def is_per_reason(self) -> bool:
        """Tell whether each reason has an alert of its own."""
        return self.group_by == PER_REASON

    @property
    def group(self) -> str:
        """The reason, of a rule that was made for one of several."""
        return self.reasons[0] if self.is_per_reason and len(self.reasons) == 1 else ""

    def for_reason(self, reason: str) -> Self:
        """Return the rule as it watches one reason."""
        plain = self.model_dump(by_alias=True, exclude_unset=True, exclude={"overrides", "parties"})
        return self.model_validate(plain | {"reasons": (reason,)})

    @field_validator("presets")
    @classmethod
    def _watches_presets(cls, presets: tuple[str, ...]) -> tuple[str, ...]:
        if not presets:
            raise ValueError('must not be empty, which is for silence rules: ["*"] watches every preset')
        return presets

    @field_validator("reasons")
    @classmethod
    def _filters_once(cls, reasons: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if reasons and info.data.get("parties"):
            raise ValueError("cannot be used with parties: a reason already belongs to one party, so keep one of them")
        return reasons
