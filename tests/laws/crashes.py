"""Both stages with what outlives their workers, so that a law can kill a worker between any two effects.

The order of effects is that of `stream.counting_stage` and `stream.deciding_stage`; these are the same steps in memory.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from schemas.alert import AlertEvent
from schemas.tally import TallyMessage
from stream.domain import journal, rows
from stream.domain.counting import Batch, CountingPolicy, SourceState, count, new_source, pass_time
from stream.domain.deciding import Board, DecidingPolicy
from stream.domain.replay import Replayed
from stream.domain.tallies import tally_messages, time_message
from tests.laws.logs import CAUSES

Crash = int | Literal["after"] | None
"""After so many tallies messages (more: after all, before the journal), after the journal, or not at all."""


@dataclass(slots=True)
class Counter:
    """The worker of one source partition, its journal, and what it has published."""

    partition: int
    policy: CountingPolicy
    shuffle: Random = field(default_factory=lambda: Random(0))
    journal: dict[bytes, bytes] = field(default_factory=dict)
    published: list[TallyMessage] = field(default_factory=list)
    state: SourceState = field(init=False)
    journaled: deque[tuple[bytes, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.state = new_source(self.policy)

    def read(self, log: Sequence[Replayed], most: int, crash: Crash) -> None:
        """Take the next records of a log."""
        fresh = [record for record in log if record.offset >= self.state.position]
        if fresh:
            self._put(count(self.state, fresh[:most], CAUSES), crash)

    def wait(self, watermark_ms: int, crash: Crash) -> None:
        """Let idle time pass."""
        self._put(pass_time(self.state, watermark_ms), crash)

    def _put(self, batch: Batch, crash: Crash) -> None:
        self.state.apply(batch)
        said = [*tally_messages(self.partition, self.state, batch), time_message(self.partition, self.state)]
        self.published += said[:crash] if isinstance(crash, int) else said
        if isinstance(crash, int):
            return self.recover()
        self._write(batch)
        return self.recover() if crash == "after" else None

    def _write(self, batch: Batch) -> None:
        key = journal.record_key(self.partition, batch)
        self.journal[key] = journal.encode(batch)
        if batch.last >= batch.first:
            self.journaled.append((key, journal.expires_at(batch, self.state)))
        while len(self.journaled) > 1 and self.journaled[0][1] <= (self.state.watermark_ms or 0):
            del self.journal[self.journaled.popleft()[0]]

    def batches(self) -> list[Batch]:
        """Return what the journal holds, in no order."""
        decoded = [journal.decode(key, value) for key, value in self.journal.items()]
        batches = [batch for batch in decoded if isinstance(batch, Batch)]
        assert len(batches) == len(decoded), decoded
        self.shuffle.shuffle(batches)
        return batches

    def recover(self) -> None:
        """Start again from the journal."""
        self.state = new_source(self.policy)
        assert journal.fold(self.state, self.batches()) is None


@dataclass(slots=True)
class Decider:
    """The worker of one tallies partition, its tables, and what it has said."""

    policy: DecidingPolicy
    topic: Sequence[TallyMessage]
    rates: dict[bytes, bytes] = field(default_factory=dict)
    alerts: dict[bytes, bytes] = field(default_factory=dict)
    said: list[AlertEvent] = field(default_factory=list)
    position: int = 0
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.board = Board(self.policy, watches_topic=True)

    def read(self, most: int) -> None:
        """Take the next messages of the topic."""
        for message in self.topic[self.position : self.position + most]:
            self.board.merge(message)
        self.position = min(len(self.topic), self.position + most)
        self.said += self.board.decide()

    def save(self, blocks: int | None = None, presets: int | None = None) -> None:
        """Write the tables; with numbers, crash when so many rows of each have been written."""
        for name, block_ms in sorted(self.board.changed_blocks)[:blocks]:
            _put(self.rates, rows.block_key(name, block_ms), rows.block_row(self.board, name, block_ms))
        for name in sorted(self.board.changed_presets)[:presets]:
            _put(self.alerts, rows.preset_key(name), rows.preset_row(self.board.presets.get(name)))
        if blocks is not None or presets is not None:
            return self.recover()
        self.alerts[rows.CLOCK_KEY] = rows.clock_row(self.board, self.position)
        self.board.changed_blocks.clear()
        return self.board.changed_presets.clear()

    def recover(self) -> None:
        """Start again from the tables."""
        self.board, self.position = rows.restore(self.policy, True, self.rates, self.alerts)


def _put(table: dict[bytes, bytes], key: bytes, row: bytes | None) -> None:
    if row is None:
        table.pop(key, None)
    else:
        table[key] = row
