"""The alert event on the alerts topic: the first contract of this project.

Law: a function of the log alone. Every time is event time and equal events are equal bytes, so a replay writes the
same topic again and a consumer that drops known ids sees each transition once.
"""

import json
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from schemas.counts import Counts, Number, Ratio, Texts, check_null_over_zero_jobs
from schemas.times import Timestamp, format_time


class AlertKind(StrEnum):
    """Which transition an alert event reports."""

    FIRED = "fired"
    RESOLVED = "resolved"


class RuleKind(StrEnum):
    """The kinds of rule an alert can come from."""

    THRESHOLD = "threshold"
    BURN_RATE = "burn_rate"
    SHIFT = "shift"
    CONSECUTIVE = "consecutive"
    SILENCE = "silence"


class ResolveReason(StrEnum):
    """Why an alert resolved."""

    RECOVERED = "recovered"
    NO_DATA = "no_data"
    RULE_REMOVED = "rule_removed"


class AlertEvent(BaseModel):
    """One transition of one alert; `episode` joins the transitions of one alert, `sequence` orders them from 1."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, json_schema_serialization_defaults_required=True)

    schema_id: Literal["presetwatch.alert/1"] = Field("presetwatch.alert/1", alias="schema")
    id: str
    episode: str
    sequence: PositiveInt
    kind: AlertKind
    rule: str
    rule_kind: RuleKind
    severity: str
    preset: str
    group: Texts = Field(default={}, description="By what else alerts of the rule differ, such as `reason`.")
    at: Timestamp
    started_at: Timestamp
    window_start: Timestamp
    window_end: Timestamp
    errors: NonNegativeInt
    finished: NonNegativeInt
    total: NonNegativeInt
    error_rate: Ratio | None
    error_rate_low: Ratio | None
    error_rate_high: Ratio | None
    threshold: Number | None
    reasons: Counts = {}
    parties: Counts = {}
    sample_jobs: tuple[str, ...] = ()
    resolve_reason: ResolveReason | None = None
    labels: Texts = {}
    annotations: Texts = {}

    @model_validator(mode="after")
    def _null_over_zero_jobs(self) -> Self:
        check_null_over_zero_jobs(self.total, self.error_rate, self.error_rate_low, self.error_rate_high)
        return self

    @property
    def name(self) -> str:
        """The rule, and the group if it has one, as in `errors/timeout`: what has at most one alert of a preset."""
        return "/".join((self.rule, *self.group.values()))

    def to_json(self) -> bytes:
        """Return the bytes on the topic: compact JSON in UTF-8, fields in the order of this class."""
        # Python's own writer, because its spelling of floats does not change between releases of a library.
        fields = self.model_dump(mode="json", by_alias=True)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")

    def cloudevent_headers(self, source: str = "/presetwatch") -> list[tuple[str, bytes]]:
        """Return the Kafka headers of CloudEvents 1.0 in binary mode; `source` is a URI reference."""
        attributes = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_type": f"dev.presetwatch.alert.{self.kind}",
            "ce_source": source,
            "ce_time": format_time(self.at),
            "content-type": "application/json",
        }
        return [(name, value.encode("utf-8", "replace")) for name, value in attributes.items()]
