"""Both stages with what outlives their workers, so that a law can kill a worker between any two effects.

The order of effects is that of `stream.counting_stage` and `stream.deciding_stage`; these are the same steps in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Literal

from schemas.alert import AlertEvent
from stream.domain import journal, rows
from stream.domain.counting import count
from stream.domain.deciding import Board
from stream.domain.journal_log import JournalLog
from stream.domain.packing import PackedTally
from stream.domain.records import Run
from stream.domain.replay import Replayed
from stream.domain.sources import Batch, CountingPolicy, SourceState, pass_time
from stream.domain.tallies import tally_messages, time_message
from stream.domain.watching import DecidingPolicy
from tests.laws.logs import CAUSES, new_source

Crash = int | Literal["before", "within"] | None
"""Before the journal, after the first of its records, after so many of the messages that follow it, or not at all."""


@dataclass(slots=True)
class Counter:
    """The worker of one source partition, its journal, and what it has published."""

    partition: int
    policy: CountingPolicy
    shuffle: Random = field(default_factory=lambda: Random(0))
    journal: dict[bytes, bytes] = field(default_factory=dict)
    published: list[PackedTally] = field(default_factory=list)
    state: SourceState = field(init=False)
    log: JournalLog = field(init=False)
    writers: int = 0

    def __post_init__(self) -> None:
        self.state, self.log = new_source(self.policy), self._new_log()

    def _new_log(self) -> JournalLog:
        return JournalLog(journal.own_chain(self.partition), self.policy.errors_kept, b"%d" % self.writers)

    def read(self, log: Sequence[Replayed], most: int, crash: Crash) -> None:
        """Take the next records of a log."""
        fresh = [record for record in log if record.offset >= self.state.position]
        if fresh:
            self._put(count(self.state, Run.of(fresh[:most]), CAUSES), crash)

    def wait(self, watermark_ms: int, crash: Crash) -> None:
        """Let idle time pass."""
        self._put(pass_time(self.state, watermark_ms), crash)

    def _put(self, batch: Batch, crash: Crash) -> None:
        # As a worker does, which knows no time that it has not published: by that of the batch itself, the record would
        # go that holds what else is counted in its panes, and a recovery could not publish them again.
        before_ms = self.state.watermark_ms or 0
        self.state.apply(batch)
        self.state.jobs.tidy(before_ms)
        self._write(batch, before_ms, {"before": 0, "within": 1}.get(str(crash)))
        if isinstance(crash, str):
            return self.recover()
        self.published += self._said(batch)[:crash]
        return None if crash is None else self.recover()

    def _said(self, batch: Batch) -> list[PackedTally]:
        return [*tally_messages(self.partition, self.state, batch), time_message(self.partition, self.state)]

    def _write(self, batch: Batch, before_ms: int, most: int | None = None) -> None:
        for key, value in islice(self.log.write(batch, self.state, before_ms), most):
            if value is None:
                self.journal.pop(key, None)
            else:
                self.journal[key] = value

    def batches(self) -> list[Batch]:
        """Return what the journal holds, in no order."""
        decoded = [journal.decode(key, value) for key, value in self.journal.items()]
        batches = [batch for batch in decoded if isinstance(batch, Batch)]
        assert len(batches) == len(decoded), decoded
        self.shuffle.shuffle(batches)
        return batches

    def recover(self) -> None:
        """Start again from the journal, with a new writer."""
        self.state, self.writers = new_source(self.policy), self.writers + 1
        self.log = self._new_log()
        rows = list(self.journal.items())
        self.shuffle.shuffle(rows)
        assert self.log.read(self.state, rows) is None
        if self.log.newest is not None:
            self.published += self._said(self.log.newest)


@dataclass(slots=True)
class Decider:
    """The worker of one tallies partition, its tables, and what it has said."""

    policy: DecidingPolicy
    topic: Sequence[PackedTally]
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
        self._write(blocks, presets)
        if blocks is not None or presets is not None:
            return self.recover()
        self._finish()
        return self.board.forget()

    def _write(self, blocks: int | None, presets: int | None) -> None:
        for name, block_ms in sorted(self.board.changed_blocks)[:blocks]:
            _put(self.rates, rows.block_key(name, block_ms), rows.block_row(self.board, name, block_ms))
        for name, day_ms in sorted(self.board.changed_days)[: None if presets else blocks]:
            _put(self.rates, rows.day_key(name, day_ms), rows.day_row(self.board, name, day_ms))
        for name in sorted(self.board.changed_presets)[:presets]:
            _put(self.alerts, rows.preset_key(name), rows.preset_row(self.board.presets.get(name)))

    def _finish(self) -> None:
        self.alerts[rows.CLOCK_KEY] = rows.clock_row(self.board, self.position)
        self.board.changed_blocks.clear()
        self.board.changed_days.clear()
        self.board.changed_presets.clear()

    def adopt(self, policy: DecidingPolicy) -> None:
        """Go on by other rules."""
        self._write(None, None)
        self._finish()
        self.policy = policy
        list(self.board.adopt(policy))

    def restart(self, policy: DecidingPolicy) -> None:
        """End in good order and start again by other rules."""
        self.save()
        self.policy = policy
        self.recover()

    def recover(self) -> None:
        """Start again from the tables."""
        self.board, self.position = rows.restore(self.policy, True, self.rates, self.alerts)


def _put(table: dict[bytes, bytes], key: bytes, row: bytes | None) -> None:
    if row is None:
        table.pop(key, None)
    else:
        table[key] = row
