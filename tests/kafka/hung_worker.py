"""A worker like any other, but for the part that its file names, which hangs: `python -m tests.kafka.hung_worker FILE`.

The parts are those that `stream.domain.health` tells apart: agent, consumer and recovery; and the passing of idle time,
and the last commit of a worker that stops.
"""

import asyncio
from pathlib import Path
from typing import Any

from stream.pipeline import Pipeline
from stream.reader import Brought, Reader
from stream.transport import ChunkedConsumer
from tests.kafka.altered import run_altered


def hang(pipeline: Pipeline, file: Path) -> None:
    """Let the part that a file names hang from now on."""
    part = file.read_text()
    stages: Any = (pipeline.counting, pipeline.deciding)
    if part == "agent":
        for stage in stages:
            type(stage).take = _for_ever
    elif part == "consumer":
        Reader.take = _nothing  # type: ignore[method-assign, assignment]
    elif part == "recovery":
        pipeline._recover = _for_ever  # type: ignore[method-assign, assignment]
    elif part == "stop":
        transport: Any = pipeline.app.transport
        transport.Consumer = NeverCommits
    elif part == "time":
        type(pipeline.counting).pass_idle_time = _for_ever  # type: ignore[method-assign, assignment]
    else:
        raise ValueError(part)


class NeverCommits(ChunkedConsumer):
    """A consumer whose broker never answers a commit."""

    async def _commit(self, offsets: object) -> bool:
        await _for_ever()
        return False


async def _for_ever(*_: object) -> None:
    await asyncio.Event().wait()


def _nothing(reader: Reader) -> Brought:
    reader._poll = None
    return Brought([], set())


if __name__ == "__main__":
    run_altered(hang)
