"""The demo's way in: webhooks signed as Daily signs them, posted to a gateway that lives in the traffic's own time.

Law: what one partition gets, it gets in the order it is put, each once unless the broker was away meanwhile; a webhook
counts once it is answered 200, and is posted again, as Daily would, while it is answered 503.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_bytes

import aiohttp
from aiokafka.errors import KafkaTimeoutError

from stream.cli.sender import ACKNOWLEDGED_WITHIN_SECONDS, count_partitions
from stream.domain.routing import partition_of
from stream.gateway.openapi import WEBHOOKS_PATH
from stream.gateway.service import Service
from stream.gateway.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER, Claims, Verifier, sign
from stream.local.loopback import HOST
from stream.local.traffic import Delivery
from stream.logs import configure_logs
from stream.settings import Settings

IN_FLIGHT = 500
RETRY_SECONDS = 0.5


class Poster:
    """Posts webhooks to one gateway."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: bytes, partitions: int) -> None:
        self._session, self._url, self._key, self._partitions = session, url, key, partitions
        self._lanes: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._under_way: set[asyncio.Task[None]] = set()
        self.acknowledged = 0
        """How many have been answered 200."""

    async def put(self, delivery: Delivery) -> None:
        """Post a webhook, or wait until there is room; raises `KafkaError` when an earlier one was not stored."""
        await self._room.acquire()
        self._take_note()
        self._under_way.add(asyncio.create_task(self._post(delivery)))

    async def settle(self) -> None:
        """Wait until everything put so far is stored; raises `KafkaError`."""
        await asyncio.gather(*self._under_way)
        self._take_note()

    def _take_note(self) -> None:
        done = {task for task in self._under_way if task.done()}
        self._under_way -= done
        for task in done:
            task.result()

    async def _post(self, delivery: Delivery) -> None:
        # A lock is had in the order it is asked for, and tasks begin in the order they are made.
        try:
            async with self._lanes[partition_of(delivery.key, delivery.value, self._partitions)]:
                await self._post_until_stored(delivery)
            self.acknowledged += 1
        finally:
            self._room.release()

    async def _post_until_stored(self, delivery: Delivery) -> None:
        timestamp = str(delivery.arrives_at_ms)
        headers = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: sign(self._key, timestamp, delivery.value)}
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_SECONDS):
                while await self._status(delivery.value, headers) != 200:  # noqa: ASYNC110  no event tells when
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            raise KafkaTimeoutError from None

    async def _status(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError:
            return 0

    def cancel(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()


@asynccontextmanager
async def posting(settings: Settings) -> AsyncIterator[Poster]:
    """Run a gateway for the length of the block, on any free port, and give who posts to it."""
    configure_logs(settings.model_copy(update={"log_level": "error"}))
    partitions, key = await count_partitions(settings), token_bytes(32)
    service = Service(settings, Verifier((key,)), time_of_the_signature)
    await service.start(HOST, 0)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=partitions)) as session:
            poster = Poster(session, f"http://{HOST}:{service.port}{WEBHOOKS_PATH}", key, partitions)
            try:
                yield poster
            finally:
                poster.cancel()
    finally:
        await service.stop()


def time_of_the_signature(claims: Claims) -> int:
    """Return when a webhook of the demo arrives, in the traffic's own time."""
    return int(claims.timestamp)
