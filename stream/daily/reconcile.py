"""Bringing the events topic up to what Daily knows: jobs that have ended and of which no webhook told are appended.

Law: what is on the topic decides what lacks, so that a second run appends nothing and one that was interrupted is
simply run again. The topic is looked at after the listing; a webhook that comes later still is a copy, which counts
once. Memory is bounded by `WINDOW_JOBS`, whatever the length of topic and listing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from time import time

from stream.daily.client import Daily
from stream.daily.event_log import Times
from stream.daily.reconciled import Headers, estimate_times, event_of, headers_of
from stream.daily.wire import Page
from stream.domain.decoding import JsonObject
from stream.domain.parse import bounded_name

WINDOW_JOBS = 100_000
"""Jobs that are looked for at once, in some 30 MB. Listing as many takes a minute, in which the topic is read at
100,000 records a second or so: neither waits long for the other."""

FETCHED_AT_ONCE = 16
"""So that Daily's rate is the limit, and not how long it takes to answer."""

Look = Callable[[Collection[str]], Awaitable[Times]]
"""Returns those of the jobs that the topic tells of, with their times in epoch milliseconds."""

Append = Callable[[bytes, Headers], Awaitable[None]]
"""Puts an event with its headers on the topic."""

Tell = Callable[["Progress"], None]


@dataclass(slots=True)
class Progress:
    """How far a run is, in jobs."""

    total: int | None = None
    """How many Daily lists."""
    listed: int = 0
    known: int = 0
    """Ended, and on the topic."""
    lacking: int = 0
    """Ended, and not on the topic."""
    running: int = 0
    """Not ended yet."""
    unreadable: int = 0
    """Listed without an id."""
    gone: int = 0
    """Lacking, and deleted by the time they were fetched."""
    appended: int = 0
    after: str | None = None
    """All jobs up to this one in the listing have been seen to."""

    def as_dict(self) -> dict[str, int | str | None]:
        """Return the figures for a program."""
        return asdict(self)


@dataclass(slots=True)
class Reconciling:
    """One run."""

    daily: Daily
    look: Look
    append: Append | None
    """None to find out what lacks and leave it at that."""
    tell: Tell
    most: int | None = None
    """How many jobs of the listing are looked at, from where it begins; None for all."""
    window_jobs: int = WINDOW_JOBS
    progress: Progress = field(default_factory=Progress)
    newest_ms: int | None = None
    """When the listing began, if the next window begins with the newest job."""

    async def run(self, after: str | None = None) -> None:
        """See to all jobs that are listed after one; raises `DailyFailed`, and whatever `look` and `append` raise."""
        self.progress.after = after
        self.newest_ms = _now_ms() if after is None else None
        window: list[str] = []
        last = after
        async for page in self._pages(after):
            window += self._take(page)
            last = page.last_id or last
            self.tell(self.progress)
            if len(window) >= self.window_jobs:
                await self._see_to(window, last)
                window = []
        await self._see_to(window, last)

    async def _pages(self, after: str | None) -> AsyncIterator[Page]:
        async for page in self.daily.pages(after):
            self.progress.total = page.total_count
            if self.most is None:
                yield page
                continue
            yield page.model_copy(update={"jobs": page.jobs[: self.most - self.progress.listed]})
            if self.progress.listed >= self.most:
                return

    def _take(self, page: Page) -> list[str]:
        """Count a page's jobs, and return those that have ended."""
        named = [job for job in page.jobs if job.id is not None]
        ended = [job.id for job in named if job.id is not None and job.has_ended]
        self.progress.listed += len(page.jobs)
        self.progress.unreadable += len(page.jobs) - len(named)
        self.progress.running += len(named) - len(ended)
        return ended

    async def _see_to(self, window: Sequence[str], last: str | None) -> None:
        jobs = {bounded_name(job_id): job_id for job_id in window}
        known = await self.look(jobs.keys()) if jobs else {}
        lacking = {name: job_id for name, job_id in jobs.items() if name not in known}
        self.progress.known += len(jobs) - len(lacking)
        self.progress.lacking += len(lacking)
        if lacking and self.append is not None:
            times = estimate_times(list(jobs), known, self.newest_ms)
            await self._append_all([(job_id, times.get(name)) for name, job_id in lacking.items()])
        self.newest_ms, self.progress.after = None, last
        self.tell(self.progress)

    async def _append_all(self, lacking: Sequence[tuple[str, int | None]]) -> None:
        for first in range(0, len(lacking), FETCHED_AT_ONCE):
            some = lacking[first : first + FETCHED_AT_ONCE]
            jobs = await asyncio.gather(*(self.daily.job(job_id) for job_id, _ in some))
            for (job_id, at_ms), job in zip(some, jobs, strict=True):
                await self._append(job_id, job, at_ms)
            self.tell(self.progress)

    async def _append(self, job_id: str, job: JsonObject | None, at_ms: int | None) -> None:
        assert self.append is not None
        event = None if job is None else event_of(job_id, job, at_ms)
        if event is None:
            self.progress.gone += 1
            return
        await self.append(event, headers_of(at_ms, _now_ms()))
        self.progress.appended += 1


def _now_ms() -> int:
    return int(time() * 1000)
