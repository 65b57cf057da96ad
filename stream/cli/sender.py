"""The way onto the events topic: key and partition from the body's bytes, and the broker's word that it is there.

Law: records of one partition are written in the order they are put, each once, and `acknowledged` counts those that the
broker has on all in-sync replicas, from the first on. At most `IN_FLIGHT` records wait for their acknowledgement.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from stream.cli.reach import administering, fit_topics, sizes_of_topics, start
from stream.clients import LARGEST_REQUEST, connection
from stream.domain.routing import partition_of
from stream.settings import Settings

IN_FLIGHT = 5_000
ACKNOWLEDGED_WITHIN_SECONDS = 30.0
"""An idempotent producer would wait for a broker that is gone without end."""
STOPS_WITHIN_SECONDS = 5.0
BATCH_BYTES = 2**18
Headers = list[tuple[str, bytes]]


@dataclass(slots=True)
class Sender:
    """A producer of webhook bodies."""

    producer: AIOKafkaProducer
    topic: str
    partitions: int
    settled: int = 0
    waiting: deque[asyncio.Future[RecordMetadata]] = field(default_factory=deque)

    @property
    def acknowledged(self) -> int:
        """How many records the broker has, from the first on."""
        return self.settled + sum(1 for _ in takewhile(_is_acknowledged, self.waiting))

    async def put(
        self, key: bytes | None, value: bytes, timestamp_ms: int | None = None, headers: Headers | None = None
    ) -> None:
        """Send a body; the time is that of the record, now if none is given. Raises `KafkaError`."""
        partition = partition_of(key, value, self.partitions)
        try:
            sent = await self.producer.send(self.topic, value, key, partition, timestamp_ms, headers)
        except MessageSizeTooLargeError:
            await self.settle()
            raise
        self.waiting.append(sent)
        await self._settle(IN_FLIGHT)

    async def settle(self) -> None:
        """Wait until everything put so far is acknowledged; raises `KafkaError`."""
        await self._settle(0)

    async def _settle(self, leave: int) -> None:
        while self.waiting and (len(self.waiting) > leave or self.waiting[0].done()):
            await asyncio.wait((self.waiting[0],), timeout=ACKNOWLEDGED_WITHIN_SECONDS)
            if not self.waiting[0].done():
                raise KafkaTimeoutError
            self.waiting.popleft().result()
            self.settled += 1


def _is_acknowledged(sent: asyncio.Future[RecordMetadata]) -> bool:
    return sent.done() and not sent.cancelled() and sent.exception() is None


@asynccontextmanager
async def sending(settings: Settings) -> AsyncIterator[Sender]:
    """Give a sender for the length of the block; topics are created if there are none."""
    partitions = await count_partitions(settings)
    producer = AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=True,
        max_request_size=LARGEST_REQUEST,
        max_batch_size=BATCH_BYTES,
        linger_ms=5,
        request_timeout_ms=int(ACKNOWLEDGED_WITHIN_SECONDS * 1000),
    )
    try:
        await start(producer)
        yield Sender(producer, settings.events_topic, partitions)
    finally:
        # Stopping waits for what is under way; all that must be waited for has been.
        with suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), STOPS_WITHIN_SECONDS)


async def count_partitions(settings: Settings) -> int:
    """Return how many partitions the events topic has, created with all others where it is missing."""
    async with administering(settings) as admin:
        found = await sizes_of_topics(admin)
    if settings.events_topic in found:
        return found[settings.events_topic]
    return await fit_topics(settings)
