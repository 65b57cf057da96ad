"""Both stages over a log in memory: the reference that the running system must agree with, byte for byte.

Law: the events are those the alerts topic gets for the same records on the same partitions. At the end of the log time
passes to the end of the last pane, as it does on an idle topic, so that the last records are decided on too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice

from schemas.alert import AlertEvent
from stream.domain.causes import Causes
from stream.domain.counting import Sifted, sift, sift_forwarded, tally
from stream.domain.deciding import Board
from stream.domain.homes import Home
from stream.domain.panes import pane_end
from stream.domain.records import Run, SourceRecord
from stream.domain.sources import Batch, CountingPolicy, Forwarded, Sources, SourceState, new_sources, pass_time
from stream.domain.tallies import time_message
from stream.domain.tally import Tally
from stream.domain.tallying import Counted, PaneKey, joined, newest_panes
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
            runs = groupby(sorted(chunk, key=_partition), key=_partition)
            yield from self.take_runs((partition, Run.of(list(some))) for partition, some in runs)
        yield from self.finish()

    def run_runs(self, runs: Iterable[Iterable[tuple[int, Run]]]) -> Iterator[AlertEvent]:
        """Yield the alert events of a whole log that comes in runs, each of one partition, some at once."""
        for some in runs:
            yield from self.take_runs(some)
        yield from self.finish()

    def take(self, partition: int, records: Iterable[SourceRecord]) -> Iterator[AlertEvent]:
        """Yield the alert events that some of one partition's records bring about."""
        return self.take_runs([(partition, Run.of(list(records)))])

    def take_runs(self, runs: Iterable[tuple[int, Run]]) -> Iterator[AlertEvent]:
        """Yield the alert events that runs of records bring about, each of one partition."""
        partitions: set[int] = set()
        counted: list[Counted] = []
        for partition, run in runs:
            partitions.add(partition)
            counted += self._count(partition, run)
        if counted:
            # Partitions are tallied as one: that gives the same sums, and there are far fewer of them.
            self._merge(tally(joined(counted), self.counting))
        yield from self._pass_time(partitions)

    def _count(self, partition: int, run: Run) -> Iterator[Counted]:
        source = self.sources[partition].own
        sifted = sift(source, run, self.causes)
        for home, given in groupby(sorted(sifted.batch.forwarded, key=_home), key=_home):
            yield from self._count_forwarded(home, list(given))
        yield from self._apply(source, sifted)

    def _count_forwarded(self, home: int, given: list[Forwarded]) -> Iterator[Counted]:
        source = self.sources[home].forwarded
        offsets = range(source.position, source.position + len(given))
        run = Run(offsets, [NO_TIME] * len(given), [each.value for each in given], [each.key for each in given])
        yield from self._apply(source, sift_forwarded(source, run, self.causes, self.board.clock_ms()))

    def _apply(self, source: SourceState, sifted: Sifted) -> Iterator[Counted]:
        batch, counted = sifted
        self._note(batch)
        source.apply(batch)
        if counted is not None:
            source.know(newest_panes(counted, self.counting.pane_ms))
            yield counted

    def finish(self) -> Iterator[AlertEvent]:
        """Yield what is decided when every partition's time has passed to the end of the last pane."""
        owns = [sources.own for sources in self.sources]
        ends = [state.watermark_ms for state in owns if state.watermark_ms is not None]
        if not ends:
            return
        last_ms = pane_end(max(ends) + self.counting.lateness_ms, self.counting.pane_ms)
        for state in owns:
            state.apply(pass_time(state, last_ms))
        yield from self._pass_time(range(len(owns)))

    def _pass_time(self, partitions: Iterable[int]) -> Iterator[AlertEvent]:
        for partition in partitions:
            message = time_message(partition, self.sources[partition].own)
            for board in self._boards():
                board.merge(message)
        yield from self._decide()
        for partition in partitions:
            self.sources[partition].jobs.tidy(self.board.clock_ms())

    def _merge(self, tallies: Mapping[PaneKey, Tally]) -> None:
        self._note_tallies(tallies)
        for board in self._boards():
            board.add(tallies, self.counting.errors_kept)

    def _boards(self) -> Iterable[Board]:
        return (self.board,)

    def _decide(self) -> Iterator[AlertEvent]:
        yield from self.board.decide()
        self.board.forget()

    def _note(self, batch: Batch) -> None:
        """Take note of a batch, which has no tallies, for those who measure."""

    def _note_tallies(self, tallies: Mapping[PaneKey, Tally]) -> None:
        """Take note of what is tallied, for those who measure."""


def _partition(record: Replayed) -> int:
    return record.partition


def _home(record: Forwarded) -> int:
    return record.home
