"""The deciding stage on a broker: what a worker does with the tallies partitions it owns.

Law: alert events are acknowledged before the state that says they were sent, rows before the clock that says how far
was read. A crash in between repeats alerts under the same ids with the same bytes, and loses none.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic, time

from faust.types import TP

from schemas.alert import AlertEvent
from stream.counting_stage import StateUnusable
from stream.domain import rows
from stream.domain.deciding import Board
from stream.domain.packing import read_tally
from stream.domain.routing import partition_of
from stream.domain.tally import ALL_PRESETS
from stream.domain.watching import DecidingPolicy
from stream.holdings import Holdings
from stream.meters import Latencies, Meters
from stream.outbox import Acknowledged, Out, Outbox
from stream.reader import Chunk
from stream.settings import Settings
from stream.tables import Pen, Recovered
from stream.topics import changelog_of

CHECKPOINT_SECONDS = 1.0
"""How often state is written when no alert forces it: what a crash makes a worker read again."""


@dataclass(slots=True)
class Decided:
    """A tallies partition this worker owns."""

    board: Board
    position: int
    pen: Pen
    ends: dict[str, int]
    """Where each table's changelog goes on if nobody else writes to it."""
    known_end: int = 0
    """Where the tallies ended when the partition was taken over: before that, a board may lack what it has counted."""
    told_to_ms: int | None = None
    """The newest tick whose alerts, if any, have been acknowledged."""
    useless: list[Out] = field(default_factory=list)
    """Rows to delete once everything that is of use has been written."""
    saved_at: float = field(default_factory=monotonic)
    saved_position: int = -1


@dataclass(slots=True)
class DecidingStage:
    """Merges tallies, decides every tick, and publishes alerts."""

    settings: Settings
    policy: DecidingPolicy
    partitions: int
    outbox: Outbox
    owned: Holdings[Decided] = field(default_factory=Holdings)
    meters: Meters = field(default_factory=Meters)
    waits: Latencies = field(default_factory=Latencies)
    """From a tick until an alert of it is acknowledged."""

    def own(self, pen: Pen, rates: Recovered, alerts: Recovered, ends: dict[str, int]) -> None:
        """Own a partition from its recovered rows. Raises `StateUnusable`."""
        watches_topic = pen.partition == partition_of(ALL_PRESETS.encode(), b"", self.partitions)
        try:
            board, position = rows.restore(self.policy, watches_topic, rates.rows, alerts.rows)
        except rows.Unreadable as error:
            raise StateUnusable(self._no_way_on(pen.partition, str(error))) from error
        owned = Decided(board, position, pen, ends, told_to_ms=board.tick_ms)
        for table, recovered in (("rates", rates), ("alerts", alerts)):
            gone = recovered.spoiled - recovered.rows.keys()
            owned.useless += [pen.row(table, key, None) for key in (*gone, *recovered.leftovers(pen.claim))]
        if rates.spoiled or alerts.spoiled:
            board.change_all()
        self.owned.own(pen.partition, owned)

    def resume(self, tp: TP, earliest: int, end: int) -> int:
        """Return the offset to read a partition from, which its log holds. Raises `StateUnusable`."""
        owned = self.owned[tp.partition]
        if owned.position > end:
            raise StateUnusable(
                self._no_way_on(tp.partition, f"it was read up to offset {owned.position} and ends at {end}")
            )
        owned.position, owned.known_end = max(owned.position, earliest), end
        return owned.position

    def _no_way_on(self, partition: int, why: str) -> str:
        return (
            f"The state of {self.settings.tallies_topic}[{partition}] cannot be used: {why}. Set PRESETWATCH_APP_ID "
            "to a new name to rebuild all state from the events topic."
        )

    def clock_ms(self, partition: int) -> int | None:
        """Return the time that all source partitions have reached, as far as a partition's board knows."""
        owned = self.owned.get(partition)
        return None if owned is None else owned.board.clock_ms()

    def has_caught_up(self) -> bool:
        """Tell whether every board has read what was there when it was taken over."""
        return all(self.owned[partition].position >= self.owned[partition].known_end for partition in self.owned)

    async def take(self, chunk: Chunk) -> int | None:
        """Merge a chunk and decide what it has made due; return where to read again from if records are missing."""
        async with self.owned.changing(chunk.partition) as owned:
            if owned is None:
                return None
            if chunk.start > owned.position:
                return owned.position
            await self._go_on_by_rules(owned)
            fresh = chunk.run.since(owned.position)
            for value in fresh.values:
                self._merge(owned.board, value)
            owned.position = max(owned.position, chunk.run.offsets[-1] + 1)
            events = await decided(owned.board)
            await self.outbox.send(self._alert(event) for event in events)
            owned.told_to_ms = owned.board.tick_ms
            self.meters.update(f"alerts:{event.kind}" for event in events)
            self.waits.observe(time() - event.at / 1000 for event in events)
            if events or monotonic() - owned.saved_at >= CHECKPOINT_SECONDS:
                await self._save(owned)
        return None

    def _merge(self, board: Board, value: bytes | None) -> None:
        message = read_tally(value)
        if message is None or not board.merge(message):
            self.meters["foreign_tallies"] += 1

    async def save(self, partition: int) -> None:
        """Write a partition's state if it has moved since it was last written."""
        async with self.owned.changing(partition) as owned:
            if owned is None:
                return
            await self._go_on_by_rules(owned)
            if owned.saved_position != owned.position or owned.board.has_changed():
                await self._save(owned)

    async def adopt(self, policy: DecidingPolicy) -> None:
        """Decide by other rules from the next tick on; partitions that cannot be changed now follow when they can."""
        self.policy = policy
        for partition in list(self.owned):
            await self.save(partition)

    async def _go_on_by_rules(self, owned: Decided) -> None:
        if owned.board.policy is self.policy:
            return
        # What was decided by the old rules is written first, so that this board goes on from what a restart finds; and
        # nothing is forgotten in between, since a restart would find it.
        await self._write(owned)
        for _ in owned.board.adopt(self.policy):
            await asyncio.sleep(0)

    async def _save(self, owned: Decided) -> None:
        await self._write(owned)
        owned.board.forget()

    async def _write(self, owned: Decided) -> None:
        # A preset's row says up to which tick its panes have been decided on, so they must be there before it.
        board, pen = owned.board, owned.pen
        written = await self.outbox.send(self._blocks(pen, board))
        written += await self.outbox.send(self._presets(pen, board))
        clock = rows.clock_row(board, owned.position)
        written += await self.outbox.send([pen.row("alerts", rows.CLOCK_KEY, clock)])
        board.changed_blocks.clear()
        board.changed_days.clear()
        board.changed_presets.clear()
        owned.saved_at, owned.saved_position = monotonic(), owned.position
        written += await self.outbox.send(owned.useless)
        owned.useless.clear()
        self._look_for_others(owned, written)

    def _look_for_others(self, owned: Decided, written: list[Acknowledged]) -> None:
        """Write everything again if anyone else has written: of equal keys, compaction keeps the last."""
        tables = {changelog_of(self.settings.app_id, table): table for table in ("rates", "alerts")}
        for topic, _, offset in written:
            table = tables[topic]
            if offset != owned.ends[table]:
                self.meters["foreign_rows"] += offset - owned.ends[table]
                owned.board.change_all()
                owned.saved_position = -1
            owned.ends[table] = offset + 1

    def _blocks(self, pen: Pen, board: Board) -> Iterator[Out]:
        for name, block_ms in sorted(board.changed_blocks):
            yield pen.row("rates", rows.block_key(name, block_ms), rows.block_row(board, name, block_ms))
        for name, day_ms in sorted(board.changed_days):
            yield pen.row("rates", rows.day_key(name, day_ms), rows.day_row(board, name, day_ms))

    def _presets(self, pen: Pen, board: Board) -> Iterator[Out]:
        for name in sorted(board.changed_presets):
            yield pen.row("alerts", rows.preset_key(name), rows.preset_row(board.presets.get(name)))

    def _alert(self, event: AlertEvent) -> Out:
        lag_seconds = time() - event.at / 1000
        headers = [*event.cloudevent_headers(), ("lag-seconds", b"%.3f" % lag_seconds)]
        return Out(self.settings.alerts_topic, event.preset.encode(), event.to_json(), headers=headers)


async def decided(board: Board) -> list[AlertEvent]:
    """Decide what is due. The end of an old log may make so much due that others must be answered in between."""
    events = board.decide_some()
    while board.is_due():
        await asyncio.sleep(0)
        events += board.decide_some()
    return events
