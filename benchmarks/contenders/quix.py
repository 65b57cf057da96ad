"""Quix Streams as its documentation has it: a tumbling window by preset, with its changelog."""

import os
import tempfile
import threading
from typing import Any

from quixstreams import Application

from benchmarks.events import WINDOW_MS

WANTED = int(os.environ["EVENTS"])
done = 0


def small(event: dict[str, Any]) -> dict[str, Any]:
    if not done:
        print("FIRST", flush=True)
    return {"preset": event["payload"]["preset"], "failed": event["type"] == "batch-processor.error"}


def start(event: dict[str, Any]) -> dict[str, int]:
    return add({"finished": 0, "error": 0}, event)


def add(counts: dict[str, int], event: dict[str, Any]) -> dict[str, int]:
    global done  # noqa: PLW0603  # as an example program would
    done += 1
    if done == WANTED:
        print("LAST", flush=True)
        threading.Timer(2.5, app.stop).start()
    counts["error" if event["failed"] else "finished"] += 1
    return counts


def said(window: dict[str, Any], key: Any, *_: Any) -> dict[str, Any]:
    return {"preset": key if isinstance(key, str) else key.decode(), "window_start": window["start"], **window["value"]}


app = Application(
    os.environ["BOOTSTRAP"],
    consumer_group=os.environ["RUN"],
    auto_offset_reset="earliest",
    commit_interval=1.0,
    state_dir=tempfile.mkdtemp(),
    loglevel="WARNING",
)
source = app.topic(
    os.environ["EVENTS_TOPIC"],
    value_deserializer="json",
    timestamp_extractor=lambda value, *_: int(value["event_ts"] * 1000),
)
frame = app.dataframe(source).apply(small).group_by("preset")
windows = frame.tumbling_window(WINDOW_MS, grace_ms=59 * WINDOW_MS).reduce(add, start).current()
windows.apply(said, metadata=True).to_topic(app.topic(os.environ["OUT_TOPIC"], value_serializer="json"))

if __name__ == "__main__":
    app.run()
