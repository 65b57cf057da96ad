"""The event for a job that no webhook told of.

Law: pure. It is what Daily would have sent, but for the envelope's id, which names the job so that the same job gives
the same event, and the time. Daily tells of no job when it ended: the time is estimated from the jobs listed before and
after it whose events did arrive, and is left out where there are none, so that the record's own time counts.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from stream.daily.wire import TERMINAL
from stream.domain.decoding import JsonObject

RECONCILED_AT = "reconciled-at"
"""The header that marks such an event, and says when it was appended, in epoch milliseconds by the wall clock."""

EVENT_TIME = "event-time"
"""The header that says where `event_ts` comes from: `estimated` or, when there is none, `unknown`."""

VERSION = "1.0.0"
Headers = list[tuple[str, bytes]]


def event_of(job_id: str, job: JsonObject, at_ms: int | None) -> bytes | None:
    """Return the webhook body for a job as Daily tells of it; None while the job has not ended."""
    status = job.get("status")
    kind = TERMINAL.get(status) if isinstance(status, str) else None
    if kind is None:
        return None
    event = {"version": VERSION, "type": kind, "id": f"reconciled-{job_id}", "payload": {**job, "id": job_id}}
    time = {} if at_ms is None else {"event_ts": at_ms / 1000}
    return json.dumps(event | time, separators=(",", ":")).encode()


def headers_of(at_ms: int | None, now_ms: int) -> Headers:
    """Return the headers of such an event."""
    return [(RECONCILED_AT, b"%d" % now_ms), (EVENT_TIME, b"unknown" if at_ms is None else b"estimated")]


def estimate_times(listed: Sequence[str], known: Mapping[str, int], newer_ms: int | None) -> dict[str, int]:
    """Return a time for each listed job that has none, in epoch milliseconds; nothing if no job has one.

    Between two jobs that are known it is on the line from one to the other. `newer_ms` is the time of what is listed
    before them, None if that is not known.
    """
    anchors = {place: known[job_id] for place, job_id in enumerate(listed) if job_id in known}
    if not anchors:
        return {}
    if newer_ms is not None:
        anchors[-1] = newer_ms
    places = sorted(anchors)
    missing = [place for place, job_id in enumerate(listed) if job_id not in known]
    times = np.interp(missing, places, [anchors[place] for place in places])
    return {listed[place]: int(at) for place, at in zip(missing, times, strict=True)}
