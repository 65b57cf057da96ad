"""A job's webhook in brief: what travels of one that is long, when its job is at home in another partition.

Law: a brief reads as the whole does, but for where its time is from, which is noted where the whole was read; and what
is forwarded is never longer than `WHOLE_BYTES`. So whatever the events topic takes can be forwarded, under whatever key
it came, through any topic that takes records of a common size.
"""

from typing import Any

import msgspec

from schemas.daily import ERROR_TYPE, FINISHED_TYPE, read_error
from stream.domain.columns import Kind
from stream.domain.decoding import Rejected, decode
from stream.domain.error_text import MAX_TEXT_CHARS
from stream.domain.parse import UNKNOWN

WHOLE_BYTES = 32 * 2**10
"""Up to here a body travels whole. A brief holds an error of 4,096 characters and two names, six bytes each at most."""


def in_brief(value: bytes, job_id: str, kind: Kind, at_ms: int) -> bytes:
    """Return a job's webhook in brief, given what was read of it."""
    source_type = "" if kind.cell.source_type == UNKNOWN else kind.cell.source_type
    payload: dict[str, Any] = {"id": job_id, "preset": kind.preset, "input": {"sourceType": source_type}}
    if kind.cell.reason:
        payload["error"] = _error(value)
    event_type = ERROR_TYPE if kind.cell.reason else FINISHED_TYPE
    return msgspec.json.encode({"version": "1.0.0", "type": event_type, "payload": payload, "event_ts": at_ms / 1000})


def _error(value: bytes) -> str:
    body = decode(value)
    assert not isinstance(body, Rejected), body
    text = read_error(body["payload"].get("error"))
    # Of what is cut something is left, or a text that begins with 4 KiB of white space would read as none.
    return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS] + "…"
