"""From counted jobs in columns to tallies by preset and pane.

Law: the tallies are those of seeing and deciding the jobs one by one, in any order.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.domain.columns import Kind, Rows, Times
from stream.domain.tally import SAMPLES_KEPT, Cell, FailedJob, Tally, newest

PaneKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """Jobs that count, in columns; `codes` are indices of `kinds`."""

    kinds: Sequence[Kind]
    codes: Rows
    job_ids: Sequence[str]
    """The ids of a whole run, of which these jobs are the `rows`."""
    rows: Rows
    at_ms: Times
    decided_ms: Times
    """When rules may use each, in epoch milliseconds."""
    decides: NDArray[np.bool_]
    """Whether they may at all."""


def joined(parts: Sequence[Counted]) -> Counted:
    """Return the jobs of several runs as those of one."""
    code_of: dict[Kind, int] = {}
    for kind in (kind for part in parts for kind in part.kinds):
        code_of.setdefault(kind, len(code_of))
    codes = [np.array([code_of[kind] for kind in part.kinds], np.intp)[part.codes] for part in parts]
    firsts = np.cumsum([0, *(len(part.job_ids) for part in parts)])
    return Counted(
        list(code_of),
        np.concatenate(codes),
        [job_id for part in parts for job_id in part.job_ids],
        np.concatenate([part.rows + first for part, first in zip(parts, firsts[:-1], strict=True)]),
        np.concatenate([part.at_ms for part in parts]),
        np.concatenate([part.decided_ms for part in parts]),
        np.concatenate([part.decides for part in parts]),
    )


def newest_panes(counted: Counted, pane_ms: int) -> dict[str, int]:
    """Return the start of the newest pane that each preset is tallied in, in epoch milliseconds."""
    newest = np.full(len(counted.kinds), -1, np.int64)
    np.maximum.at(newest, counted.codes, np.where(counted.decides, counted.decided_ms, counted.at_ms))
    found: dict[str, int] = {}
    for kind, at_ms in zip(counted.kinds, newest.tolist(), strict=True):
        if at_ms >= 0:
            found[kind.preset] = max(at_ms - at_ms % pane_ms, found.get(kind.preset, 0))
    return found


def tally_up(counted: Counted, tallies: dict[PaneKey, Tally], pane_ms: int, kept: int) -> None:
    """Tally jobs by preset and pane; `kept` is how many failures are remembered of each reason."""
    groups, sizes = np.unique(_groups(counted, counted.at_ms, pane_ms), return_counts=True)
    for group, size in zip(groups.tolist(), sizes.tolist(), strict=True):
        tally, kind = _tally_of(group, counted, tallies, pane_ms)
        tally.seen[kind.cell] = tally.seen.get(kind.cell, 0) + size
    for group, jobs in _decided(counted, pane_ms):
        _decide(*_tally_of(group, counted, tallies, pane_ms), jobs, kept)


def _groups(counted: Counted, times: Times, pane_ms: int) -> Times:
    """Give jobs numbers by which they are grouped: one for each kind in each pane of a time."""
    return times // pane_ms * len(counted.kinds) + counted.codes


def _tally_of(group: int, counted: Counted, tallies: dict[PaneKey, Tally], pane_ms: int) -> tuple[Tally, Kind]:
    pane, code = divmod(group, len(counted.kinds))
    kind = counted.kinds[code]
    return tallies.setdefault((kind.preset, pane * pane_ms), Tally()), kind


@dataclass(frozen=True, slots=True)
class _Group:
    """Jobs that rules may use, by when they ended: the part from `first` to `end` of sorted columns."""

    counted: Counted
    order: Rows
    at_ms: list[int]
    first: int
    end: int
    decided_ms: int
    """When the last of them was decided."""

    def newest(self, most: int) -> list[int]:
        """Return the times of the newest jobs, ascending."""
        return self.at_ms[max(self.first, self.end - most) : self.end]

    def evidence(self, cell: Cell) -> Iterator[FailedJob]:
        """Yield all jobs that may be among the newest few, whichever way ties are broken."""
        oldest_ms = self.newest(SAMPLES_KEPT)[0]
        for at in range(bisect_left(self.at_ms, oldest_ms, self.first, self.end), self.end):
            job_id = self.counted.job_ids[self.counted.rows[self.order[at]]]
            yield FailedJob(self.at_ms[at], job_id, cell.reason, cell.source_type)


def _decided(counted: Counted, pane_ms: int) -> Iterator[tuple[int, _Group]]:
    """Yield groups of jobs by the pane they are decided in."""
    decides = np.flatnonzero(counted.decides)
    if not len(decides):
        return
    groups = _groups(counted, counted.decided_ms, pane_ms)[decides]
    by_group = np.lexsort((counted.at_ms[decides], groups))
    order, groups = decides[by_group], groups[by_group]
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(groups)) + 1))
    latest = np.maximum.reduceat(counted.decided_ms[order], firsts).tolist()
    at_ms, ends = counted.at_ms[order].tolist(), [*firsts[1:].tolist(), len(order)]
    for group, first, end, decided_ms in zip(groups[firsts].tolist(), firsts.tolist(), ends, latest, strict=True):
        yield group, _Group(counted, order, at_ms, first, end, decided_ms)


def _decide(tally: Tally, kind: Kind, jobs: _Group, kept: int) -> None:
    tally.decided[kind.cell] = tally.decided.get(kind.cell, 0) + jobs.end - jobs.first
    tally.last_decided_ms = max(tally.last_decided_ms, jobs.decided_ms)
    cell, of_source = kind.cell, tally.recency_of(kind.cell.source_type)
    if not cell.reason:
        ended_ms = jobs.at_ms[jobs.end - 1]
        tally.recency.finish(ended_ms)
        of_source.finish(ended_ms)
        return
    times = jobs.newest(kept)
    tally.recency.fail(cell.reason, times, kept)
    of_source.fail(cell.reason, times, kept)
    tally.samples = newest((*tally.samples, *jobs.evidence(cell)))
