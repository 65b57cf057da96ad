"""From counted jobs in columns to tallies by preset and pane.

Law: the tallies are those of seeing and deciding the jobs one by one, in any order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.domain.columns import Kind, Rows, Times
from stream.domain.recency import total
from stream.domain.tally import SAMPLES_KEPT, FailedJob, Tally, newest

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

    def is_on_time(self) -> bool:
        """Tell whether rules may use all of them at their own time."""
        return bool(self.decides.all() and (self.decided_ms == self.at_ms).all())


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


def tally_up(counted: Counted, pane_ms: int, kept: int) -> dict[PaneKey, Tally]:
    """Return the tallies of jobs by preset and pane; `kept` is how many failures are remembered of each reason."""
    tallies: dict[PaneKey, Tally] = {}
    for pane, jobs in _decided(counted, pane_ms):
        _decide(_tally_of(pane, jobs.kind, tallies), jobs, kept)
    if counted.is_on_time():
        for tally in tallies.values():
            tally.seen = tally.decided
    else:
        _see(counted, tallies, pane_ms)
    for tally in tallies.values():
        tally.recency = total(tally.recency_by_source.values(), kept)
    return tallies


def _tally_of(start_ms: int, kind: Kind, tallies: dict[PaneKey, Tally]) -> Tally:
    key = (kind.preset, start_ms)
    known = tallies.get(key)
    if known is None:
        known = tallies[key] = Tally()
    return known


def _see(counted: Counted, tallies: dict[PaneKey, Tally], pane_ms: int) -> None:
    panes = counted.at_ms // pane_ms * len(counted.kinds)
    groups, sizes = np.unique(panes + counted.codes, return_counts=True)
    for group, size in zip(groups.tolist(), sizes.tolist(), strict=True):
        pane, code = divmod(group, len(counted.kinds))
        kind = counted.kinds[code]
        seen = _tally_of(pane * pane_ms, kind, tallies).seen
        seen[kind.cell] = seen.get(kind.cell, 0) + size


@dataclass(frozen=True, slots=True)
class _Decided:
    """Jobs that rules may use, by pane and kind, and by when they ended within each."""

    counted: Counted
    order: Rows
    at_ms: Times


class _Group(NamedTuple):
    """Jobs of one kind that rules may use from one pane on."""

    jobs: _Decided
    first: int
    end: int
    kind: Kind
    newest_ms: int
    decided_ms: int
    """When the last of them was decided."""

    def newest(self, most: int) -> list[int]:
        """Return the times of the newest jobs, ascending."""
        newest: list[int] = self.jobs.at_ms[max(self.first, self.end - most) : self.end].tolist()
        return newest

    def evidence(self) -> Iterator[FailedJob]:
        """Yield all jobs that may be among the newest few, whichever way ties are broken."""
        counted, order, at_ms = self.jobs.counted, self.jobs.order, self.jobs.at_ms[: self.end]
        oldest = self.first + int(at_ms[self.first :].searchsorted(self.newest(SAMPLES_KEPT)[0]))
        reason, source_type = self.kind.cell.reason, self.kind.cell.source_type
        for time_ms, row in zip(at_ms[oldest:].tolist(), order[oldest : self.end].tolist(), strict=True):
            yield FailedJob(time_ms, counted.job_ids[counted.rows[row]], reason, source_type)


def _decided(counted: Counted, pane_ms: int) -> Iterator[tuple[int, _Group]]:
    """Yield groups of jobs by the start of the pane they are decided in."""
    decides = np.flatnonzero(counted.decides)
    if not len(decides):
        return
    panes, kinds = counted.decided_ms[decides] // pane_ms, len(counted.kinds)
    groups = panes * kinds + counted.codes[decides]
    by_group = _sorted(groups, counted.at_ms[decides])
    order, groups = decides[by_group], groups[by_group]
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(groups)) + 1))
    ends, at_ms = np.append(firsts[1:], len(order)), counted.at_ms[order]
    newest, latest = at_ms[ends - 1], np.maximum.reduceat(counted.decided_ms[order], firsts)
    jobs, columns = _Decided(counted, order, at_ms), (*np.divmod(groups[firsts], kinds), firsts, ends, newest, latest)
    for pane, code, first, end, *times in zip(*(column.tolist() for column in columns), strict=True):
        yield pane * pane_ms, _Group(jobs, first, end, counted.kinds[code], *times)


def _sorted(groups: Times, at_ms: Times) -> Rows:
    """Return the order by group, and by time within each."""
    near = groups - groups.min()
    # numpy sorts numbers of 16 bits by radix, and times that are nearly in order already in no time.
    narrow = near.astype(np.uint16) if near.max() < 2**16 else near
    by_time = np.argsort(at_ms, kind="stable")
    order: Rows = by_time[np.argsort(narrow[by_time], kind="stable")]
    return order


def _decide(tally: Tally, jobs: _Group, kept: int) -> None:
    cell = jobs.kind.cell
    tally.decided[cell] = tally.decided.get(cell, 0) + jobs.end - jobs.first
    tally.last_decided_ms = max(tally.last_decided_ms, jobs.decided_ms)
    recency = tally.recency_of(cell.source_type)
    if cell.reason:
        recency.fail(cell.reason, jobs.newest(kept), kept)
        tally.samples = newest((*tally.samples, *jobs.evidence()))
    else:
        recency.finish(jobs.newest_ms)
