"""A Faust transport that delivers a partition's records in chunks and resumes where the journal says.

Law: of a chunked topic, one Faust message carries all records fetched from one partition, in order, and its offset is
the last of them; acknowledging it commits everything up to there. After every rebalance each chunked partition is read
from the position its owner asks for, and the group's committed offset only serves those who watch lag.

This leans on private parts of Faust and aiokafka, which is why both are pinned; `tests/kafka/test_transport.py` says
what is relied on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, Message

Positions = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]
"""Called after table recovery with the chunked partitions this worker owns; returns the offset to read each from."""


class ChunkedConsumer(driver.Consumer):
    """Faust's consumer, one message a fetched chunk."""

    @property
    def _chunking(self) -> "ChunkedTransport":
        return cast(ChunkedTransport, self.transport)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition: the chunked ones to their owner's position, the others to the committed offset."""
        committed = await super().seek_to_committed()
        owned = {tp for tp in self.assignment() if self._is_chunked(tp)}
        positions = await self._chunking.positions(owned)
        for tp, offset in positions.items():
            await self._seek(tp, offset)
        return {**committed, **positions}

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield the next records. What is fetched while the flow is stopped is dropped: the seek that ends a rebalance
        brings it back."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        for tp, fetched in (records or {}).items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            for message in self._messages(tp, fetched):
                if self.should_stop or not self.flow_active or generation != self.app.consumer_generation_id:
                    return
                yield tp, message

    def _messages(self, tp: TP, fetched: list[Any]) -> list[ConsumerMessage]:
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        if not self._is_chunked(tp):
            return [self._to_message(tp, record) for record in fetched]
        chunk: Any = self._to_message(tp, fetched[-1])
        chunk.key, chunk.value, chunk.headers = None, fetched, None
        return [chunk]

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
