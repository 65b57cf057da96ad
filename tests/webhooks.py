"""Webhook bodies as Daily sends them, and the Kafka records they come in, made from what a test is about."""

import json
from collections.abc import Iterable
from typing import Any

from stream.domain.replay import Replayed

T0_MS = 1_767_603_600_000
"""2026-01-05T09:00:00Z: the start of an hour, and so of a pane of any length."""

FORBIDDEN = "Error: Failed to download: 403 Forbidden"
"""An error of the customer's: `input_forbidden`."""
TIMEOUT = "Summary generation job failed: Error: request timed out"
"""An error of Daily's: `timeout`."""
STRANGE = "the hamster has left its wheel"
"""An error of nobody knows whom: `other`."""


def body(job: str, preset: str, at_ms: int, error: str | None = None) -> bytes:
    """Return the body that tells of a job's end: failed with an error, finished without one."""
    kind = "job-finished" if error is None else "error"
    payload: dict[str, Any] = {"id": job, "preset": preset, "status": "finished" if error is None else "error"}
    payload |= {"input": {"sourceType": "uri", "uri": "https://example.com/a.mp4"}, "output": {}}
    payload |= {} if error is None else {"error": error}
    return _event(f"batch-processor.{kind}", f"bp-{job}", payload, at_ms)


def meeting(at_ms: int) -> bytes:
    """Return an event that is none of our business but for its time."""
    return _event("meeting.started", f"m-{at_ms}", {"room": "lobby"}, at_ms)


def _event(kind: str, envelope: str, payload: dict[str, Any], at_ms: int) -> bytes:
    event = {"version": "1.0.0", "type": kind, "id": envelope, "payload": payload, "event_ts": at_ms / 1000}
    return json.dumps(event).encode()


def log_of(values: Iterable[tuple[int, bytes | None]], partition: int = 0) -> list[Replayed]:
    """Return one partition's records, from (Kafka timestamp, value)."""
    return [Replayed(partition, offset, at_ms, None, value) for offset, (at_ms, value) in enumerate(values)]
