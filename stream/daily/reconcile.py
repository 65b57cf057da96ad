"""Bringing the events topic up to what Daily knows: jobs that have ended and of which no webhook told are appended.

Law: what is on the topic decides what lacks, so that a second run appends nothing and one that was interrupted is
simply run again. The topic is looked at after the listing; a webhook that comes later still is a copy, which counts
once. Memory is bounded by `WINDOW_JOBS`, whatever the length of topic and listing.

Daily lists the newest job first. Jobs that are older than all on the topic ended before anyone listened: they are
history and not lost, and there is nothing to tell their time by, so they are left alone unless they are asked for.
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
from stream.domain.naming import bounded_name

WINDOW_JOBS = 100_000
"""Jobs that are looked for at once. Listing as many takes a minute, in which the topic is read at 100,000 records a
second or so: neither waits long for the other. If none of as many is on the topic, those after them are not either."""

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
    """Ended, and not on the topic, which knows older ones."""
    older: int = 0
    """Ended, and listed after all that are on the topic."""
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
    with_history: bool = False
    """Whether jobs older than all on the topic are appended as well."""
    window_jobs: int = WINDOW_JOBS
    progress: Progress = field(default_factory=Progress)
    newer_ms: int | None = None
    """The time of what is listed before the next window: now, or a job's; None if that is not known."""

    async def run(self, after: str | None = None) -> None:
        """See to all jobs that are listed after one; raises `DailyFailed`, and whatever `look` and `append` raise."""
        self.progress.after = after
        self.newer_ms = _now_ms() if after is None else None
        window: list[str] = []
        carried = 0
        async for page in self._pages(after):
            window += self._take(page)
            self.tell(self.progress)
            if len(window) - carried < self.window_jobs:
                continue
            window = await self._see_to(window)
            if len(window) >= self.window_jobs:
                await self._see_to_history(window)
                if not self.with_history:
                    return
                window = []
            carried = len(window)
        await self._see_to_history(await self._see_to(window))

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

    async def _see_to(self, window: Sequence[str]) -> list[str]:
        """See to all jobs up to the oldest that is on the topic; return the others."""
        jobs = {bounded_name(job_id): job_id for job_id in window}
        known = await self.look(jobs.keys()) if jobs else {}
        oldest = max((place for place, name in enumerate(jobs) if name in known), default=-1)
        names = list(jobs)[: oldest + 1]
        times = estimate_times(names, known, self.newer_ms)
        self.progress.known += len(known)
        await self._append_all([(jobs[name], times[name]) for name in names if name not in known])
        if names:
            self.newer_ms, self.progress.after = known[names[-1]], jobs[names[-1]]
        self.tell(self.progress)
        return list(jobs.values())[oldest + 1 :]

    async def _see_to_history(self, jobs: Sequence[str]) -> None:
        """Count jobs that are older than all on the topic, and append them if that is wanted."""
        self.progress.older += len(jobs)
        if self.with_history:
            at_ms = self.newer_ms if self.progress.known else None
            await self._append_all([(job_id, at_ms) for job_id in jobs])

    async def _append_all(self, lacking: Sequence[tuple[str, int | None]]) -> None:
        self.progress.lacking += len(lacking)
        for first in range(0, len(lacking) if self.append else 0, FETCHED_AT_ONCE):
            some = lacking[first : first + FETCHED_AT_ONCE]
            jobs = await asyncio.gather(*(self.daily.job(job_id) for job_id, _ in some))
            for (job_id, at_ms), job in zip(some, jobs, strict=True):
                await self._append_one(job_id, job, at_ms)
            self.tell(self.progress)

    async def _append_one(self, job_id: str, job: JsonObject | None, at_ms: int | None) -> None:
        assert self.append is not None
        if job is None:
            self.progress.gone += 1
            return
        event = event_of(job_id, job, at_ms)
        if event is None:  # listed as ended, and told of as running: it lacks until Daily is of one mind
            return
        await self.append(event, headers_of(at_ms, _now_ms()))
        self.progress.appended += 1


def _now_ms() -> int:
    return int(time() * 1000)
