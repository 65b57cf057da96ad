"""The counting stage on a broker: what a worker does with the source partitions it owns.

Law: a batch takes effect by its journal record, and its tallies are published only when it has: so what is published
is never taken back, whoever counts on. The order is: rejected and forwarded records acknowledged, then the journal,
then tallies, and only then may the source offset be committed. Each of these may be repeated after a crash, and none is
lost: whoever takes a partition over publishes again what its newest record says.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic, time
from typing import NamedTuple

import numpy as np
import structlog
from aiokafka.errors import MessageSizeTooLargeError
from faust.types import TP

from schemas.rejected import RejectedHeaders
from stream.domain.causes import Causes
from stream.domain.columns import Parked
from stream.domain.counting import count, count_forwarded
from stream.domain.homes import Home
from stream.domain.journal import Corrupt, Hole, chain_of, forwarded_chain, own_chain
from stream.domain.journal_log import JournalLog, Record
from stream.domain.packing import PackedTally
from stream.domain.panes import pane_start
from stream.domain.records import Run
from stream.domain.routing import partition_of
from stream.domain.sources import Batch, CountingPolicy, SourceState, new_sources, pass_time
from stream.domain.tallies import forwarded_source, progress_message, tally_messages, time_message
from stream.holdings import Holdings
from stream.meters import Latencies, Meters
from stream.outbox import Out, Outbox
from stream.reader import CHUNK_RECORDS, Chunk
from stream.settings import Settings
from stream.tables import Pen, Recovered
from stream.topics import changelog_of

log = structlog.get_logger(__name__)


class StateUnusable(Exception):
    """Stored state that cannot be counted on from; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """One of the two sources of a partition: its own records, or those forwarded to it."""

    topic: str
    number: int
    """What tallies call it."""
    state: SourceState
    journal: JournalLog
    lost: list[Batch] = field(default_factory=list)
    """Stretches that the log dropped before they were read: to be journaled, or they would look like holes."""


class JournalSize(NamedTuple):
    """How large a journal is."""

    records: int
    size: int
    """In bytes."""


class Superseded(Exception):
    """Somebody else has written to the journal, so what was just written is not in effect."""


@dataclass(slots=True)
class Owned:
    """A partition this worker owns."""

    pen: Pen
    end: int
    """Where the journal goes on if nobody else writes to it."""
    own: Source
    forwarded: Source
    heard_at: float = field(default_factory=monotonic)

    def source(self, topic: str) -> Source:
        """Return the source that a topic is."""
        return self.own if topic == self.own.topic else self.forwarded


@dataclass(slots=True)
class CountingStage:
    """Counts source records and publishes what has changed."""

    settings: Settings
    policy: CountingPolicy
    causes: Causes
    partitions: int
    outbox: Outbox
    clock_ms: Callable[[int], int | None]
    """Tells a time that no record yet to be counted was read before: what has expired by then is let go."""
    topic_id: str = ""
    owned: Holdings[Owned] = field(default_factory=Holdings)
    meters: Meters = field(default_factory=Meters)
    at_once: int = CHUNK_RECORDS
    """At most so many records are counted at once."""
    waits: Latencies = field(default_factory=Latencies)
    """From a record's own timestamp until it is counted and its tallies are published."""

    def own(self, pen: Pen, recovered: Recovered, end: int) -> None:
        """Own a partition from its recovered journal, which goes on at an offset. Raises `StateUnusable`."""
        partition, topics = pen.partition, self.settings
        own, forwarded = new_sources(self.policy, Home(partition, self.partitions))
        owned = Owned(
            pen,
            end,
            Source(topics.events_topic, partition, own, self._journal(pen, own_chain(partition))),
            Source(
                topics.rekeyed_topic,
                forwarded_source(partition, self.partitions),
                forwarded,
                self._journal(pen, forwarded_chain(partition)),
            ),
        )
        self._refuse_strangers(partition, {owned.own.journal.chain, owned.forwarded.journal.chain}, recovered)
        for source in (owned.own, owned.forwarded):
            self._read_journal(partition, source, recovered)
        owned.own.journal.useless += [*(recovered.spoiled - recovered.rows.keys()), *recovered.leftovers(pen.claim)]
        self.owned.own(partition, owned)

    def _journal(self, pen: Pen, chain: bytes) -> JournalLog:
        return JournalLog(chain, self.policy.errors_kept, pen.claim, self.topic_id)

    def _refuse_strangers(self, partition: int, chains: set[bytes], recovered: Recovered) -> None:
        for key in recovered.rows:
            if chain_of(key) not in chains:
                why = f"record {key!r} is corrupt: no worker writes such keys"
                raise StateUnusable(self._no_way_on(partition, why))

    def _read_journal(self, partition: int, source: Source, recovered: Recovered) -> None:
        rows = ((key, value) for key, value in recovered.rows.items() if chain_of(key) == source.journal.chain)
        unusable = source.journal.read(source.state, rows, recovered.spoiled)
        if isinstance(unusable, Corrupt):
            raise StateUnusable(self._no_way_on(partition, f"record {unusable.key!r} is corrupt: {unusable.why}"))
        if isinstance(unusable, Hole):
            why = f"nothing accounts for offsets {unusable.position} to {unusable.found - 1} of {source.topic}"
            raise StateUnusable(self._no_way_on(partition, why))

    def resume(self, tp: TP, earliest: int, end: int) -> int:
        """Return the offset to read a partition from, which its log holds. Raises `StateUnusable`."""
        source = self.owned[tp.partition].source(tp.topic)
        state = source.state
        if state.position > end:
            why = f"it counts up to offset {state.position}, and {tp.topic} ends at {end}"
            raise StateUnusable(self._no_way_on(tp.partition, f"{why}: the topic was made anew or cut back"))
        if state.position < earliest:
            # The log was cut while nobody read it: what is gone cannot be counted, and waiting will not bring it back.
            self._lose(source, earliest)
        return state.position

    def _lose(self, source: Source, earliest: int) -> None:
        state = source.state
        if state.position:
            self.meters["lost"] += earliest - state.position
            source.lost.append(Batch(state.position, earliest - 1, state.watermark_ms))
        state.position = earliest

    def _no_way_on(self, partition: int, why: str) -> str:
        topic = changelog_of(self.settings.app_id, "journal")
        return (
            f"The journal {topic}[{partition}] cannot be used: {why}. Set PRESETWATCH_APP_ID to a new name to rebuild "
            "all state from the events topic."
        )

    async def make_good(self, partition: int) -> None:
        """Write and publish what a partition's last owner displaced, or did not come to publish."""
        with suppress(Superseded):
            async with self.owned.changing(partition) as owned:
                for source in (owned.own, owned.forwarded) if owned is not None else ():
                    assert owned is not None
                    await self._make_good(owned, source)

    async def _make_good(self, owned: Owned, source: Source) -> None:
        await self._write(owned, source.journal.repair())
        while source.lost:
            await self._write(owned, self._records(owned, source, source.lost.pop(0)))
        newest = source.journal.newest or Batch(source.state.position, source.state.position - 1, None)
        await self.outbox.send(self._tallies(source, newest))
        await self.outbox.send(self._progress(source))

    async def take(self, chunk: Chunk) -> int | None:
        """Count a chunk; return the offset to read again from if records before it are missing."""
        try:
            return await self._take(chunk)
        except Superseded:
            # The group has given the partition to somebody else and will say so, or else it is taken over again.
            self.meters["superseded"] += 1
            return None
        except MessageSizeTooLargeError:
            if min(self.at_once, len(chunk.run.offsets)) == 1:
                raise
            self._take_smaller_steps(chunk)
            return None

    def _take_smaller_steps(self, chunk: Chunk) -> None:
        """Count less at once from now on: the partition, which has been let go of, is taken over again for it."""
        records = min(self.at_once, len(chunk.run.offsets))
        self.at_once = records // 2
        log.warning(
            "records_too_large",
            partition=chunk.partition,
            counted_at_once=records,
            from_now_on=self.at_once,
            remedy="raise max.message.bytes of the topics that workers write: see docs/kafka-security.md",
        )

    async def _take(self, chunk: Chunk) -> int | None:
        async with self.owned.changing(chunk.partition) as owned:
            if owned is None:
                return None
            source = owned.source(chunk.topic)
            if chunk.start > source.state.position:
                return source.state.position
            fresh = chunk.run.since(source.state.position)
            size = self.at_once
            for first in range(0, len(fresh.offsets), size):
                await self._count(owned, source, fresh.part(first, first + size))
        return None

    async def _count(self, owned: Owned, source: Source, run: Run) -> None:
        partition = owned.pen.partition
        if source is owned.own:
            owned.heard_at = monotonic()
            batch = count(source.state, run, self.causes)
        else:
            batch = count_forwarded(source.state, run, self.causes, self.clock_ms(partition))
        await self.outbox.send_or_cut(self._rejected(partition, source.topic, batch), _without_value)
        await self._forward(batch)
        before_ms = source.state.watermark_ms
        source.state.apply(batch)
        await self._write(owned, self._records(owned, source, batch))
        await self.outbox.send(self._tallies(source, batch))
        if source is owned.forwarded or self._has_crossed(before_ms, source.state.watermark_ms):
            await self.outbox.send(self._progress(source))
        self._note(source, batch, run)

    def _note(self, source: Source, batch: Batch, run: Run) -> None:
        self.meters.add(batch.meters)
        if source.topic == self.settings.events_topic:
            self.meters["read"] += len(run.offsets)
        self.waits.observe(time() - np.array(run.times) / 1000)

    async def _forward(self, batch: Batch) -> None:
        topic = self.settings.rekeyed_topic
        for _, partition, offset in await self.outbox.send(
            Out(topic, each.key, each.value, each.home) for each in batch.forwarded
        ):
            batch.forwarded_to[partition] = max(offset + 1, batch.forwarded_to.get(partition, 0))

    async def _write(self, owned: Owned, records: Iterable[Record]) -> None:
        rows = (owned.pen.row("journal", key, value) for key, value in records)
        for _, _, offset in await self.outbox.send(rows):
            if offset != owned.end:
                raise Superseded
            owned.end = offset + 1

    async def pass_idle_time(self, partition: int, now_ms: int) -> None:
        """Advance the watermark of a partition that is fully read and quiet, a pane at a time."""
        try:
            await self._pass_idle_time(partition, pane_start(now_ms - self.policy.lateness_ms, self.policy.pane_ms))
        except Superseded:
            self.meters["superseded"] += 1

    async def _pass_idle_time(self, partition: int, watermark_ms: int) -> None:
        async with self.owned.changing(partition) as owned:
            if owned is not None and self._has_crossed(owned.own.state.watermark_ms, watermark_ms):
                batch = pass_time(owned.own.state, watermark_ms)
                owned.own.state.apply(batch)
                await self._write(owned, self._records(owned, owned.own, batch))
                await self.outbox.send(self._progress(owned.own))

    def position(self, partition: int) -> int:
        """Return the offset that a partition is counted up to."""
        return self.owned[partition].own.state.position

    def until_tick(self) -> float:
        """Return in how many seconds a watermark will come to the end of its pane if event time goes by like any other.

        What is quiet does not count: its watermark goes by the clock. Below zero a tick is due already.
        """
        return min((self._until_tick(self.owned[each]) for each in self.owned if not self.is_quiet(each)), default=inf)

    def _until_tick(self, owned: Owned) -> float:
        watermark_ms, pane_ms = owned.own.state.watermark_ms, self.policy.pane_ms
        if watermark_ms is None:
            return inf
        return (pane_ms - watermark_ms % pane_ms) / 1000 - (monotonic() - owned.heard_at)

    def forwarded_position(self, partition: int) -> int:
        """Return the offset up to which what was forwarded to a partition is counted."""
        return self.owned[partition].forwarded.state.position

    def remembered(self, partition: int) -> int:
        """Return how many jobs of a partition are remembered."""
        return len(self.owned[partition].own.state.jobs)

    def journal_size(self, partition: int) -> JournalSize:
        """Return how large a partition's journal is."""
        owned = self.owned[partition]
        sizes = [entry.size for source in (owned.own, owned.forwarded) for entry in source.journal.entries]
        return JournalSize(len(sizes), sum(sizes))

    def is_quiet(self, partition: int) -> bool:
        """Tell whether nothing has come from a partition for as long as makes it idle."""
        owned = self.owned.get(partition)
        return owned is not None and monotonic() - owned.heard_at >= self.settings.idle_after / 1000

    def _rejected(self, partition: int, topic: str, batch: Batch) -> Iterator[Out]:
        for parked in batch.parked:
            headers = self._headers(partition, topic, parked)
            yield Out(self.settings.rejected_topic, parked.key, parked.value, headers=headers)

    def _headers(self, partition: int, topic: str, parked: Parked) -> list[tuple[str, bytes]]:
        return RejectedHeaders(
            reason=parked.rejected.reason,
            detail=parked.rejected.detail,
            source_topic=topic,
            source_partition=partition,
            source_offset=parked.offset,
        ).to_kafka()

    def _tallies(self, source: Source, batch: Batch) -> Iterator[Out]:
        for message in tally_messages(source.number, source.state, batch):
            key = (message.preset or "").encode()
            yield self._tally(partition_of(key, b"", self.partitions), key, message)

    def _progress(self, source: Source) -> Iterator[Out]:
        """Tell every board how far a source has come: its own records by time, those forwarded by offset."""
        tell = time_message if source.topic == self.settings.events_topic else progress_message
        for target in range(self.partitions):
            yield self._tally(target, None, tell(source.number, source.state))

    def _has_crossed(self, before_ms: int | None, after_ms: int | None) -> bool:
        """Tell whether time has come to another pane."""
        pane_ms = self.policy.pane_ms
        return after_ms is not None and (
            before_ms is None or pane_start(after_ms, pane_ms) > pane_start(before_ms, pane_ms)
        )

    def _tally(self, target: int, key: bytes | None, message: PackedTally) -> Out:
        return Out(self.settings.tallies_topic, key, message.to_json(), target)

    def _records(self, owned: Owned, source: Source, batch: Batch) -> Iterable[Record]:
        before_ms = self.clock_ms(owned.pen.partition)
        source.state.jobs.tidy(before_ms)
        return source.journal.write(batch, source.state, before_ms or 0)


def _without_value(out: Out) -> Out:
    size = RejectedHeaders.value_left_out_header(len(out.value or b""))
    # Empty and not null, since aiokafka sends nothing that has neither key nor value.
    return Out(out.topic, None, b"", headers=[*(out.headers or ()), size])
