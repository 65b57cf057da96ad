"""A run of source records of one partition, in log order, by columns.

Law: what is counted of a run depends on its values and times; offsets say only where it lies, and keys only travel on
with records that are parked.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Protocol

from stream.domain.fast_parse import UsualEvents


class SourceRecord(Protocol):
    """One record of a log; aiokafka's `ConsumerRecord` fits as it is."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Run:
    """Columns of equal length; times are Kafka's timestamps in epoch milliseconds, -1 where there is none."""

    offsets: Sequence[int]
    times: Sequence[int]
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    usual: UsualEvents | None = None
    """What `read_usual` makes of the values, where that is known already."""

    @classmethod
    def of(cls, records: Sequence[SourceRecord]) -> "Run":
        """Return records as columns."""
        return cls(
            [record.offset for record in records],
            [record.timestamp for record in records],
            [record.value for record in records],
            [record.key for record in records],
        )

    def since(self, position: int) -> "Run":
        """Return the part that does not lie below an offset."""
        skipped = sum(offset < position for offset in self.offsets) if self.offsets[0] < position else 0
        if not skipped:
            return self
        return self.part(skipped, len(self.offsets))

    def before(self, end: int) -> "Run":
        """Return the part that lies below an offset."""
        kept = sum(offset < end for offset in self.offsets) if self.offsets[-1] >= end else len(self.offsets)
        return self.part(0, kept)

    def part(self, first: int, end: int) -> "Run":
        """Return the records from one place in the run up to another."""
        return Run(self.offsets[first:end], self.times[first:end], self.values[first:end], self.keys[first:end])


def joined(runs: Sequence[Run], most: int) -> list[Run]:
    """Join consecutive runs of a partition to as few as hold at most so many records each, all about as many."""
    whole = runs[0] if len(runs) == 1 else _join(runs)
    records = len(whole.offsets)
    size = ceil(records / ceil(records / most))
    if size == records:
        return [whole]
    return [whole.part(first, first + size) for first in range(0, records, size)]


def _join(runs: Sequence[Run]) -> Run:
    times, values, keys = array("q"), list[bytes | None](), list[bytes | None]()
    for run in runs:
        times.extend(run.times)
        values += run.values
        keys += run.keys
    return Run(_offsets([run.offsets for run in runs]), times, values, keys)


def _offsets(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    first, last = parts[0][0], parts[-1][-1]
    # Offsets of one partition ascend, so as many as there is room for are all there are.
    is_whole = last - first == sum(map(len, parts)) - 1
    return range(first, last + 1) if is_whole else list(chain.from_iterable(parts))
