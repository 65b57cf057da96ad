"""What is counted for one preset in one pane: a commutative monoid.

Law: `merged` is commutative and associative and the empty tally is its identity, so a log may be split over partitions,
cut into batches and folded in any order with the same result.

A tally that has been handed on is not changed any more: it may share its parts with others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stream.domain.recency import Recency, total

ALL_PRESETS = ""
"""The pseudo preset under which the whole topic is tallied: no job has it, since an empty preset reads as `unknown`."""

SAMPLES_KEPT = 3
"""Newest failed jobs kept per preset and pane, as evidence for whoever is paged."""


class Cell(NamedTuple):
    """One combination of what jobs are grouped by. An empty `reason` is a finished job. All values are closed sets."""

    source_type: str
    reason: str = ""
    stage: str = ""
    root_stage: str = ""


class FailedJob(NamedTuple):
    """A failed job, as evidence."""

    at_ms: int
    job_id: str
    reason: str
    source_type: str = ""
    """Empty where an earlier version has counted it."""


@dataclass(slots=True)
class Tally:
    """Counts and evidence of one preset in one pane.

    `seen` counts jobs by event time: it is what people query. `decided` counts each job once, at the moment rules may
    use it, which differs for late jobs only (see `counting`); the evidence belongs to the decided jobs.
    """

    seen: dict[Cell, int] = field(default_factory=dict)
    decided: dict[Cell, int] = field(default_factory=dict)
    last_decided_ms: int = -1
    recency: Recency = field(default_factory=Recency)
    recency_by_source: dict[str, Recency] = field(default_factory=dict)
    """The same for the jobs of each source type."""
    samples: tuple[FailedJob, ...] = ()

    def see(self, cell: Cell) -> None:
        """Count one job at its event time."""
        self.seen[cell] = self.seen.get(cell, 0) + 1

    def decide(self, cell: Cell, job: FailedJob, decided_ms: int, kept: int) -> None:
        """Count one job for rules; it ended at `job.at_ms` and became known at `decided_ms`."""
        self.decided[cell] = self.decided.get(cell, 0) + 1
        self.last_decided_ms = max(self.last_decided_ms, decided_ms)
        for recency in (self.recency, self.recency_of(cell.source_type)):
            if cell.reason:
                recency.fail(cell.reason, (job.at_ms,), kept)
            else:
                recency.finish(job.at_ms)
        if cell.reason:
            self.samples = newest((*self.samples, job))

    def recency_of(self, source_type: str) -> Recency:
        """Return how the jobs of a source type have ended, to take note of more."""
        known = self.recency_by_source.get(source_type)
        if known is None:
            known = self.recency_by_source[source_type] = Recency()
        return known


def newest(jobs: Iterable[FailedJob]) -> tuple[FailedJob, ...]:
    """Return the jobs that are kept as evidence, oldest first."""
    return tuple(sorted(jobs)[-SAMPLES_KEPT:])


def add_counts(into: dict[Cell, int], other: Mapping[Cell, int]) -> None:
    """Add counts cell by cell."""
    for cell, count in other.items():
        into[cell] = into.get(cell, 0) + count


def merged(tallies: Iterable[Tally], kept: int) -> Tally:
    """Return the sum of tallies; of one alone, itself. `kept` is how many failures are remembered of each reason."""
    parts = list(tallies)
    if len(parts) == 1:
        return parts[0]
    seen = total_counts(part.seen for part in parts)
    # Mostly all are decided when they are seen, and those who counted them know it.
    is_on_time = all(part.decided is part.seen for part in parts)
    by_source: dict[str, list[Recency]] = {}
    for part in parts:
        for source_type, recency in part.recency_by_source.items():
            by_source.setdefault(source_type, []).append(recency)
    return Tally(
        seen,
        seen if is_on_time else total_counts(part.decided for part in parts),
        max((part.last_decided_ms for part in parts), default=-1),
        total((part.recency for part in parts), kept),
        {source_type: total(recencies, kept) for source_type, recencies in by_source.items()},
        newest(job for part in parts for job in part.samples),
    )


def total_counts(parts: Iterable[Mapping[Cell, int]]) -> dict[Cell, int]:
    """Return the sum of counts."""
    whole: dict[Cell, int] = {}
    for part in parts:
        add_counts(whole, part)
    return whole
