"""Keys and partitions of many webhook bodies at once.

Law: each body gets the key and the partition that `record_key` and `partition_of` give it, one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from stream.domain.fast_parse import read_usual
from stream.domain.homes import homes
from stream.domain.records import Run
from stream.domain.routing import partition_of, record_key, text_key

NO_TIMESTAMP = -1
"""What Kafka says of a record without a time; a file's lines have none."""


def place(values: Sequence[bytes], partitions: int) -> tuple[list[bytes | None], list[int]]:
    """Return the key and the partition of each body."""
    keys: list[bytes | None] = [None] * len(values)
    placed = np.full(len(values), -1, np.intp)
    rows, job_ids, _, _ = read_usual(values)
    if rows:
        placed[rows] = homes(job_ids, partitions)
        for row, job_id in zip(rows, job_ids, strict=True):
            keys[row] = text_key(job_id)
    for row in np.flatnonzero(placed < 0).tolist():
        keys[row] = record_key(values[row])
        placed[row] = partition_of(keys[row], values[row], partitions)
    return keys, placed.tolist()


@dataclass(slots=True)
class Log:
    """The topic, of so many partitions, that bodies would make if they were sent in this order."""

    partitions: int
    ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ends = [0] * self.partitions

    def append(self, values: Sequence[bytes]) -> Iterator[tuple[int, Run]]:
        """Yield, by partition, the records that some bodies become."""
        keys, placed = place(values, self.partitions)
        rows: dict[int, list[int]] = {}
        for row, partition in enumerate(placed):
            rows.setdefault(partition, []).append(row)
        for partition, at in sorted(rows.items()):
            begin = self.ends[partition]
            self.ends[partition] += len(at)
            offsets = range(begin, begin + len(at))
            times = [NO_TIMESTAMP] * len(at)
            yield partition, Run(offsets, times, [values[row] for row in at], [keys[row] for row in at])
