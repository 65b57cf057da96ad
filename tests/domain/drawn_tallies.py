"""Tallies as hypothesis draws them: always from jobs, so that no tally is drawn that counting could not have made.

Times are few and close, so that jobs end at the same moment, before one another and late.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hypothesis import strategies as st

from stream.domain.tally import Cell, FailedJob, Tally

KEPT = 3
"""Failures remembered of each reason: fewer than are often drawn."""

CELLS = (
    Cell("uri"),
    Cell("recordingId"),
    Cell("uri", "timeout", "summary", "summary"),
    Cell("uri", "timeout", "summary", "transcript"),
    Cell("", "other"),
)


class Job(NamedTuple):
    """A job as counting sees it; without `decided_ms` it came too late for rules."""

    cell: Cell
    at_ms: int
    job_id: str
    decided_ms: int | None


JOB = st.builds(
    Job,
    st.sampled_from(CELLS),
    st.integers(0, 30),
    st.text("ab é😀", min_size=1, max_size=2),
    st.none() | st.integers(0, 40),
)
JOBS = st.lists(JOB, max_size=12)


def tally_of(jobs: Iterable[Job], kept: int = KEPT) -> Tally:
    """Return the tally of jobs that were counted one by one."""
    tally = Tally()
    for job in jobs:
        tally.see(job.cell)
        if job.decided_ms is not None:
            tally.decide(
                job.cell, FailedJob(job.at_ms, job.job_id, job.cell.reason, job.cell.source_type), job.decided_ms, kept
            )
    return tally


TALLIES = JOBS.map(tally_of)
