"""Both stages over a log in memory: the reference that the running system must agree with, byte for byte.

Law: the events are those the alerts topic gets for the same records on the same partitions. At the end of the log time
passes to the end of the last pane, as it does on an idle topic, so that the last records are decided on too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from schemas.alert import AlertEvent
from stream.domain.causes import Causes
from stream.domain.counting import Batch, CountingPolicy, SourceRecord, SourceState, count, new_source, pass_time
from stream.domain.deciding import Board, DecidingPolicy
from stream.domain.panes import pane_end
from stream.domain.tallies import tally_messages, time_message

CHUNK_RECORDS = 1_000


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
    sources: dict[int, SourceState] = field(init=False)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.sources = {partition: new_source(self.counting) for partition in range(self.deciding.sources)}
        self.board = Board(self.deciding, watches_topic=True)

    def run(self, records: Iterable[Replayed]) -> Iterator[AlertEvent]:
        """Yield the alert events of a whole log, in the order of their ticks."""
        rest = iter(records)
        while chunk := list(islice(rest, CHUNK_RECORDS)):
            # Sorting is stable, so each partition's records stay in order.
            for partition, run in groupby(sorted(chunk, key=_partition), key=_partition):
                yield from self.take(partition, run)
        yield from self.finish()

    def take(self, partition: int, records: Iterable[SourceRecord]) -> Iterator[AlertEvent]:
        """Yield the alert events that a run of one partition's records brings about."""
        batch = count(self.sources[partition], records, self.causes)
        yield from self._apply(partition, batch)

    def finish(self) -> Iterator[AlertEvent]:
        """Yield what is decided when every partition's time has passed to the end of the last pane."""
        ends = [state.watermark_ms for state in self.sources.values() if state.watermark_ms is not None]
        if not ends:
            return
        last_ms = pane_end(max(ends) + self.counting.lateness_ms, self.counting.pane_ms)
        for partition, state in self.sources.items():
            yield from self._apply(partition, pass_time(state, last_ms))

    def _apply(self, partition: int, batch: Batch) -> Iterator[AlertEvent]:
        state = self.sources[partition]
        state.apply(batch)
        for message in tally_messages(partition, state, batch):
            self.board.merge(message)
        self.board.merge(time_message(partition, state))
        yield from self.board.decide()


def _partition(record: Replayed) -> int:
    return record.partition
