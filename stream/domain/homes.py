"""Which partition is home to a job, and what a job tells on its way there.

Law: a job's home is where Kafka's default partitioner puts its id, whatever key its records came under, so that all
records of a job are held against the same memory. A record that lies elsewhere is forwarded, with the time of its first
partition, by which it is measured.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.domain.job_names import UUID_CHARS, characters
from stream.domain.routing import MURMUR_MIX, MURMUR_SEED, partition_of, text_key

Partitions = NDArray[np.intp]


class Home(NamedTuple):
    """A source partition, of so many."""

    partition: int
    of: int


def homes(job_ids: Sequence[str], partitions: int) -> Partitions:
    """Return the partition that is home to each job."""
    chars = characters(job_ids)
    if chars is not None:
        return _homes(np.ascontiguousarray(chars).view("<u4"), partitions)
    return np.array([partition_of(text_key(job_id), b"", partitions) for job_id in job_ids], np.intp)


def _homes(words: NDArray[np.uint32], partitions: int) -> Partitions:
    """Return the homes of ids that all have a UUID's length, by murmur2 on all of them at once."""
    mix, shift = np.uint32(MURMUR_MIX), np.uint32(24)
    digest = np.full(len(words), MURMUR_SEED ^ UUID_CHARS, np.uint32)
    mixed = words * mix
    mixed = (mixed ^ mixed >> shift) * mix
    for column in mixed.T:
        digest = digest * mix ^ column
    digest = (digest ^ digest >> np.uint32(13)) * mix
    digest ^= digest >> np.uint32(15)
    return (digest & np.uint32(0x7FFFFFFF)).astype(np.intp) % partitions


class Origin(NamedTuple):
    """Where a forwarded record was read; times in epoch milliseconds.

    Its own timestamp travels here and not as Kafka's, by which a broker would drop what is old before it was counted.
    """

    partition: int
    watermark_ms: int
    """The watermark before it."""
    timestamp: int

    def to_key(self) -> bytes:
        """Return the forwarded record's key."""
        return b"%d:%d:%d" % self


def read_origin(key: bytes | None) -> Origin | None:
    """Return what a forwarded record's key says, None for any other key."""
    try:
        partition, watermark_ms, timestamp = map(int, (key or b"").split(b":"))
    except ValueError:
        return None
    return Origin(partition, watermark_ms, timestamp)
