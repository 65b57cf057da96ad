"""The deciding stage on a broker: what a worker does with the tallies partitions it owns.

Law: alert events are acknowledged before the state that says they were sent, rows before the clock that says how far
was read. A crash in between repeats alerts under the same ids with the same bytes, and loses none.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
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
from stream.outbox import Out, Outbox
from stream.settings import Settings
from stream.topics import changelog_of

CHECKPOINT_SECONDS = 1.0
"""How often state is written when no alert forces it: what a crash makes a worker read again."""


@dataclass(slots=True)
class Decided:
    """A tallies partition this worker owns."""

    board: Board
    position: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    saved_at: float = field(default_factory=monotonic)
    saved_position: int = -1


@dataclass(slots=True)
class DecidingStage:
    """Merges tallies, decides every tick, and publishes alerts."""

    settings: Settings
    policy: DecidingPolicy
    partitions: int
    outbox: Outbox
    owned: dict[int, Decided] = field(default_factory=dict)
    meters: Counter[str] = field(default_factory=Counter)

    def resume(self, partition: int, rates: rows.Rows, alerts: rows.Rows) -> int:
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
            self.owned[partition] = Decided(board, position)
        return self.owned[partition].position

    def release(self, kept: set[int]) -> None:
        """Forget every partition but those kept."""
        for partition in self.owned.keys() - kept:
            del self.owned[partition]

    async def take(self, partition: int, records: Sequence[SourceRecord]) -> None:
        """Merge a chunk of tallies and decide what it has made due."""
        owned = self.owned.get(partition)
        if owned is None:
            return
        async with owned.lock:
            for record in records:
                if record.offset >= owned.position:
                    self._merge(owned.board, record)
                    owned.position = record.offset + 1
            events = list(owned.board.decide())
            await self.outbox.send(self._alert(event) for event in events)
            self.meters.update(f"alerts:{event.kind}" for event in events)
            if events or monotonic() - owned.saved_at >= CHECKPOINT_SECONDS:
                await self._save(partition, owned)

    def _merge(self, board: Board, record: SourceRecord) -> None:
        try:
            board.merge(TallyMessage.model_validate_json(record.value or b""))
        except ValidationError:
            self.meters["foreign_tallies"] += 1

    async def save(self, partition: int) -> None:
        """Write a partition's state if it has moved since it was last written."""
        owned = self.owned.get(partition)
        if owned is None or owned.saved_position == owned.position:
            return
        async with owned.lock:
            await self._save(partition, owned)

    async def _save(self, partition: int, owned: Decided) -> None:
        await self.outbox.send(self._rows(partition, owned.board))
        await self.outbox.send(
            [self._row("alerts", partition, rows.CLOCK_KEY, rows.clock_row(owned.board, owned.position))]
        )
        owned.saved_at, owned.saved_position = monotonic(), owned.position

    def _rows(self, partition: int, board: Board) -> Iterator[Out]:
        for name, block_ms in sorted(board.changed_blocks):
            yield self._row("rates", partition, rows.block_key(name, block_ms), rows.block_row(board, name, block_ms))
        for name in sorted(board.changed_presets):
            yield self._row("alerts", partition, rows.preset_key(name), rows.preset_row(board.presets.get(name)))
        board.changed_blocks.clear()
        board.changed_presets.clear()

    def _row(self, table: str, partition: int, key: bytes, value: bytes | None) -> Out:
        return Out(changelog_of(self.settings.app_id, table), key, value, partition)

    def _alert(self, event: AlertEvent) -> Out:
        lag_seconds = time() - event.at / 1000
        headers = [*event.cloudevent_headers(), ("lag-seconds", b"%.3f" % lag_seconds)]
        return Out(self.settings.alerts_topic, event.preset.encode(), event.to_json(), headers=headers)
