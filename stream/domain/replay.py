"""Both stages over a log in memory: the reference that the running system must agree with, byte for byte.

Law: the events are those the alerts topic gets for the same records on the same partitions. At the end of the log time
passes to the end of the last pane, as it does on an idle topic, so that the last records are decided on too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from schemas.alert import AlertEvent
from stream.domain.causes import Causes
from stream.domain.counting import count, count_forwarded
from stream.domain.deciding import Board
from stream.domain.homes import Home
from stream.domain.packing import PackedTally
from stream.domain.panes import pane_end
from stream.domain.records import Run, SourceRecord
from stream.domain.sources import Batch, CountingPolicy, Forwarded, Sources, SourceState, new_sources, pass_time
from stream.domain.tallies import forwarded_source, tally_messages, time_message
from stream.domain.watching import DecidingPolicy

CHUNK_RECORDS = 10_000

NO_TIME = -1
"""What a forwarded record's own time is comes with its key."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One record of a log held in memory."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Replay:
    """The whole path of an event without a broker."""

    counting: CountingPolicy
    deciding: DecidingPolicy
    causes: Causes
    sources: list[Sources] = field(init=False)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        partitions = self.deciding.sources
        self.sources = [new_sources(self.counting, Home(partition, partitions)) for partition in range(partitions)]
        self.board = Board(self.deciding, watches_topic=True)

    def run(self, records: Iterable[Replayed]) -> Iterator[AlertEvent]:
        """Yield the alert events of a whole log, in the order of their ticks."""
        rest = iter(records)
        while chunk := list(islice(rest, CHUNK_RECORDS)):
            # Sorting is stable, so each partition's records stay in order.
            for partition, run in groupby(sorted(chunk, key=_partition), key=_partition):
                yield from self.take(partition, run)
        yield from self.finish()

    def run_runs(self, runs: Iterable[tuple[int, Run]]) -> Iterator[AlertEvent]:
        """Yield the alert events of a whole log that comes in runs, each of one partition."""
        for partition, run in runs:
            yield from self.take_run(partition, run)
        yield from self.finish()

    def take(self, partition: int, records: Iterable[SourceRecord]) -> Iterator[AlertEvent]:
        """Yield the alert events that some of one partition's records bring about."""
        return self.take_run(partition, Run.of(list(records)))

    def take_run(self, partition: int, run: Run) -> Iterator[AlertEvent]:
        """Yield the alert events that a run of one partition's records brings about."""
        source = self.sources[partition].own
        batch = count(source, run, self.causes)
        for home, given in groupby(sorted(batch.forwarded, key=_home), key=_home):
            self._take_forwarded(home, list(given))
        yield from self._apply(partition, source, batch)

    def _take_forwarded(self, home: int, given: list[Forwarded]) -> None:
        source = self.sources[home].forwarded
        offsets = range(source.position, source.position + len(given))
        run = Run(offsets, [NO_TIME] * len(given), [each.value for each in given], [each.key for each in given])
        batch = count_forwarded(source, run, self.causes, self.board.clock_ms())
        self._note(batch)
        source.apply(batch)
        for message in tally_messages(forwarded_source(home, self.deciding.sources), source, batch):
            self._merge(message)

    def finish(self) -> Iterator[AlertEvent]:
        """Yield what is decided when every partition's time has passed to the end of the last pane."""
        owns = [sources.own for sources in self.sources]
        ends = [state.watermark_ms for state in owns if state.watermark_ms is not None]
        if not ends:
            return
        last_ms = pane_end(max(ends) + self.counting.lateness_ms, self.counting.pane_ms)
        for partition, state in enumerate(owns):
            yield from self._apply(partition, state, pass_time(state, last_ms))

    def _apply(self, partition: int, state: SourceState, batch: Batch) -> Iterator[AlertEvent]:
        self._note(batch)
        state.apply(batch)
        for message in tally_messages(partition, state, batch):
            self._merge(message)
        self._merge(time_message(partition, state))
        yield from self._decide()
        state.jobs.tidy(self.board.clock_ms())

    def _merge(self, message: PackedTally) -> None:
        self.board.merge(message)

    def _decide(self) -> Iterator[AlertEvent]:
        yield from self.board.decide()
        self.board.forget()

    def _note(self, batch: Batch) -> None:
        """Take note of a batch, for those who measure."""


def _partition(record: Replayed) -> int:
    return record.partition


def _home(record: Forwarded) -> int:
    return record.home
