"""The deciding stage on a broker: what a worker does with the tallies partitions it owns.

Law: alert events are acknowledged before the state that says they were sent, rows before the clock that says how far
was read. A crash in between repeats alerts under the same ids with the same bytes, and loses none.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic, time

from pydantic import ValidationError

from schemas.alert import AlertEvent
from schemas.tally import TallyMessage
from stream.counting_stage import StateUnusable
from stream.domain import rows
from stream.domain.counting import SourceRecord
from stream.domain.deciding import Board, DecidingPolicy
from stream.domain.routing import partition_of
from stream.domain.tally import ALL_PRESETS
from stream.holdings import Holdings
from stream.outbox import Out, Outbox
from stream.settings import Settings
from stream.topics import changelog_of
from stream.transport import Chunk

CHECKPOINT_SECONDS = 1.0
"""How often state is written when no alert forces it: what a crash makes a worker read again."""


@dataclass(slots=True)
class Decided:
    """A tallies partition this worker owns."""

    board: Board
    position: int
    known_end: int
    """Where the tallies ended when the partition was taken over: before that, a board may lack what it has counted."""
    told_to_ms: int | None = None
    """The newest tick whose alerts, if any, have been acknowledged."""
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
    meters: Counter[str] = field(default_factory=Counter)

    def resume(self, partition: int, rates: rows.Rows, alerts: rows.Rows, end: int) -> int:
        """Own a partition from its recovered rows; return the offset to read from. Raises `StateUnusable`."""
        if partition not in self.owned:
            watches_topic = partition == partition_of(ALL_PRESETS.encode(), b"", self.partitions)
            try:
                board, position = rows.restore(self.policy, watches_topic, rates, alerts)
            except rows.Unreadable as error:
                raise StateUnusable(
                    f"The state of {self.settings.tallies_topic}[{partition}] cannot be used: {error}. Set "
                    "PRESETWATCH_APP_ID to a new name to rebuild all state from the events topic."
                ) from error
            self.owned.own(partition, Decided(board, position, end, board.tick_ms))
        return self.owned[partition].position

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
            for record in chunk.records:
                if record.offset >= owned.position:
                    self._merge(owned.board, record)
                    owned.position = record.offset + 1
            events = list(owned.board.decide())
            await self.outbox.send(self._alert(event) for event in events)
            owned.told_to_ms = owned.board.tick_ms
            self.meters.update(f"alerts:{event.kind}" for event in events)
            if events or monotonic() - owned.saved_at >= CHECKPOINT_SECONDS:
                await self._save(chunk.partition, owned)
        return None

    def _merge(self, board: Board, record: SourceRecord) -> None:
        try:
            board.merge(TallyMessage.model_validate_json(record.value or b""))
        except ValidationError:
            self.meters["foreign_tallies"] += 1

    async def save(self, partition: int) -> None:
        """Write a partition's state if it has moved since it was last written."""
        async with self.owned.changing(partition) as owned:
            if owned is not None and owned.saved_position != owned.position:
                await self._save(partition, owned)

    async def _save(self, partition: int, owned: Decided) -> None:
        # A preset's row says up to which tick its panes have been decided on, so they must be there before it.
        board = owned.board
        await self.outbox.send(self._blocks(partition, board))
        await self.outbox.send(self._presets(partition, board))
        clock = rows.clock_row(board, owned.position)
        await self.outbox.send([self._row("alerts", partition, rows.CLOCK_KEY, clock)])
        board.changed_blocks.clear()
        board.changed_presets.clear()
        owned.saved_at, owned.saved_position = monotonic(), owned.position

    def _blocks(self, partition: int, board: Board) -> Iterator[Out]:
        for name, block_ms in sorted(board.changed_blocks):
            yield self._row("rates", partition, rows.block_key(name, block_ms), rows.block_row(board, name, block_ms))

    def _presets(self, partition: int, board: Board) -> Iterator[Out]:
        for name in sorted(board.changed_presets):
            yield self._row("alerts", partition, rows.preset_key(name), rows.preset_row(board.presets.get(name)))

    def _row(self, table: str, partition: int, key: bytes, value: bytes | None) -> Out:
        return Out(changelog_of(self.settings.app_id, table), key, value, partition)

    def _alert(self, event: AlertEvent) -> Out:
        lag_seconds = time() - event.at / 1000
        headers = [*event.cloudevent_headers(), ("lag-seconds", b"%.3f" % lag_seconds)]
        return Out(self.settings.alerts_topic, event.preset.encode(), event.to_json(), headers=headers)
