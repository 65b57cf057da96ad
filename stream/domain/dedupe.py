"""Which jobs were counted before, in 20 bytes each.

Law: within the horizon a job counts once; what is remembered is a function of the log alone, never of when memory was
last tidied. A job is forgotten when its whole hour of event time lies further behind the watermark than the horizon.

Jobs lie in a few sorted runs. A new batch is a run; runs are merged when the newer is no longer much smaller than the
older, so that a job is moved a logarithmic number of times and looked up in as many runs (a log-structured merge tree,
O'Neil et al., 1996).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stream.domain.job_names import NAME_BYTES, Names, pack_names, unpack_names
from stream.domain.panes import HOUR_MS

Notes = NDArray[np.uint32]
"""What is kept of each job beside its name: the hour of event time since the epoch, doubled, plus 1 if it failed."""

Order = NDArray[np.intp]
Keys = NDArray[np.uint64]

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that different low halves stay different: 2 to the 64th over the golden ratio (Knuth, TAOCP 3, 6.4)."""

UNKNOWN = 0
"""The note of a job that is not remembered: no job of 1970 is counted."""

JOB_BYTES = NAME_BYTES + 4

MERGE_AT = 4
"""A run is merged into the one before it unless that is more than this many times as long."""


def note(at_ms: NDArray[np.int64], failed: NDArray[np.bool_]) -> Notes:
    """Return the notes of jobs by when they ended, in epoch milliseconds, and how."""
    return (at_ms // HOUR_MS * 2 + failed).astype(np.uint32)


def is_forgotten(hour: int, horizon_ms: int, watermark_ms: int | None) -> bool:
    """Tell whether jobs of an hour lie beyond the horizon."""
    return watermark_ms is not None and (hour + 1) * HOUR_MS + horizon_ms <= watermark_ms


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs with their notes, row by row."""

    names: Names
    notes: Notes

    def __len__(self) -> int:
        return len(self.notes)

    def where(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Jobs":
        """Return some of the jobs."""
        return Jobs(self.names[rows], self.notes[rows])


def no_jobs() -> Jobs:
    """Return no jobs at all."""
    return Jobs(np.empty((0, 2), np.uint64), np.empty(0, np.uint32))


def joined(parts: Iterable[Jobs]) -> Jobs:
    """Return jobs one after the other."""
    held = [no_jobs(), *parts]
    return Jobs(np.concatenate([part.names for part in held]), np.concatenate([part.notes for part in held]))


def first_times(
    remembered: "RememberedJobs", jobs: Jobs, watermarks: NDArray[np.int64], is_kept: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], int]:
    """Tell which of these jobs, in log order, come for the first time, and how many come again with another outcome.

    Each is held against what is remembered at its own watermark; of those that come first, `is_kept` are remembered.
    """
    keys = sort_keys(jobs.names)
    order = np.argsort(keys)
    known = remembered.recall(jobs.names, keys, order)
    forgotten_ms = (known // 2 + 1).astype(np.int64) * HOUR_MS + remembered.horizon_ms
    against = np.where(forgotten_ms > watermarks, known, UNKNOWN)
    within: dict[bytes, int] = {}
    for row in _repeated(keys[order], order):
        name = jobs.names[row].tobytes()
        noted = within.get(name, int(known[row]))
        is_over = is_forgotten(noted // 2, remembered.horizon_ms, int(watermarks[row]))
        against[row] = UNKNOWN if is_over else noted
        if against[row] == UNKNOWN and is_kept[row]:
            within[name] = int(jobs.notes[row])
    is_first = against == UNKNOWN
    return is_first, int(np.count_nonzero(~is_first & ((against ^ jobs.notes) % 2 == 1)))


def sort_keys(names: Names) -> Keys:
    """Return what jobs are sorted by. Ids that differ in one half only, as numbered ones do, differ in their keys."""
    return names[:, 0] + names[:, 1] * SPREAD


def _repeated(ascending: NDArray[np.uint64], order: Order) -> list[int]:
    """Return the rows of keys of which there is more than one, ascending."""
    equal = np.flatnonzero(ascending[1:] == ascending[:-1])
    return sorted({*order[equal].tolist(), *order[equal + 1].tolist()})


def pack_jobs(jobs: Jobs) -> bytes:
    """Return jobs as bytes: their names, then their notes."""
    return pack_names(jobs.names) + jobs.notes.astype(">u4").tobytes()


def unpack_jobs(packed: bytes) -> Jobs:
    """Return jobs from a multiple of `JOB_BYTES` bytes."""
    split = len(packed) // JOB_BYTES * NAME_BYTES
    return Jobs(unpack_names(packed[:split]), np.frombuffer(packed[split:], ">u4").astype(np.uint32))


@dataclass(frozen=True, slots=True)
class _Run:
    """Jobs sorted by their keys. Key and low half together are as good as the name."""

    keys: Keys
    low: NDArray[np.uint64]
    notes: Notes

    def __len__(self) -> int:
        return len(self.notes)

    def recall(self, keys: Keys, low: NDArray[np.uint64], noted: Notes) -> None:
        """Note of jobs what is remembered, by their keys, which ascend, and the low halves of their names."""
        at = self.keys.searchsorted(keys)
        hits = np.flatnonzero(self.keys.take(at, mode="clip") == keys)
        if not len(hits):
            return
        at = at[hits]
        # Jobs that share their key are next to each other, and rare.
        is_alone = self.keys.take(at + 1, mode="clip") != self.keys[at]
        is_same = self.low[at] == low[hits]
        noted[hits] = np.maximum(noted[hits], np.where(is_alone & is_same, self.notes[at], UNKNOWN))
        for row, first in zip(hits[~is_alone].tolist(), at[~is_alone].tolist(), strict=True):
            noted[row] = max(int(noted[row]), self._note(first, keys[row], low[row]))

    def _note(self, at: int, key: np.uint64, low: np.uint64) -> int:
        noted = UNKNOWN
        while at < len(self) and self.keys[at] == key:
            if self.low[at] == low:
                noted = max(noted, int(self.notes[at]))
            at += 1
        return noted

    def kept(self, oldest: int) -> "_Run":
        """Return the run without notes below a bound."""
        keep = self.notes >= oldest
        return self if keep.all() else _Run(self.keys[keep], self.low[keep], self.notes[keep])


def _sorted(jobs: Jobs) -> _Run:
    keys = sort_keys(jobs.names)
    order = np.argsort(keys)
    return _Run(keys[order], jobs.names[order, 1], jobs.notes[order])


@dataclass(slots=True)
class RememberedJobs:
    """The jobs of one source partition that would be duplicates if they came again."""

    horizon_ms: int
    runs: list[_Run] = field(default_factory=list)
    oldest: int = UNKNOWN
    """The smallest note that is not forgotten."""

    def __len__(self) -> int:
        return sum(map(len, self.runs))

    def recall(self, names: Names, keys: Keys, order: Order) -> Notes:
        """Return what was noted of jobs, `UNKNOWN` where nothing was; it may be forgotten by now.

        `order` sorts the jobs by their keys.
        """
        noted, found = np.zeros(len(names), np.uint32), np.empty(len(names), np.uint32)
        ascending, low = keys[order], names[order, 1]
        for run in self.runs:
            run.recall(ascending, low, noted)
        found[order] = noted
        return found

    def remember(self, jobs: Jobs) -> None:
        """Remember counted jobs."""
        is_fresh = jobs.notes >= self.oldest
        fresh = jobs if is_fresh.all() else jobs.where(is_fresh)
        if not len(fresh):
            return
        self.runs.append(_sorted(fresh))
        while len(self.runs) > 1 and len(self.runs[-2]) <= MERGE_AT * len(self.runs[-1]):
            newer, older = self.runs.pop(), self.runs.pop()
            self.runs.append(_merged(older, newer))

    def tidy(self, watermark_ms: int | None) -> None:
        """Free the memory of forgotten jobs; changes no answer."""
        if watermark_ms is None:
            return
        oldest = max(0, (watermark_ms - self.horizon_ms) // HOUR_MS) * 2
        if oldest > self.oldest:
            self.oldest = oldest
            self.runs = [run for run in (run.kept(oldest) for run in self.runs) if len(run)]


def _merged(older: _Run, newer: _Run) -> _Run:
    keys = np.concatenate((older.keys, newer.keys))
    # Stable is timsort for this type, which merges what is sorted already in linear time.
    order = np.argsort(keys, kind="stable")
    low, notes = np.concatenate((older.low, newer.low)), np.concatenate((older.notes, newer.notes))
    return _Run(keys[order], low[order], notes[order])
