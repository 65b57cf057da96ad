"""One raw record of the events topic, read: a job's outcome, something to ignore, or something to reject.

Law: total. Any bytes give one of the three, without an exception and without a clock, and all that is kept of them is
bounded. The exact `type` alone decides what a record is: other events carry an `error` or a `status` too.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from schemas.daily import ERROR_TYPE, FINISHED_TYPE, read_error, read_job_id
from schemas.rejected import RejectedReason
from stream.domain.causes import Cause, Causes
from stream.domain.decoding import JsonObject, Rejected, decode, reject
from stream.domain.event_time import EventTime, NoTime, TimeQuality, clean
from stream.domain.naming import bounded_name

__all__ = ["Ignored", "IgnoredReason", "Outcome", "Rejected", "parse", "read_preset", "read_source_type"]

MAX_TYPE_CHARS = 64
UNKNOWN = "unknown"
STAR_PRESET = "(*)"
"""What a preset goes by whose name is `*`, which stands for all presets together wherever a preset is named."""
SOURCE_TYPES = frozenset(("uri", "recordingId", "transcriptUri"))

_JOB_TYPES = frozenset((ERROR_TYPE, FINISHED_TYPE))
_ODD_IN_A_TYPE = re.compile(r"[^a-z0-9._-]")


class IgnoredReason(StrEnum):
    """Why a record is rightly no outcome."""

    PING = "ping"
    TOMBSTONE = "tombstone"
    OTHER_TYPE = "other_type"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job in its terminal state; `cause` is None when it finished. Time in epoch milliseconds."""

    job_id: str
    preset: str
    failed: bool
    cause: Cause | None
    source_type: str
    at_ms: int
    time_quality: TimeQuality


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that is none of our business; `at_ms` only where it is the event's own time and can be trusted."""

    reason: IgnoredReason
    event_type: str = ""
    at_ms: int | None = None


def parse(value: bytes | None, record_ms: int | None, causes: Causes) -> Outcome | Ignored | Rejected:
    """Read one record's value; `record_ms` is its Kafka timestamp, None or -1 where there is none."""
    if value is None:
        return Ignored(IgnoredReason.TOMBSTONE)
    body = decode(value)
    if isinstance(body, Rejected):
        return body
    event_type = body.get("type")
    if not isinstance(event_type, str) or not event_type:
        return _read_typeless(body)
    if event_type in _JOB_TYPES:
        return _read_job(body, record_ms, causes)
    return Ignored(IgnoredReason.OTHER_TYPE, _label(event_type), _own_time(body, record_ms))


def _read_typeless(body: JsonObject) -> Ignored | Rejected:
    # What Daily posts when a webhook is made: {"test":"test"}.
    if "test" in body and body.get("type") is None:
        return Ignored(IgnoredReason.PING)
    return reject(RejectedReason.NO_TYPE, "no `type`, which every event of Daily's has")


def _read_job(body: JsonObject, record_ms: int | None, causes: Causes) -> Outcome | Rejected:
    version, payload = body.get("version"), body.get("payload")
    if not _understands(version):
        return reject(RejectedReason.UNSUPPORTED_VERSION, f"version {ascii(version)[:40]}, and only 1.x is understood")
    if not isinstance(payload, dict):
        return reject(RejectedReason.NO_PAYLOAD, "no `payload` object, which holds the job")
    job_id = read_job_id(payload.get("id"))
    if job_id is None:
        return reject(RejectedReason.NO_JOB_ID, "no `payload.id`, which names the job")
    time = clean(body.get("event_ts"), record_ms)
    if isinstance(time, NoTime):
        return reject(RejectedReason.NO_TIME, f"`event_ts` is {time.quality}, and the record itself has no time")
    cause = causes.classify(read_error(payload.get("error"))) if body["type"] == ERROR_TYPE else None
    return _outcome(job_id, payload, cause, time)


def _outcome(job_id: str, payload: JsonObject, cause: Cause | None, time: EventTime) -> Outcome:
    source = payload.get("input")
    return Outcome(
        job_id=bounded_name(job_id),
        preset=read_preset(payload.get("preset")),
        failed=cause is not None,
        cause=cause,
        source_type=read_source_type(source.get("sourceType") if isinstance(source, dict) else None),
        at_ms=time.at_ms,
        time_quality=time.quality,
    )


def _understands(version: object) -> bool:
    if version is None or version == "":
        return True
    return isinstance(version, (str, int, float)) and str(version).strip().partition(".")[0] == "1"


def read_preset(given: object) -> str:
    """Return the preset that a payload names, bounded in length."""
    if not isinstance(given, str) or not given.strip():
        return UNKNOWN
    return STAR_PRESET if given == "*" else bounded_name(given)


def read_source_type(given: object) -> str:
    """Return what kind of input a job had."""
    if given is None or given == "":
        return UNKNOWN
    return given if isinstance(given, str) and given in SOURCE_TYPES else "other"


def _label(event_type: str) -> str:
    return _ODD_IN_A_TYPE.sub("_", event_type[:MAX_TYPE_CHARS].lower())[:MAX_TYPE_CHARS]


def _own_time(body: JsonObject, record_ms: int | None) -> int | None:
    time = clean(body.get("event_ts"), record_ms)
    return time.at_ms if isinstance(time, EventTime) and time.quality.trusted else None
