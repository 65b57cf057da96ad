"""A Faust transport that delivers records in chunks and resumes where the journal says.

Law: of a chunked topic, one Faust message carries chunks that are to be worked on together, each of another partition.
What has been worked on is acknowledged, which commits everything up to a chunk's last offset. Faust keeps membership,
recovery and commits; a `Reader` brings the records. After every rebalance each chunked partition is read from the
position its owner asks for, and the group's committed offset only serves those who watch lag.

This leans on private parts of Faust and aiokafka, which is why both are pinned; `tests/kafka/test_exactness.py`
fails when what is relied on no longer holds.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import Any, Protocol, cast

from aiokafka import TopicPartition
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, Message

from stream.reader import POLL_SECONDS, Chunk, Chunks, Reader


class Owner(Protocol):
    """Whoever knows how far each chunked partition has come."""

    async def resume(self, owned: set[TP]) -> Mapping[TP, int]:
        """Own these partitions from the end of a rebalance on; return the offset to read each from."""

    def position(self, tp: TP) -> int | None:
        """Return the offset that an owned partition has come to, or None if it is not owned."""

    async def reposition(self, cut: set[TP]) -> None:
        """Seek partitions whose log does not hold what was to be read next to where to go on."""


HEARTBEAT_SECONDS = 10.0
"""aiokafka leaves the group when nobody has asked it for records for too long."""


class ChunkedThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker; it leaves chunked topics to their readers."""

    consumer: "ChunkedConsumer"

    def _stopped_set(self) -> None:
        # A thread that has crashed closed its loop before it is told to stop, and mode then raises instead of stopping.
        if self.thread_loop.is_closed():
            self._stopped.set()
        else:
            super()._stopped_set()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Fetch nothing here: topics have readers, and changelogs are read when they are taken over."""
        self._ensure_consumer().pause(*(TopicPartition(*tp) for tp in assigned))
        await super().on_partitions_assigned(assigned, generation_id)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Miss nothing: no partition is fetched here, and health watches over those who fetch."""


class ChunkedConsumer(driver.Consumer):
    """Faust's consumer, one message for chunks that belong together."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked_at = monotonic()
        self._more_room: asyncio.Future[None] | None = None
        """Done once a chunk has been worked on; None while nobody waits for that."""

    def _new_consumer_thread(self) -> ChunkedThread:
        return ChunkedThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _chunking(self) -> "ChunkedTransport":
        return cast("ChunkedTransport", self.transport)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition: the chunked ones to their owner's position, the others to the committed offset."""
        committed = await super().seek_to_committed()
        owned = {tp for tp in self.assignment() if self.is_chunked(tp)}
        positions = await self._chunking.owner.resume(owned)
        for topic, reader in self._chunking.readers.items():
            reader.assign({tp.partition: offset for tp, offset in positions.items() if tp.topic == topic})
        return {**committed, **positions}

    async def seek_back(self, tp: TP, offset: int) -> None:
        """Read a chunked partition again from an offset; if it has just been lost, its new owner does."""
        self._chunking.readers[tp.topic].seek(tp.partition, offset)
        self._read_offset[tp] = offset - 1

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:  # noqa: ASYNC109
        active = active_partitions or set()
        fetched = {tp for tp in active if not self.is_chunked(tp)}
        if fetched or monotonic() - self._asked_at > HEARTBEAT_SECONDS:
            self._asked_at = monotonic()
            return await super()._getmany(fetched or active, timeout if fetched else 0)
        # Faust empties every agent's queue as the last step of a rebalance, after the seek: what is read in between
        # would be gone, and on a quiet topic nothing would come to show the hole.
        if self.app.rebalancing:
            await asyncio.sleep(POLL_SECONDS)
            return {}
        return await self._read({tp.topic for tp in active})

    async def _read(self, topics: set[str]) -> RecordMap:
        readers = [self._chunking.readers[topic] for topic in topics]
        polls = {reader.polling(): reader for reader in readers if reader.has_room()}
        waited_for: set[asyncio.Future[Any]] = {*polls}
        if len(polls) < len(readers) or not readers:
            # A reader that gets room meanwhile must not wait for what others bring.
            self._more_room = asyncio.get_running_loop().create_future()
            waited_for.add(self._more_room)
        await asyncio.wait(waited_for, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        self._more_room = None
        read: dict[TP, Any] = {}
        for poll, reader in polls.items():
            if poll.done():
                read |= await self._chunks(reader)
        return cast("RecordMap", read)

    async def _chunks(self, reader: Reader) -> dict[TP, list[Chunks]]:
        brought = reader.take()
        if brought.out_of_range:
            await self._chunking.owner.reposition({TP(reader.topic, partition) for partition in brought.out_of_range})
        given: dict[TP, list[Chunks]] = {}
        for chunks in brought.chunks:
            given.setdefault(place(chunks[0]), []).append(chunks)
        return given

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109  # as Faust has it
        """Yield the next records; what is read in a rebalance is dropped, and the seek at its end brings it back."""
        records, active = await self._wait_next_records(min(timeout, POLL_SECONDS))
        generation = self.app.consumer_generation_id
        for tp, given in cast("Mapping[TP, Any]", records or {}).items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                self._drop(tp, given)
                continue
            for message in self._messages(tp, given):
                if self.should_stop or not self.flow_active or generation != self.app.consumer_generation_id:
                    return
                yield tp, message

    def _messages(self, tp: TP, given: Any) -> list[ConsumerMessage]:
        if self.is_chunked(tp):
            return [self._as_message(chunks) for chunks in given]
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        return [self._to_message(tp, record) for record in given]

    def _as_message(self, chunks: Chunks) -> ConsumerMessage:
        run, tp = chunks[0].run, place(chunks[0])
        generation, value = self.app.consumer_generation_id, cast("bytes", chunks)
        at_seconds, last = run.times[-1] / 1000, run.offsets[-1]
        return ConsumerMessage(*tp, last, at_seconds, 0, None, None, value, None, tp=tp, generation_id=generation)

    def _drop(self, tp: TP, given: Any) -> None:
        if self.is_chunked(tp):
            for chunks in given:
                self._make_room(chunks)

    def done(self, chunks: Chunks) -> None:
        """Take note that chunks of a topic have been worked on."""
        self._make_room(chunks)
        # Of each message Faust knows, and acknowledges, the first chunk only.
        for chunk in chunks[1:]:
            self.ack(self._as_message((chunk,)))

    def _make_room(self, chunks: Chunks) -> None:
        self._chunking.readers[chunks[0].topic].done()
        if self._more_room is not None and not self._more_room.done():
            self._more_room.set_result(None)

    def has_read_all(self, tp: TP, position: int) -> bool:
        """Tell whether a chunked partition's log ends at a position; never while it is moving."""
        return not self.app.rebalancing and self._chunking.readers[tp.topic].has_read_all(tp.partition, position)

    def is_chunked(self, tp: TP) -> bool:
        """Tell whether a partition is read in chunks."""
        return tp.topic in self._chunking.readers

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Between two chunks' last offsets there is always what Faust takes for a gap.
        if not self.is_chunked(tp):
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if not self.is_chunked(tp):
            return super()._new_offset(tp)
        acked = self._acked[tp]
        if not acked:
            return None
        last = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        # What was handed on may have been refused, or let go of: it is not counted, and not committed either.
        counted = self._chunking.owner.position(tp)
        return None if counted is None else min(last + 1, counted)

    async def on_stop(self) -> None:
        """Stop the readers too."""
        await super().on_stop()
        for reader in self._chunking.readers.values():
            await asyncio.to_thread(reader.close)


def place(chunk: Chunk) -> TP:
    """Return what partition of which topic a chunk is of."""
    return TP(chunk.topic, chunk.partition)


class ChunkedTransport(driver.Transport):
    """Faust's Kafka transport with chunked consumption of some topics."""

    Consumer = ChunkedConsumer

    def __init__(self, app: AppT, readers: Mapping[str, Reader], owner: Owner) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.readers = readers
        self.owner = owner
