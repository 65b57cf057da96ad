"""faust-streaming as its documentation has it: `async for`, pydantic, a tumbling table, `+= 1`."""

import asyncio
import json
import os
import sys
from typing import Annotated, Any, Literal

import faust
from pydantic import BaseModel, Field, TypeAdapter

from benchmarks.events import WINDOW_MS

WANTED = int(os.environ["EVENTS"])


class Payload(BaseModel):
    id: str
    preset: str | None = None
    status: str
    error: str | None = None


class Failed(BaseModel):
    type: Literal["batch-processor.error"]
    payload: Payload
    event_ts: float


class Finished(BaseModel):
    type: Literal["batch-processor.job-finished"]
    payload: Payload
    event_ts: float


EVENT: TypeAdapter[Failed | Finished] = TypeAdapter(Annotated[Failed | Finished, Field(discriminator="type")])

app = faust.App(
    os.environ["RUN"],
    broker=f"kafka://{os.environ['BOOTSTRAP']}",
    store="memory://",
    topic_replication_factor=1,
    topic_partitions=4,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
)
source = app.topic(os.environ["EVENTS_TOPIC"], value_type=bytes, value_serializer="raw", key_serializer="raw")
out = app.topic(os.environ["OUT_TOPIC"], value_serializer="raw", key_serializer="raw")
counts: Any = app.Table("counts", default=int, partitions=4).tumbling(60.0, expires=10**9).relative_to_stream()
done = 0
dirty: set[tuple[str, str, int]] = set()


def say(word: str) -> None:
    print(word, file=sys.__stdout__, flush=True)  # the worker makes log lines of what is printed to sys.stdout


@app.agent(source)
async def count(stream: Any) -> None:
    global done  # noqa: PLW0603  # as an example program would
    async for value in stream:
        if not done:
            say("FIRST")
        event = EVENT.validate_json(value)
        kind = "error" if event.type == "batch-processor.error" else "finished"
        counts[f"{event.payload.preset}|{kind}"] += 1
        dirty.add((event.payload.preset or "", kind, int(event.event_ts * 1000) // WINDOW_MS * WINDOW_MS))
        done += 1
        if done == WANTED:
            await flush()
            say("LAST")
            await asyncio.sleep(1)
            os._exit(0)


async def flush() -> None:
    changed = {(preset, start) for preset, _, start in dirty}
    dirty.clear()
    for preset, start in changed:
        said = {"preset": preset, "window_start": start}
        for kind in ("finished", "error"):
            said[kind] = counts.table._windowed_timestamp(f"{preset}|{kind}", start / 1000)  # noqa: SLF001
        await out.send(key=f"{preset}|{start}".encode(), value=json.dumps(said).encode())


@app.timer(1.0)  # type: ignore[untyped-decorator]  # faust has no types for it
async def tick() -> None:
    await flush()


if __name__ == "__main__":
    app.main()
