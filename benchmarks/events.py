"""The events of the benchmark: a pure function of their number, and what every contender must count of them."""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

SEED = 7
FIRST_SECONDS = 1_711_402_402.539
APART_SECONDS = 0.01
PRESETS = ("summarize", "transcript", "soap-notes")
ERROR_SHARE = 0.1
WINDOW_MS = 60_000
ERROR = (
    "Summary generation job failed: BatchProcessorTranscriptError: transcript job failed: "
    "Error: Failed to download: 403 Forbidden"
)
OUTPUT = {"summary": [{"format": "txt", "s3Config": {"key": "k", "bucket": "b", "region": "us"}}]}

Windows = dict[tuple[str, int], tuple[int, int]]
"""Finished and failed jobs by preset and window start in epoch milliseconds."""


class Event(NamedTuple):
    """One job's end."""

    job_id: str
    preset: str
    failed: bool
    at_ms: int
    event_ts: float
    link: str = "https://example.com/x.mp4"


def draw(
    count: int,
    presets: tuple[str, ...] = PRESETS,
    apart_seconds: float = APART_SECONDS,
    first_seconds: float = FIRST_SECONDS,
    seed: int = SEED,
) -> Iterator[Event]:
    """Draw so many events, in the order of their time."""
    chance = Random(seed)
    for number in range(count):
        job_id = str(UUID(int=chance.getrandbits(128)))
        event_ts = first_seconds + number * apart_seconds
        failed = chance.random() < ERROR_SHARE
        yield Event(job_id, chance.choice(presets), failed, int(event_ts * 1000), event_ts)


def body(event: Event) -> bytes:
    """Return an event as Daily sends it, about 420 bytes."""
    payload: dict[str, Any] = {
        "id": event.job_id,
        "preset": event.preset,
        "status": "error" if event.failed else "finished",
        "input": {"sourceType": "uri", "uri": event.link},
        "output": {} if event.failed else OUTPUT,
    }
    if event.failed:
        payload["error"] = ERROR
    kind = "error" if event.failed else "job-finished"
    envelope = {"version": "1.0.0", "type": f"batch-processor.{kind}", "id": f"bp-{event.job_id}"}
    return json.dumps({**envelope, "payload": payload, "event_ts": event.event_ts}).encode()


def expected(count: int, presets: tuple[str, ...] = PRESETS, apart_seconds: float = APART_SECONDS) -> Windows:
    """Return the exact counts of the first so many events."""
    counts: dict[tuple[str, int], Counter[bool]] = {}
    for event in draw(count, presets, apart_seconds):
        counts.setdefault((event.preset, event.at_ms // WINDOW_MS * WINDOW_MS), Counter())[event.failed] += 1
    return {window: (jobs[False], jobs[True]) for window, jobs in counts.items()}
