"""Bodies on their way to the events topic.

Law: `STORED` is said only of what all in-sync replicas have acknowledged. What was not acknowledged in time is answered
for, but still stored if the broker comes back soon, because a retry may never come and a copy changes nothing. What
waits is bounded in records and in bytes. All of it, the broker's answers included, happens in the event loop's thread.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from stream.clients import LARGEST_REQUEST, librdkafka
from stream.gateway.outcomes import Outcome
from stream.settings import Settings

ANSWER_SECONDS = 5.0
"""Daily has been seen to give up after eight."""
KEPT_TRYING_SECONDS = 120.0
MOST_RECORDS = 20_000
MOST_BYTES = 64 * 2**20
RECEIVED_AT = "received-at"
"""The header that says when a body came, in epoch milliseconds: the record's own timestamp may be the broker's."""

Headers = Sequence[tuple[str, bytes]]

_BUSY_SECONDS, _IDLE_SECONDS = 0.001, 0.25
_LOG_SECONDS = 10.0

PRODUCING = {
    "client.id": "presetwatch-gateway",
    "enable.idempotence": True,
    "acks": "all",
    # With more, librdkafka 2.12 was seen to lose acknowledged records of a topic that had just been made.
    "max.in.flight.requests.per.connection": 1,
    "linger.ms": 2,
    "partitioner": "murmur2_random",  # the choice of Kafka's own client, and of stream.domain.routing
    "message.timeout.ms": int(KEPT_TRYING_SECONDS * 1000),
    "message.max.bytes": LARGEST_REQUEST,
    "queue.buffering.max.messages": MOST_RECORDS,
    "reconnect.backoff.max.ms": 1_000,
    "log_level": 2,  # that the broker is away is told by whoever watches it
}


class Outgoing:
    """Writes to the events topic; belongs to the running event loop."""

    def __init__(self, settings: Settings, producing: Mapping[str, Any] = PRODUCING) -> None:
        self._config = {**librdkafka(settings), **producing}
        self._topic = settings.events_topic
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(self._config)
        self._is_spent = False
        self._due: deque[tuple[float, asyncio.Future[Outcome]]] = deque()
        self._logged_at = -_LOG_SECONDS
        self.records = 0
        self.size = 0
        """Bytes that wait."""
        self._drained = asyncio.Event()
        self._drained.set()
        self._timer = self._loop.call_later(_IDLE_SECONDS, self._tick)

    def has_room(self, size: int = 0) -> bool:
        """Tell whether so many more bytes may wait."""
        return self.records < MOST_RECORDS and self.size + size <= MOST_BYTES

    def send(self, key: bytes | None, value: bytes, at_ms: int, headers: Headers = ()) -> "asyncio.Future[Outcome]":
        """Send a body that came at a time; the answer is there within `ANSWER_SECONDS`."""
        told: asyncio.Future[Outcome] = self._loop.create_future()
        headers = [(RECEIVED_AT, str(at_ms).encode()), *headers]
        settle: Any = partial(self._settle, told, len(value))
        try:
            self._producer.produce(self._topic, value, key, on_delivery=settle, timestamp=at_ms, headers=headers)
        except BufferError:
            told.set_result(Outcome.CROWDED)
        except KafkaException as error:
            told.set_result(self._judge(error.args[0]))
        else:
            self._wait_for(told, len(value))
        return told

    def _wait_for(self, told: "asyncio.Future[Outcome]", size: int) -> None:
        self._due.append((self._loop.time() + ANSWER_SECONDS, told))
        if not self.records:
            self._drained.clear()
            self._timer.cancel()
            self._timer = self._loop.call_later(_BUSY_SECONDS, self._tick)
        self.records += 1
        self.size += size

    def _settle(self, told: "asyncio.Future[Outcome]", size: int, error: KafkaError | None, _: Message) -> None:
        self.records -= 1
        self.size -= size
        outcome = Outcome.STORED if error is None else self._judge(error)
        if not told.done():
            told.set_result(outcome)
        if not self.records:
            self._drained.set()

    def _judge(self, error: KafkaError) -> Outcome:
        self._is_spent |= error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  its public name
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return Outcome.TOO_LARGE
        if self._loop.time() - self._logged_at >= _LOG_SECONDS:
            self._logged_at = self._loop.time()
            log.error("not_stored", error=error.str(), waiting=self.records)
        return Outcome.REFUSED

    def _tick(self) -> None:
        try:
            self._producer.poll(0)
            self._expire()
            if self._is_spent:
                self._renew()
        finally:
            self._timer = self._loop.call_later(_BUSY_SECONDS if self.records else _IDLE_SECONDS, self._tick)

    def _expire(self) -> None:
        now = self._loop.time()
        while self._due and (self._due[0][1].done() or self._due[0][0] <= now):
            told = self._due.popleft()[1]
            if not told.done():
                told.set_result(Outcome.UNANSWERED)

    def _renew(self) -> None:
        """Replace a producer that can produce no more, having answered for all that it held."""
        log.error("producer_replaced", waiting=self.records)
        self._producer.purge()
        self._producer.flush(1)
        self._producer, self._is_spent = Producer(self._config), False

    async def drain(self, seconds: float) -> None:
        """Wait until nothing waits any more, but no longer than so."""
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            log.error("stopped_with_unacknowledged_records", records=self.records)

    def close(self) -> None:
        """Stop; what still waits is given up."""
        self._timer.cancel()


log = structlog.get_logger(__name__)
