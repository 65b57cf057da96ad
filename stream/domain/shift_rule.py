"""The rule about a preset that has become worse than it was, however busy it is.

Law: the user says what a false alarm costs, and the threshold follows from that; see `cusum`.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from stream.domain.annotations import Template
from stream.domain.duration import DurationMs, format_duration, parse_duration
from stream.domain.panes import HOUR_MS
from stream.domain.rule_base import ErrorRule

LEARNS_FROM_MS = 7 * 24 * HOUR_MS
"""A week: it holds every rhythm that people's work has."""

LEAST_WORSENING = 1.25
"""A baseline and a rate to detect that are closer than this take more jobs to tell apart than anybody waits for."""

_BUDGET = re.compile(r"([1-9][0-9]{0,5}) per ([0-9a-z]+)")
_LONGEST_MS = parse_duration("3650d")


def _read_budget(value: object) -> int:
    found = _BUDGET.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'must be a number of alarms per duration, as in "1 per 90d", got {str(value)[:40]!r}')
    between_ms = parse_duration(found[2]) // int(found[1])
    if not HOUR_MS <= between_ms <= _LONGEST_MS:
        raise ValueError(f"must be between 1 per 1h and 1 per 3650d, got {value!r}")
    return between_ms


def _write_budget(between_ms: int) -> str:
    return f"1 per {format_duration(between_ms)}"


AlarmBudget = Annotated[int, BeforeValidator(_read_budget), PlainSerializer(_write_budget, return_type=str)]
"""The mean time between two false alarms that somebody will bear, in milliseconds of event time."""


def _read_baseline(value: object) -> object:
    if isinstance(value, str) and value != "learn":
        raise ValueError(f"must be a rate such as 0.02, or 'learn', got {value[:40]!r}")
    return value if isinstance(value, str) else _checked_rate(value)


def _checked_rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a rate such as 0.02, or 'learn', got {value!r}")
    if not 0 < value < 1:
        hint = f": did you mean {value / 100:g}?" if 1 <= value < 100 else ""
        raise ValueError(f"must be above 0 and below 1, got {value:g}{hint}")
    return float(value)


Baseline = Annotated[Literal["learn"] | float, BeforeValidator(_read_baseline)]


class ShiftRule(ErrorRule):
    """Fires once a preset's error rate has risen from its baseline to `detect` or so, as soon as that can be known."""

    kind: Literal["shift"] = "shift"
    baseline: Baseline = "learn"
    detect: float = Field(0.10, gt=0, lt=1)
    between_alarms_ms: AlarmBudget = Field("1 per 90d", alias="false_alarms", validate_default=True)
    keep_firing_for_ms: DurationMs = Field(600_000, alias="keep_firing_for")
    annotations: dict[str, Template] = Field(
        default_factory=lambda: {
            "summary": "{preset} is worse than its usual {baseline}: {errors} of {total} jobs have failed since "
            "{window_start} ({error_rate})"
        }
    )

    @model_validator(mode="after")
    def _worsens(self) -> Self:
        if self.baseline != "learn" and self.detect < LEAST_WORSENING * self.baseline:
            least = f"it must be {LEAST_WORSENING * self.baseline:.3g} or more"
            raise ValueError(f"cannot tell detect ({self.detect:g}) from baseline ({self.baseline:g}): {least}")
        return self

    @property
    def windows(self) -> tuple[int, ...]:
        """How many jobs there are in a week says how many there are between two false alarms."""
        return (LEARNS_FROM_MS,)
