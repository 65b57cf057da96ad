"""The field types that rules are made of, with the checks that belong to one value alone.

Law: validators speak in predicates ("must be ..."); whoever reports them puts the file's key in front.
The validation context may hold `pane_ms`, the pane's length: what is counted in panes must be a multiple of it.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo

from stream.domain.duration import DurationMs, format_duration, parse_duration
from stream.domain.panes import HOUR_MS
from stream.domain.reasons import Party

LONGEST_SPAN_MS = parse_duration("30d")
"""The longest a rule may look back: a preset without jobs for that long is forgotten."""

FINE_MS = 24 * HOUR_MS
"""The longest window that is summed pane by pane. One that is longer is whole hours, and the hour that is running."""


class Frozen(BaseModel):
    """A value that refuses unknown keys and guesses no types: text is not a number, and a number is not text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _check_span(value: int, info: ValidationInfo) -> int:
    if not 0 < value <= LONGEST_SPAN_MS:
        raise ValueError(f"must be above 0s and at most {format_duration(LONGEST_SPAN_MS)}")
    pane_ms = (info.context or {}).get("pane_ms", value)
    if value % pane_ms:
        below = value - value % pane_ms
        near = " or ".join(format_duration(ms) for ms in (below, below + pane_ms) if ms)
        got = f"got {format_duration(value)}, nearest {near}"
        raise ValueError(f"must be a multiple of the pane, {format_duration(pane_ms)}: {got}")
    return value


def _check_long_span(value: int, info: ValidationInfo) -> int:
    value = _check_span(value, info)
    if value > FINE_MS and value % HOUR_MS:
        raise ValueError(f"must be a whole number of hours, as it is above {format_duration(FINE_MS)}")
    return value


def _read_no_data(value: object) -> str | int:
    if value in ("hold", "resolve"):
        return str(value)
    try:
        return parse_duration(str(value))
    except ValueError:
        raise ValueError(f"must be 'hold', 'resolve' or a duration such as 1h, got {str(value)[:40]!r}") from None


def _write_no_data(value: str | int) -> str:
    return value if isinstance(value, str) else format_duration(value)


Severity = Literal["critical", "warning", "info"]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")]
Text = Annotated[str, Field(min_length=1)]
PartyName = Annotated[Party, Field(strict=False)]
SourceType = Literal["uri", "recordingId", "transcriptUri", "other", "unknown"]
"""What kind of input a job had: Daily's, one that is not known here, or none."""
Dimension = Literal["preset", "reason"]
"""What there can be an alert each for."""
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
"""A TOML array is a list; only the container is converted, its items stay strict."""

SpanMs = Annotated[DurationMs, AfterValidator(_check_span)]
"""A stretch of event time that is counted in panes, in milliseconds."""

LongSpanMs = Annotated[DurationMs, AfterValidator(_check_long_span)]
"""One that may be longer than panes are kept, and is summed by the hour then."""

OnNoData = Annotated[
    Literal["hold", "resolve"] | int, BeforeValidator(_read_no_data), PlainSerializer(_write_no_data, return_type=str)
]
"""What becomes of an alert without data: it holds, resolves at once, or resolves after so many milliseconds."""
