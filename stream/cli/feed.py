"""`produce`: webhook bodies from a file, onto the events topic.

Law: a body is keyed by its bytes alone, as `replay` does it, so the alert events of a replay are those of the topic.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from select import select
from typing import Annotated

import typer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream.cli import given
from stream.cli.lines import CHUNK_BYTES, Chunked, Line, Splitter
from stream.cli.output import Tell, counted, counting_up, out_of_reach, say, write_line, wrong
from stream.cli.reach import describe, talk
from stream.cli.sender import Sender, sending
from stream.domain.routing import record_key
from stream.settings import Settings

LOOK_SECONDS = 0.02
Bodies = Annotated[Path, typer.Argument(metavar="FILE|-", help="Webhook bodies, one a line; - reads stdin.")]


def produce(file: Bodies) -> None:
    """Put webhook bodies on the events topic and say how many are there for good.

    Each line is sent byte for byte, keyed by its job id. Blank lines are
    skipped; what is no webhook body is sent all the same, and a worker parks
    it. A record counts once all in-sync replicas have it.

    For example:
      presetwatch produce webhooks.ndjson
      zcat archive/*.gz | presetwatch produce -

    Settings: PRESETWATCH_KAFKA_BOOTSTRAP, PRESETWATCH_EVENTS_TOPIC.
    """
    settings = given.settings()
    with given.opened(file) as bodies, counting_up("producing", given.size_of(file)) as tell:
        count = talk(settings, _produce(settings, bodies, tell))
    write_line(f"{counted(count, 'record')} on {settings.events_topic}".encode())


async def _produce(settings: Settings, bodies: Chunked, tell: Tell) -> int:
    async with sending(settings) as sender:
        try:
            await _send_all(sender, bodies, tell)
        except MessageSizeTooLargeError:
            which = f"Record {sender.acknowledged + 1} is larger than {settings.events_topic} takes"
            raise wrong(f"{which}: raise the topic's max.message.bytes. {_so_far(sender)}") from None
        except KafkaError as error:
            raise out_of_reach(f"{_so_far(sender)} {describe(settings, error)}") from None
        except asyncio.CancelledError:
            say(f"Interrupted. {_so_far(sender)}")
            raise
        return sender.acknowledged


async def _send_all(sender: Sender, bodies: Chunked, tell: Tell) -> None:
    async for line in _lines_as_they_come(bodies):
        await sender.put(record_key(line.value), line.value)
        tell(line.read_bytes, counted(sender.settled, "record"))
    await sender.settle()


async def _lines_as_they_come(bodies: Chunked) -> AsyncIterator[Line]:
    """Yield the records of a file or pipe; while a pipe has none, what has been sent goes out."""
    splitter = Splitter()
    while chunk := await _next_chunk(bodies):
        for line in splitter.take(chunk):
            yield line
    for line in splitter.finish():
        yield line


async def _next_chunk(bodies: Chunked) -> bytes:
    # Not in a thread, which nothing could interrupt; and a reader in the loop is not for files.
    while not select([bodies], [], [], 0)[0]:  # noqa: ASYNC110  so there is no event to wait for
        await asyncio.sleep(LOOK_SECONDS)
    await asyncio.sleep(0)
    return bodies.read1(CHUNK_BYTES)


def _so_far(sender: Sender) -> str:
    return f"The first {counted(sender.acknowledged, 'record')} are acknowledged."
