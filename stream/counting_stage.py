"""The counting stage on a broker: what a worker does with the source partitions it owns.

Law: a batch takes effect by its journal record. Before it, what it publishes may be repeated; after it, never. The
order is: rejected records and tallies acknowledged, then the journal, and only then may the source offset be committed.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from schemas.rejected import RejectedHeaders
from schemas.tally import TallyMessage
from stream.domain import journal
from stream.domain.causes import Causes
from stream.domain.counting import (
    Batch,
    CountingPolicy,
    Parked,
    SourceState,
    count,
    new_source,
    pass_time,
)
from stream.domain.panes import pane_start
from stream.domain.routing import partition_of
from stream.domain.tallies import tally_messages, time_message
from stream.holdings import Holdings
from stream.outbox import Out, Outbox
from stream.settings import Settings
from stream.topics import changelog_of
from stream.transport import Chunk


class StateUnusable(Exception):
    """Stored state that cannot be counted on from; the message says what to do."""


@dataclass(slots=True)
class Owned:
    """A source partition this worker owns."""

    state: SourceState
    journaled: deque[tuple[bytes, int]] = field(default_factory=deque)
    """Journal keys in source order, with the watermark from which each may be deleted."""
    heard_at: float = field(default_factory=monotonic)


@dataclass(slots=True)
class CountingStage:
    """Counts source records and publishes what has changed."""

    settings: Settings
    policy: CountingPolicy
    causes: Causes
    partitions: int
    outbox: Outbox
    owned: Holdings[Owned] = field(default_factory=Holdings)
    meters: Counter[str] = field(default_factory=Counter)

    def resume(self, partition: int, rows: dict[bytes, bytes], earliest: int) -> int:
        """Own a partition from its recovered journal; return the offset to read from. Raises `StateUnusable`."""
        if partition not in self.owned:
            self.owned.own(partition, self._from_journal(partition, rows))
        owned = self.owned[partition]
        if owned.state.position < earliest:
            # The log was cut while nobody read it: what is gone cannot be counted, and waiting will not bring it back.
            self.meters["lost"] += earliest - owned.state.position if owned.state.position else 0
            owned.state.position = earliest
        return owned.state.position

    def _from_journal(self, partition: int, rows: dict[bytes, bytes]) -> Owned:
        owned = Owned(new_source(self.policy))
        batches = [(key, journal.decode(key, value)) for key, value in rows.items()]
        for _, batch in batches:
            if isinstance(batch, journal.Corrupt):
                raise StateUnusable(self._no_way_on(partition, f"record {batch.key!r} is corrupt: {batch.why}"))
        sound = sorted(((key, batch) for key, batch in batches if isinstance(batch, Batch)), key=lambda it: it[1].first)
        hole = journal.fold(owned.state, [batch for _, batch in sound])
        if hole is not None:
            why = f"nothing accounts for source offsets {hole.position} to {hole.found - 1}"
            raise StateUnusable(self._no_way_on(partition, why))
        owned.journaled.extend((key, journal.expires_at(batch, owned.state)) for key, batch in sound)
        return owned

    def _no_way_on(self, partition: int, why: str) -> str:
        topic = changelog_of(self.settings.app_id, "journal")
        return (
            f"The journal {topic}[{partition}] cannot be used: {why}. Set PRESETWATCH_APP_ID to a new name to rebuild "
            "all state from the events topic."
        )

    async def take(self, chunk: Chunk) -> int | None:
        """Count a chunk; return the offset to read again from if records before it are missing."""
        async with self.owned.changing(chunk.partition) as owned:
            if owned is None:
                return None
            if chunk.start > owned.state.position:
                return owned.state.position
            fresh = [record for record in chunk.records if record.offset >= owned.state.position]
            if fresh:
                owned.heard_at = monotonic()
                await self._put(chunk.partition, owned, count(owned.state, fresh, self.causes))
        return None

    async def pass_idle_time(self, partition: int, now_ms: int) -> None:
        """Advance the watermark of a partition that is fully read and quiet, a pane at a time."""
        async with self.owned.changing(partition) as owned:
            if owned is None:
                return
            watermark_ms = pane_start(now_ms - self.policy.lateness_ms, self.policy.pane_ms)
            known_ms = owned.state.watermark_ms
            if known_ms is None or watermark_ms > known_ms:
                await self._put(partition, owned, pass_time(owned.state, watermark_ms))

    def is_quiet(self, partition: int) -> bool:
        """Tell whether nothing has come from a partition for as long as makes it idle."""
        owned = self.owned.get(partition)
        return owned is not None and monotonic() - owned.heard_at >= self.settings.idle_after / 1000

    async def _put(self, partition: int, owned: Owned, batch: Batch) -> None:
        before_ms = owned.state.watermark_ms
        owned.state.apply(batch)
        await self.outbox.send(self._rejected(partition, batch))
        await self.outbox.send(self._tallies(partition, owned.state, batch, before_ms))
        await self.outbox.send(self._journal(partition, owned, batch))
        self.meters.update(batch.meters)

    def _rejected(self, partition: int, batch: Batch) -> Iterator[Out]:
        for parked in batch.parked:
            yield Out(
                self.settings.rejected_topic,
                parked.record.key,
                parked.record.value,
                headers=self._headers(partition, parked),
            )

    def _headers(self, partition: int, parked: Parked) -> list[tuple[str, bytes]]:
        return RejectedHeaders(
            reason=parked.rejected.reason,
            detail=parked.rejected.detail,
            source_topic=self.settings.events_topic,
            source_partition=partition,
            source_offset=parked.record.offset,
        ).to_kafka()

    def _tallies(self, partition: int, state: SourceState, batch: Batch, before_ms: int | None) -> Iterator[Out]:
        for message in tally_messages(partition, state, batch):
            key = (message.preset or "").encode()
            yield self._tally(partition_of(key, b"", self.partitions), key, message)
        if state.watermark_ms is not None and self._crossed(before_ms, state.watermark_ms):
            for target in range(self.partitions):
                yield self._tally(target, None, time_message(partition, state))

    def _tally(self, target: int, key: bytes | None, message: TallyMessage) -> Out:
        return Out(self.settings.tallies_topic, key, message.to_json(), target)

    def _crossed(self, before_ms: int | None, after_ms: int) -> bool:
        pane_ms = self.policy.pane_ms
        return before_ms is None or pane_start(after_ms, pane_ms) > pane_start(before_ms, pane_ms)

    def _journal(self, partition: int, owned: Owned, batch: Batch) -> Iterator[Out]:
        topic, key = changelog_of(self.settings.app_id, "journal"), journal.record_key(partition, batch)
        yield Out(topic, key, journal.encode(batch), partition)
        if batch.last >= batch.first:
            owned.journaled.append((key, journal.expires_at(batch, owned.state)))
        watermark_ms = owned.state.watermark_ms or 0
        while len(owned.journaled) > 1 and owned.journaled[0][1] <= watermark_ms:
            yield Out(topic, owned.journaled.popleft()[0], None, partition)
