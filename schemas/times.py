"""Times on the wire: integer epoch milliseconds inside, ISO 8601 UTC text in JSON.

Law: reading what was written gives the same millisecond, and equal times are written as equal text.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def format_time(ms: int) -> str:
    """Return epoch milliseconds as `2024-03-25T21:33:30Z`, with `.539` only when it is needed; years 1 to 9999."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    precision = "milliseconds" if ms % 1000 else "seconds"
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def read_time(text: str) -> int:
    """Return the epoch milliseconds of an ISO 8601 text, UTC where it names no offset; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


def _from_wire(value: object) -> object:
    return read_time(value) if isinstance(value, str) else value


Timestamp = Annotated[
    int,
    BeforeValidator(_from_wire),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2024-03-25T21:33:30Z"]}),
]
