"""A Faust transport that delivers a partition's records in chunks and resumes where the journal says.

Law: of a chunked topic, one Faust message carries a `Chunk`: all that the log holds of one partition from one offset to
another, in order. Its offset is the last; acknowledging it commits everything up to there. Chunks may be dropped,
repeated or come late around a rebalance, but what a chunk says of itself stays true, so a hole is always seen. After
every rebalance each chunked partition is read from the position its owner asks for, and the group's committed offset
only serves those who watch lag.

This leans on private parts of Faust and aiokafka, which is why both are pinned; `tests/kafka/test_exactness.py`
fails when what is relied on no longer holds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, Message

Positions = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]
"""Called after table recovery with the chunked partitions this worker owns; returns the offset to read each from."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Every record that a partition's log holds from the offset `start` up to the last of them."""

    partition: int
    start: int
    records: list[Any]


POLL_SECONDS = 0.1
"""Commits and seeks queue behind a fetch that waits for records, in Faust a whole second."""


class ChunkedThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker. Seeks and fetches take turns in it, so it knows where each fetch began.

    Faust seeks from another thread, and a fetch under way can then undo the seek without a trace.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._next: dict[TP, int] = {}

    def _stopped_set(self) -> None:
        # A thread that has crashed closed its loop before it is told to stop, and mode then raises instead of stopping.
        if self.thread_loop.is_closed():
            self._stopped.set()
        else:
            super()._stopped_set()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition to the group's committed offset."""
        return cast("Mapping[TP, int]", await self.call_thread(self._seek_to_committed))

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        self._next.clear()
        return cast("Mapping[TP, int]", await self._ensure_consumer().seek_to_committed())

    async def seek_in_turn(self, positions: Mapping[TP, int]) -> None:
        """Seek between two fetches; raises `IllegalStateError` if a partition has been lost."""
        await self.call_thread(self._seek_in_turn, positions)

    async def _seek_in_turn(self, positions: Mapping[TP, int]) -> None:
        for tp, offset in positions.items():
            self._ensure_consumer().seek(tp, offset)
            self._next[tp] = offset

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        fetched = await super()._fetch_records(*args, **kwargs)
        return {tp: self._as_chunk(tp, records) for tp, records in fetched.items() if records}

    def _as_chunk(self, tp: TP, records: list[Any]) -> Chunk:
        chunk = Chunk(tp.partition, self._next.get(tp, records[0].offset), records)
        self._next[tp] = records[-1].offset + 1
        return chunk


class ChunkedConsumer(driver.Consumer):
    """Faust's consumer, one message a fetched chunk."""

    _thread: ChunkedThread

    def _new_consumer_thread(self) -> ChunkedThread:
        return ChunkedThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _chunking(self) -> "ChunkedTransport":
        return cast("ChunkedTransport", self.transport)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition: the chunked ones to their owner's position, the others to the committed offset."""
        committed = await super().seek_to_committed()
        owned = {tp for tp in self.assignment() if self._is_chunked(tp)}
        positions = await self._chunking.positions(owned)
        await self._thread.seek_in_turn(positions)
        return {**committed, **positions}

    async def _seek(self, partition: TP, offset: int) -> None:
        await self._thread.seek_in_turn({partition: offset})

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:  # noqa: ASYNC109
        # Faust empties every agent's queue as the last step of a rebalance, after the seek: what is fetched in between
        # would be gone, and on a quiet topic nothing would come to show the hole.
        active = {tp for tp in active_partitions or () if not (self.app.rebalancing and self._is_chunked(tp))}
        if active:
            return await super()._getmany(active, timeout)
        await asyncio.sleep(POLL_SECONDS)
        return {}

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109  # as Faust has it
        """Yield the next records; what is fetched in a rebalance is dropped, and the seek at its end brings it back."""
        records, active = await self._wait_next_records(min(timeout, POLL_SECONDS))
        generation = self.app.consumer_generation_id
        for tp, chunk in cast("Mapping[TP, Chunk]", records or {}).items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            for message in self._messages(tp, chunk):
                if self.should_stop or not self.flow_active or generation != self.app.consumer_generation_id:
                    return
                yield tp, message

    def _messages(self, tp: TP, chunk: Chunk) -> list[ConsumerMessage]:
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        if not self._is_chunked(tp):
            return [self._to_message(tp, record) for record in chunk.records]
        message: Any = self._to_message(tp, chunk.records[-1])
        message.key, message.value, message.headers = None, chunk, None
        return [message]

    async def has_read_all(self, tp: TP) -> bool:
        """Tell whether a partition has been fetched to the end the broker last told of; never while it is moving."""
        future = asyncio.run_coroutine_threadsafe(self._has_read_all(tp), self._thread.thread_loop)
        return await asyncio.wrap_future(future)

    async def _has_read_all(self, tp: TP) -> bool:
        try:
            consumer = self._thread._ensure_consumer()  # noqa: SLF001  # asking it through Faust waits for a fetch
            highwater = consumer.highwater(tp)
            return highwater is not None and await consumer.position(tp) >= highwater
        except (ConsumerNotStarted, IllegalStateError):
            return False

    async def seek_back(self, tp: TP, offset: int) -> None:
        """Read a partition again from an offset; if it has just been lost, its new owner does."""
        with suppress(IllegalStateError):
            await self.seek(tp, offset)

    def _is_chunked(self, tp: TP) -> bool:
        return tp.topic in self._chunking.chunked

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Between two chunks' last offsets there is always what Faust takes for a gap.
        if not self._is_chunked(tp):
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if not self._is_chunked(tp):
            return super()._new_offset(tp)
        acked = self._acked[tp]
        if not acked:
            return None
        last = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1


class ChunkedTransport(driver.Transport):
    """Faust's Kafka transport with chunked consumption of some topics."""

    Consumer = ChunkedConsumer

    def __init__(self, app: AppT, chunked: frozenset[str], positions: Positions) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.chunked = chunked
        self.positions = positions
