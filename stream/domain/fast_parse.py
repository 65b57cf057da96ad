"""The short way for records that are what Daily usually sends.

Law: what is read here is what `parse` makes of the same bytes; whatever is unusual in any way is not read here. So this
module can be wrong in one way only, and a property test looks for it.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from schemas.daily import ERROR_TYPE, FINISHED_TYPE
from stream.domain.naming import MAX_NAME_CHARS

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

    rows: Sequence[int]
    job_ids: list[str]
    sent: list[float]
    codes: list[int]
    """The index in `said`."""
    said: list[Said]


def read_usual(values: Sequence[bytes | None]) -> UsualEvents:
    """Return the events in those values that are usual ones."""
    # In one piece, since every event there is passes this loop: it is a quarter of what a worker does.
    unusual: list[int] = []
    job_ids, sent, codes = [], [], []
    code_of: dict[Said, int] = {}
    for row, value in enumerate(values):
        if value is None or not (_is_plain(value) if len(value) > SHORT_BYTES else value.isascii()):
            unusual.append(row)
            continue
        try:
            event = _decode(value)
        except msgspec.MsgspecError:
            unusual.append(row)
            continue
        payload = event.payload
        job_id, source = payload.id, payload.input
        if not job_id or len(job_id) > MAX_NAME_CHARS or job_id.isspace():
            unusual.append(row)
            continue
        job_ids.append(job_id)
        sent.append(event.event_ts)
        error = payload.error if type(payload) is _FailedPayload else False
        said = payload.preset, None if source is None else source.sourceType, error
        codes.append(code_of.setdefault(said, len(code_of)))
    return UsualEvents(_others(unusual, len(values)), job_ids, sent, codes, list(code_of))


def _others(rows: list[int], end: int) -> Sequence[int]:
    """Return the rows below an end that are not among these."""
    return sorted(set(range(end)).difference(rows)) if rows else range(end)


def _is_plain(value: bytes) -> bool:
    # msgspec skips what it does not need without looking at its UTF-8, at how deep it is and how long its numbers are.
    return len(value) <= LONG_BYTES and value.isascii() and value.count(b"[") + value.count(b"{") <= MAX_OPENED
