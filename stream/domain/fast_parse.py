"""The short way for records that are what Daily usually sends.

Law: what is read here is what `parse` makes of the same bytes; whatever is unusual in any way is not read here. So this
module can be wrong in one way only, and a property test looks for it.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from schemas.daily import ERROR_TYPE, FINISHED_TYPE
from stream.domain.parse import MAX_NAME_CHARS

SHORT_BYTES = 500
"""A job's event with more than 200 levels of nesting, which `parse` refuses, is longer than this."""

LONG_BYTES = 4_000
"""From here on a number may have more digits than `parse` takes (4,300)."""

MAX_OPENED = 150


class _Input(msgspec.Struct, gc=False):
    sourceType: str | None = None  # noqa: N815  # as Daily has it


class _Payload(msgspec.Struct, gc=False):
    id: str
    preset: str | None = None
    input: _Input | None = None


class _FailedPayload(_Payload, gc=False):
    error: str | None = None


class Finished(msgspec.Struct, gc=False, tag=FINISHED_TYPE):
    """A job that finished."""

    version: Literal["1.0.0", "1.1.0"]
    payload: _Payload
    event_ts: float


class Failed(msgspec.Struct, gc=False, tag=ERROR_TYPE):
    """A job that failed."""

    version: Literal["1.0.0", "1.1.0"]
    payload: _FailedPayload
    event_ts: float


Usual = Finished | Failed

_decode: Callable[[bytes], Usual] = msgspec.json.Decoder(Usual).decode


Said = tuple[str | None, str | None, str | bool | None]
"""What jobs are told apart by: preset, source type and error as Daily has them. A finished job's error is False."""


class UsualEvents(NamedTuple):
    """Usual events in columns, with the places of the values they come from."""

    rows: list[int]
    job_ids: list[str]
    sent: list[float]
    said: list[Said]


def read_usual(values: Iterable[bytes | None]) -> UsualEvents:
    """Return the events in those values that are usual ones."""
    rows: list[int] = []
    job_ids, sent, said = [], [], []
    for row, value in enumerate(values):
        if value is None or not (_is_plain(value) if len(value) > SHORT_BYTES else value.isascii()):
            continue
        try:
            event = _decode(value)
        except msgspec.MsgspecError:
            continue
        payload = event.payload
        job_id, source = payload.id, payload.input
        if job_id and len(job_id) <= MAX_NAME_CHARS and not job_id.isspace():
            rows.append(row)
            job_ids.append(job_id)
            sent.append(event.event_ts)
            error = event.payload.error if isinstance(event, Failed) else False
            said.append((payload.preset, None if source is None else source.sourceType, error))
    return UsualEvents(rows, job_ids, sent, said)


def _is_plain(value: bytes) -> bool:
    # msgspec skips what it does not need without looking at its UTF-8, at how deep it is and how long its numbers are.
    return len(value) <= LONG_BYTES and value.isascii() and value.count(b"[") + value.count(b"{") <= MAX_OPENED
