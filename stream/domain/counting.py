"""The counting stage: source records of one partition in, counts per preset and pane out.

Law: what is counted depends on the records and their order alone, never on where batches are cut; counting changes no
state, which is for `SourceState.apply`.

A record whose job is at home in another partition tells the time here and is counted there, by the watermark that it
was read at. So a partition has two sources, its own records and those forwarded to it, which share what is remembered.

A job counts for queries at its event time. For rules it counts once, at its event time if it is on time, else at the
watermark, that is when it became known; later than `DECIDES_WITHIN_MS` it counts for queries only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from stream.domain.brief import WHOLE_BYTES, in_brief
from stream.domain.causes import Causes
from stream.domain.columns import ONLY_TIME, Columns, Rows, Times, read
from stream.domain.dedupe import Jobs, first_times, note
from stream.domain.homes import Origin, homes, read_origin
from stream.domain.job_names import chosen, names
from stream.domain.packing import pack
from stream.domain.panes import HOUR_MS
from stream.domain.presets import Bounded
from stream.domain.records import Run
from stream.domain.sources import Batch, CountingPolicy, Forwarded, SourceState
from stream.domain.tally import ALL_PRESETS, Tally, merged
from stream.domain.tallying import Counted, PaneKey, tally_up

DECIDES_WITHIN_MS = HOUR_MS
"""Daily resends a webhook for up to an hour or so; what is older is a backfill and must not page anyone today."""

NEVER_MS = -(2**62)
"""The watermark before the first event."""


def count(state: SourceState, run: Run, causes: Causes) -> Batch:
    """Count a partition's own records that follow the state's position; the state itself is left as it was."""
    return _tallied(sift(state, run, causes), state.policy)


def count_forwarded(state: SourceState, run: Run, causes: Causes, clock_ms: int | None) -> Batch:
    """Count records that were forwarded; the state is left as it was.

    `clock_ms` is a time that no record yet to be counted was read before: what expires by it will not be asked for.
    """
    return _tallied(sift_forwarded(state, run, causes, clock_ms), state.policy)


class Sifted(NamedTuple):
    """A batch without its tallies, and the jobs to make them of, None if there are none."""

    batch: Batch
    counted: Counted | None = None


def _tallied(sifted: Sifted, policy: CountingPolicy) -> Batch:
    batch, counted = sifted
    if counted is not None:
        batch.tallies = {key: pack(key[1], one) for key, one in tally(counted, policy).items()}
    return batch


def tally(counted: Counted, policy: CountingPolicy) -> dict[PaneKey, Tally]:
    """Return what is counted by preset and pane, and by pane for all presets."""
    tallies, kept = tally_up(counted, policy.pane_ms, policy.errors_kept), policy.errors_kept
    panes: dict[int, list[Tally]] = {}
    for (_, start), one in tallies.items():
        panes.setdefault(start, []).append(one)
    topic = {(ALL_PRESETS, start): merged(parts, kept) for start, parts in panes.items()}
    return tallies | topic


def sift(state: SourceState, run: Run, causes: Causes) -> Sifted:
    """Do all that `count` does but for making tallies."""
    columns, batch = _begin(state, run, causes)
    if not len(columns.rows):
        return Sifted(batch)
    watermarks = _watermarks(state, columns)
    batch.watermark_ms = int(watermarks[-1])
    # What a record is measured by is the watermark before it.
    return Sifted(batch, _Counting(state, batch, columns, watermarks[:-1]).count(run))


def sift_forwarded(state: SourceState, run: Run, causes: Causes, clock_ms: int | None) -> Sifted:
    """Do all that `count_forwarded` does but for making tallies."""
    origins = [read_origin(key) for key in run.keys]
    times = [at if origin is None else origin.timestamp for at, origin in zip(run.times, origins, strict=True)]
    columns, batch = _begin(state, replace(run, times=times), causes)
    for name in [name for name in batch.meters if name.startswith("time:")]:
        del batch.meters[name]  # noted where the record was read first
    batch.watermark_ms = max((known for known in (state.watermark_ms, clock_ms) if known is not None), default=None)
    if not len(columns.rows):
        return Sifted(batch)
    read_at = [origins[row] for row in columns.rows.tolist()]
    watermarks = np.array([NEVER_MS if at is None else at.watermark_ms for at in read_at], np.int64)
    return Sifted(batch, _Counting(state, batch, columns, watermarks).count_all())


def _begin(state: SourceState, run: Run, causes: Causes) -> tuple[Columns, Batch]:
    columns = read(run, causes)
    last = run.offsets[-1] if run.offsets else state.position - 1
    return columns, Batch(state.position, last, state.watermark_ms, parked=columns.parked, meters=columns.meters)


def _watermarks(state: SourceState, columns: Columns) -> Times:
    before = NEVER_MS if state.watermark_ms is None else state.watermark_ms
    reached = columns.at_ms - state.policy.lateness_ms
    return np.maximum.accumulate(np.concatenate((np.array([before], np.int64), reached)))


@dataclass(slots=True)
class _Counting:
    """One batch in the making. It reads the state and writes only the batch."""

    state: SourceState
    batch: Batch
    columns: Columns
    watermarks: Times
    """What each row is measured by."""

    def count(self, run: Run) -> Counted:
        """Count the jobs that are at home here, and forward the others."""
        jobs = np.flatnonzero(self.columns.codes != ONLY_TIME)
        if self.state.home.of > 1 and len(jobs):
            at_home = homes(self._ids(jobs), self.state.home.of)
            away = at_home != self.state.home.partition
            self._forward(run, jobs[away], at_home[away])
            jobs = jobs[~away]
        return self._count(jobs)

    def count_all(self) -> Counted:
        """Count the jobs wherever they are at home."""
        return self._count(np.flatnonzero(self.columns.codes != ONLY_TIME))

    def _ids(self, jobs: Rows) -> Sequence[str]:
        ids = self.columns.job_ids
        return ids if len(jobs) == len(ids) else chosen(ids, jobs)

    def _forward(self, run: Run, rows: Rows, at_home: Rows) -> None:
        for row, home in zip(rows.tolist(), at_home.tolist(), strict=True):
            at = self.columns.rows[row]
            origin = Origin(self.state.home.partition, int(self.watermarks[row]), run.times[at])
            self.batch.forwarded.append(Forwarded(home, origin.to_key(), self._told(row, run.values[at])))
        self.batch.meters["forwarded"] += len(rows)

    def _told(self, row: int, value: bytes | None) -> bytes | None:
        if value is None or len(value) <= WHOLE_BYTES:
            return value
        columns = self.columns
        return in_brief(value, columns.job_ids[row], columns.kinds[columns.codes[row]], int(columns.at_ms[row]))

    def _count(self, jobs: Rows) -> Counted:
        return self._counted(jobs, self.columns.codes[jobs], self.columns.at_ms[jobs], self.watermarks[jobs])

    def _counted(self, jobs: Rows, codes: Rows, at_ms: Times, watermarks: Times) -> Counted:
        columns, policy, meters = self.columns, self.state.policy, self.batch.meters
        failed = np.array([bool(kind.cell.reason) for kind in columns.kinds], bool)[codes]
        named = Jobs(names(self._ids(jobs)), note(at_ms, failed))
        is_expired = self._pane(at_ms) + policy.pane_ms <= self._oldest(watermarks)
        is_first, conflicts = first_times(self.state.jobs, named, watermarks, ~is_expired)
        fresh = np.flatnonzero(is_first & ~is_expired)
        expired = int(np.count_nonzero(is_first & is_expired))
        meters.update(counted=len(fresh), expired=expired, conflicts=conflicts)
        meters["duplicates"] += len(jobs) - len(fresh) - expired - conflicts
        self.batch.jobs = named.where(fresh)
        return self._decided(jobs[fresh], codes[fresh], at_ms[fresh], watermarks[fresh])

    def _oldest(self, watermarks: Times) -> Times:
        return self._pane(watermarks) - self.state.policy.retention_ms

    def _decided(self, rows: Rows, codes: Rows, at_ms: Times, watermarks: Times) -> Counted:
        columns = self.columns
        late_ms = watermarks - at_ms
        is_late = late_ms > 0
        self.batch.meters["late"] += int(np.count_nonzero(is_late))
        decided_ms = np.where(is_late, watermarks, at_ms)
        decides = late_ms <= DECIDES_WITHIN_MS
        newest = np.where(decides, decided_ms, at_ms)
        presets = Bounded(self.state.newest_pane, self.state.policy.max_presets)
        kinds, codes = presets.bounded(columns.kinds, codes, self._pane(newest), self._oldest(watermarks))
        return Counted(kinds, codes, columns.job_ids, rows, at_ms, decided_ms, decides)

    def _pane(self, at_ms: Times) -> Times:
        return at_ms - at_ms % self.state.policy.pane_ms
