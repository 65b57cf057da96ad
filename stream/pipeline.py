"""The path of an event through a worker, in the order an event meets it.

    events topic -> tally -> tallies topic -> rate -> alerts topic
                      |        ^
                      v        |
    rekeyed topic -> tally_forwarded, for jobs whose home is another partition

Law: nothing is decided here. Agents hand chunks to the stages; whatever an agent raises is a bug or a broken broker,
and stops the worker rather than skip a record.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from time import monotonic
from typing import Any, cast

import structlog
from faust.types import TP, StreamT

from stream.app import build_app
from stream.clients import librdkafka_reader
from stream.counting_stage import CountingStage
from stream.deciding_stage import DecidingStage
from stream.domain.causes import Causes
from stream.domain.rules import RuleSet
from stream.memory import GIVE_BACK_SECONDS, give_back, uncollected
from stream.outbox import Outbox
from stream.policies import counting_policy, deciding_policy
from stream.reader import CHUNKS_AHEAD, Chunk, Chunks, Reader
from stream.reloading import LOOK_SECONDS as RULES_SECONDS
from stream.reloading import Reloading
from stream.settings import Settings
from stream.tables import Ends, Held, Pen, declare_tables, new_claim, recover
from stream.topics import TABLES, EventsTopic
from stream.transport import ChunkedConsumer, ChunkedTransport, place

Take = Callable[[Chunk], Coroutine[Any, Any, int | None]]
log = structlog.get_logger(__name__)

IDLE_CHECK_SECONDS = 0.5

ORPHANED_SECONDS = 4.0
"""A partition is let go of when somebody else has claimed it; with the next heartbeat the group says so too."""


class Pipeline:
    """A worker's agents, and the state of the partitions it owns."""

    def __init__(self, settings: Settings, rules: RuleSet, topic: EventsTopic) -> None:
        causes = Causes(rules.reasons)
        self.settings, self.partitions = settings, topic.partitions
        self.app = build_app(settings, topic.partitions, self)
        declare_tables(self.app, topic.partitions)
        self.outbox = Outbox(self.app)
        policy = deciding_policy(settings, rules, causes, topic.partitions)
        self.deciding = DecidingStage(settings, policy, topic.partitions, self.outbox)
        self.counting = CountingStage(
            settings,
            counting_policy(settings, rules),
            causes,
            topic.partitions,
            self.outbox,
            self.deciding.clock_ms,
            topic.topic_id,
        )
        self.reloading = Reloading(settings, rules, self.counting, self.deciding)
        self.recoveries = 0
        self._reading_tables = asyncio.Lock()
        self._has_resumed = False
        self._has_whole = False
        """Whether of each partition it has been given every topic: a broker may tell late of one of them."""
        self._orphaned_at: dict[int, float] = {}
        self._declare()

    def _declare(self) -> None:
        """Tell Faust what runs; this list is the map of the worker."""
        events = self._topic(self.settings.events_topic)
        rekeyed, tallies = self._topic(self.settings.rekeyed_topic), self._topic(self.settings.tallies_topic)
        self.app.on_partitions_revoked.connect(self.suspend)
        self.app.on_partitions_assigned.connect(self.release)  # type: ignore[arg-type]  # a bound method is one
        # While one large chunk's messages are being acknowledged, another partition's is counted.
        self.app.agent(events, name="tally", concurrency=min(CHUNKS_AHEAD, self.partitions))(self.tally)
        self.app.agent(rekeyed, name="tally_forwarded")(self.tally)
        self.app.timer(IDLE_CHECK_SECONDS, name="idle")(self.pass_idle_time)
        self.app.agent(tallies, name="rate")(self.rate)
        self.app.timer(IDLE_CHECK_SECONDS, name="save")(self.save)
        self.app.timer(IDLE_CHECK_SECONDS, name="orphans")(self.look_for_orphans)
        self.app.timer(RULES_SECONDS, name="rules")(self.reloading.look)
        self.app.timer(GIVE_BACK_SECONDS, name="memory")(self.give_back)

    def _topic(self, name: str) -> Any:
        return self.app.topic(name, value_type=None, key_serializer="raw", value_serializer="raw", internal=True)

    async def suspend(self, *_: Any, **__: Any) -> None:
        """Finish what has begun and begin nothing more: partitions may be about to move."""
        await self.counting.owned.suspend()
        await self.deciding.owned.suspend()

    async def release(self, app: object, assigned: set[TP], *_: Any, **__: Any) -> None:
        """Forget every partition that went to another worker."""
        self.counting.owned.release({tp.partition for tp in assigned if tp.topic == self.settings.events_topic})
        self.deciding.owned.release({tp.partition for tp in assigned if tp.topic == self.settings.tallies_topic})

    async def resume(self, owned: set[TP]) -> dict[TP, int]:
        """Own partitions, recovering those that were not; return the offset to read each from."""
        positions = await self._take_over(owned)
        self.counting.owned.resume()
        self.deciding.owned.resume()
        for partition in {tp.partition for tp in owned}:
            await self.counting.make_good(partition)
        self._has_resumed, self._has_whole = True, self._are_whole(owned)
        log.info("partitions_assigned", partitions=sorted({tp.partition for tp in owned}))
        return positions

    def _are_whole(self, owned: set[TP]) -> bool:
        chunked = {reader.topic for reader in self.readers()}
        return owned == {TP(topic, tp.partition) for topic in chunked for tp in owned}

    async def _take_over(self, owned: set[TP]) -> dict[TP, int]:
        await self._recover({tp.partition for tp in owned if self._is_new(tp)})
        earliest = await self.app.consumer.earliest_offsets(*owned) if owned else {}
        ends = await self.app.consumer.highwaters(*owned) if owned else {}
        return {tp: self._stage(tp).resume(tp, earliest[tp] or 0, ends[tp] or 0) for tp in owned}

    async def give_back(self) -> None:
        """Keep no more memory than is in use."""
        await asyncio.to_thread(give_back)

    async def look_for_orphans(self) -> None:
        """Take over again what has been let go of although it is, to the group, still this worker's."""
        if self.app.rebalancing or not self._has_resumed:
            self._orphaned_at.clear()
            return
        ours = {tp for tp in self._consumer.assignment() if self._consumer.is_chunked(tp)}
        orphans = {tp.partition for tp in ours if self._is_new(tp)}
        self._orphaned_at = {each: self._orphaned_at.get(each, monotonic()) for each in orphans}
        due = {each for each, since in self._orphaned_at.items() if monotonic() - since >= ORPHANED_SECONDS}
        if due:
            self._orphaned_at.clear()
            await self.reposition({tp for tp in ours if tp.partition in due})

    async def reposition(self, cut: set[TP]) -> None:
        """Read partitions again from where they have come to, unless a rebalance will see to it."""
        generation = self.app.consumer_generation_id
        positions = await self._take_over(cut)
        if generation == self.app.consumer_generation_id and not self.app.rebalancing:
            for partition in {tp.partition for tp in cut}:
                await self.counting.make_good(partition)
            for tp, position in positions.items():
                await self._consumer.seek_back(tp, position)

    def _stage(self, tp: TP) -> CountingStage | DecidingStage:
        return self.deciding if tp.topic == self.settings.tallies_topic else self.counting

    def _is_new(self, tp: TP) -> bool:
        return tp.partition not in self._stage(tp).owned

    async def _recover(self, partitions: set[int]) -> None:
        """Claim partitions and recover what was stored of them; faults of the state stop the worker."""
        pens = [Pen(self.settings.app_id, partition, new_claim()) for partition in sorted(partitions)]
        claimed = await self.outbox.send(claim for pen in pens for claim in pen.claims())
        where = [(table, pen.partition) for pen in pens for table in TABLES]
        ends = dict(zip(where, (ack.offset for ack in claimed), strict=True))
        # One half is restored while the other is read.
        halves = [half for half in (pens[::2], pens[1::2]) if half]
        reads = [asyncio.create_task(self._read(half, ends)) for half in halves]
        for half, read in zip(halves, reads, strict=True):
            self._restore(half, await read, ends)

    async def _read(self, pens: list[Pen], ends: Ends) -> Held:
        wanted = {(table, pen.partition): ends[table, pen.partition] for pen in pens for table in TABLES}
        async with self._reading_tables:
            return await asyncio.to_thread(recover, librdkafka_reader(self.settings), self.settings.app_id, wanted)

    def _restore(self, pens: list[Pen], held: Held, ends: Ends) -> None:
        self.recoveries += len(pens)
        with uncollected():
            for pen in pens:
                journal, rates, alerts = (held[table, pen.partition] for table in TABLES)
                self.counting.own(pen, journal, ends["journal", pen.partition] + 1)
                self.deciding.own(pen, rates, alerts, {table: ends[table, pen.partition] + 1 for table in TABLES})

    def is_ready(self) -> bool:
        """Tell whether the worker has joined and recovered everything it owns."""
        return self._has_whole and not self.app.rebalancing and self.deciding.has_caught_up()

    def position(self, tp: TP) -> int | None:
        """Return the offset that an owned partition has come to, or None if it is not owned."""
        if self._is_new(tp):
            return None
        if tp.topic == self.settings.tallies_topic:
            return self.deciding.owned[tp.partition].position
        is_own = tp.topic == self.settings.events_topic
        return self.counting.position(tp.partition) if is_own else self.counting.forwarded_position(tp.partition)

    def positions(self) -> dict[TP, int]:
        """Return where each partition that is read here has come to."""
        known = {TP(topic, each): self.position(TP(topic, each)) for topic in self._readers for each in self._owned()}
        return {tp: position for tp, position in known.items() if position is not None}

    def _owned(self) -> set[int]:
        return {*self.counting.owned, *self.deciding.owned}

    @property
    def _readers(self) -> Mapping[str, Reader]:
        return cast("ChunkedTransport", self.app.transport).readers

    def readers(self) -> list[Reader]:
        """Return those who read the topics."""
        return list(self._readers.values())

    def hurry(self) -> None:
        """Let what comes be seen as soon as it can be, for a while."""
        for reader in self.readers():
            reader.hurry()

    async def tally(self, stream: StreamT[Any]) -> None:
        """Count chunks of source records."""
        async for chunks in stream:
            await self._or_stop(self._hand_on(chunks, self.counting.take))
            self._readers[self.settings.events_topic].expect(self.counting.until_tick())

    async def pass_idle_time(self) -> None:
        """Advance the watermarks of source partitions that are fully read and quiet."""
        now_ms = int(time.time() * 1000)
        for partition in list(self.counting.owned):
            tp = TP(self.settings.events_topic, partition)
            if self.counting.is_quiet(partition) and self._consumer.has_read_all(tp, self.counting.position(partition)):
                await self.counting.pass_idle_time(partition, now_ms)

    @property
    def _consumer(self) -> ChunkedConsumer:
        return cast("ChunkedConsumer", self.app.consumer)

    async def rate(self, stream: StreamT[Any]) -> None:
        """Merge chunks of tallies and decide what they have made due."""
        async for chunks in stream:
            await self._or_stop(self._hand_on(chunks, self.deciding.take))

    async def save(self) -> None:
        """Write what the deciding stage has not written yet."""
        await asyncio.gather(*(self.deciding.save(partition) for partition in self.deciding.owned))

    async def _hand_on(self, chunks: Chunks, take: Take) -> None:
        # All of them come to where they wait for the broker before anything is sent, so one request has what they send.
        read_again_from = await asyncio.gather(*map(take, chunks))
        self._consumer.done(chunks)
        for chunk, offset in zip(chunks, read_again_from, strict=True):
            if offset is not None:
                await self._consumer.seek_back(place(chunk), offset)

    async def _or_stop(self, work: Awaitable[None]) -> None:
        # Left to itself, Faust would log what an agent raises, lose the chunk and go on with the next.
        try:
            await work
        except Exception as error:
            await self.app.crash(error)
            raise
