"""What rules of all kinds share: which presets they watch, how long a condition must last, and what is said.

Law: what two kinds have in common stands here once, with the same key and the same default.
"""

import hashlib
import json
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from stream.domain.annotations import Template
from stream.domain.duration import DurationMs
from stream.domain.rule_fields import Frozen, OnNoData, PartyName, Severity, Slug, Texts


class BaseRule(Frozen):
    """A rule of any kind."""

    name: Slug
    presets: Texts = ("*",)
    severity: Severity = "critical"
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, Template] = Field(default_factory=dict)
    for_ms: DurationMs = Field(0, alias="for")
    keep_firing_for_ms: DurationMs = Field(0, alias="keep_firing_for")

    def __hash__(self) -> int:
        # Labels and annotations are dicts; equal rules have equal names, and names are unique in a rule set.
        return hash(self.name)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what decides when this rule fires for a preset; wording, routing and globs leave it unchanged."""
        meaning = self.model_dump(by_alias=True, exclude={"presets", "severity", "labels", "annotations"})
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
