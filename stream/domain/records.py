"""A run of source records of one partition, in log order, by columns.

Law: what is counted of a run depends on its values and times; offsets say only where it lies, and keys only travel on
with records that are parked.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
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
        return Run(self.offsets[skipped:], self.times[skipped:], self.values[skipped:], self.keys[skipped:])

    def before(self, end: int) -> "Run":
        """Return the part that lies below an offset."""
        kept = sum(offset < end for offset in self.offsets) if self.offsets[-1] >= end else len(self.offsets)
        return Run(self.offsets[:kept], self.times[:kept], self.values[:kept], self.keys[:kept])


def joined(runs: Sequence[Run], about: int) -> list[Run]:
    """Join consecutive runs of a partition to as many as have about so many records each, all alike."""
    size = sum(len(run.offsets) for run in runs)
    share = size / max(1, round(size / about))
    groups: list[list[Run]] = []
    room = 0.0
    for run in runs:
        if room <= 0:
            groups.append([])
            room += share
        groups[-1].append(run)
        room -= len(run.offsets)
    return [group[0] if len(group) == 1 else _join(group) for group in groups]


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
