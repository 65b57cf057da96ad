"""Keys and partitions of many webhook bodies at once.

Law: each body gets the key and the partition that `record_key` and `partition_of` give it, one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stream.domain.fast_parse import UsualEvents, read_usual
from stream.domain.homes import homes
from stream.domain.job_names import chosen
from stream.domain.records import Run
from stream.domain.routing import partition_of, record_key, text_key

NO_TIMESTAMP = -1
"""What Kafka says of a record without a time; a file's lines have none."""


@dataclass(slots=True)
class Placed:
    """Bodies with their keys and partitions."""

    values: Sequence[bytes]
    keys: list[bytes | None]
    partitions: NDArray[np.intp]
    usual: UsualEvents

    def run(self, partition: int, begin: int) -> Run:
        """Return what lies in a partition as a run that begins at an offset."""
        at = np.flatnonzero(self.partitions == partition)
        rows, count = at.tolist(), len(at)
        values, keys = [self.values[row] for row in rows], [self.keys[row] for row in rows]
        return Run(range(begin, begin + count), [NO_TIMESTAMP] * count, values, keys, self._usual_among(at))

    def _usual_among(self, at: NDArray[np.intp]) -> UsualEvents:
        rows, job_ids, sent, codes, said = self.usual
        here = np.flatnonzero(np.isin(rows, at, assume_unique=True))
        return UsualEvents(np.searchsorted(at, rows[here]), chosen(job_ids, here), sent[here], codes[here], said)


def place(values: Sequence[bytes], partitions: int) -> Placed:
    """Give each body its key and its partition."""
    keys: list[bytes | None] = [None] * len(values)
    placed = np.full(len(values), -1, np.intp)
    usual = read_usual(values)
    if len(usual.rows):
        placed[usual.rows] = homes(usual.job_ids, partitions)
        for row, job_id in zip(usual.rows.tolist(), usual.job_ids, strict=True):
            keys[row] = text_key(job_id)
    for row in np.flatnonzero(placed < 0).tolist():
        keys[row] = record_key(values[row])
        placed[row] = partition_of(keys[row], values[row], partitions)
    return Placed(values, keys, placed, usual)


@dataclass(slots=True)
class Log:
    """The topic, of so many partitions, that bodies would make if they were sent in this order."""

    partitions: int
    ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ends = [0] * self.partitions

    def append(self, values: Sequence[bytes]) -> Iterator[tuple[int, Run]]:
        """Yield, by partition, the records that some bodies become."""
        placed = place(values, self.partitions)
        for partition in np.unique(placed.partitions).tolist():
            run = placed.run(partition, self.ends[partition])
            self.ends[partition] += len(run.values)
            yield partition, run
