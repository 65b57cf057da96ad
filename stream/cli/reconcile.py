"""`reconcile`: the events topic made whole again from what Daily knows.

Law: the topic is only ever appended to, and whatever ends a run early, another one goes on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream.cli import given
from stream.cli.at_daily import asking, ending_of
from stream.cli.output import Ended, Tell, counted, counting_up, out_of_reach, say, write_line, wrong
from stream.cli.reach import administering, describe, sizes_of_topics, talk
from stream.cli.sender import Headers, Sender, sending
from stream.daily.client import Daily
from stream.daily.event_log import LogUnreadable, Times, extents, times_of
from stream.daily.failure import DailyFailed, KeyRefused, Refused
from stream.daily.reconcile import Append, Progress, Reconciling
from stream.domain.routing import record_key
from stream.settings import Settings


def reconcile(
    newest: Annotated[int | None, typer.Option(min=1, help="Look at so many of the newest jobs only.")] = None,
    after: Annotated[
        str | None, typer.Option(metavar="JOB", help="Begin after this job of Daily's listing, to go on from there.")
    ] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="Append also jobs older than all on the topic, at its beginning."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what lacks, and append nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the summary as JSON.")] = False,
) -> None:
    """Append the jobs that ended at Daily and of which no webhook told.

    All jobs that Daily lists are held against the events topic; those that
    lack are fetched, 18 a second, and appended with the header reconciled-at.
    Daily does not tell when a job ended: its time is estimated from the jobs
    listed next to it. Jobs older than all on the topic are no lost ones, and
    are left alone. A second run appends nothing.

    For example:
      presetwatch reconcile
      presetwatch reconcile --newest 5000 --dry-run

    Settings: PRESETWATCH_DAILY_API_KEY, PRESETWATCH_KAFKA_BOOTSTRAP,
    PRESETWATCH_EVENTS_TOPIC.
    """
    settings = given.settings()
    with counting_up("reconciling", None) as tell:
        progress = talk(settings, _reconcile(settings, _Wish(newest, after, history, dry_run), tell))
    write_line(json.dumps(progress.as_dict()).encode() if as_json else _summary(progress, settings).encode())


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be done."""

    newest: int | None
    after: str | None
    history: bool
    dry_run: bool


async def _reconcile(settings: Settings, wish: _Wish, tell: Tell) -> Progress:
    async with asking(settings) as daily, _topic(settings, wish) as topic:
        await _insist_on_whole_log(settings, topic.partitions, wish)
        run = _run(daily, topic, wish, tell)
        try:
            await run.run(wish.after)
            await topic.settle()
        except asyncio.CancelledError:
            say(f"Interrupted. {topic.so_far(run.progress)}")
            raise
        except MessageSizeTooLargeError:
            too_large = f"An event is larger than {settings.events_topic} takes: raise its max.message.bytes."
            raise wrong(f"{too_large} {topic.so_far(run.progress)}") from None
        except (DailyFailed, LogUnreadable, KafkaError) as error:
            if wish.after and not run.progress.listed and _is_refused(error):
                raise wrong(f"{error} Name a job that Daily lists, or leave --after out.") from None
            raise _ending(settings, error, topic.so_far(run.progress)) from None
        return run.progress


def _run(daily: Daily, topic: "_Topic", wish: _Wish, tell: Tell) -> Reconciling:
    append: Append | None = None if wish.dry_run else topic.append
    return Reconciling(
        daily,
        topic.look,
        append,
        lambda progress: tell(progress.listed, _words(progress)),
        most=wish.newest,
        with_history=wish.history,
    )


@dataclass(slots=True)
class _Topic:
    """The events topic, of so many partitions."""

    settings: Settings
    partitions: int
    sender: Sender | None = None

    async def look(self, jobs: Collection[str]) -> Times:
        """Return those of the jobs that are on the topic, with their times; what was appended is there by then."""
        await self.settle()
        return await times_of(jobs, self.settings, self.partitions)

    async def append(self, event: bytes, headers: Headers) -> None:
        """Put an event on the topic."""
        assert self.sender is not None
        await self.sender.put(record_key(event), event, headers=headers)

    async def settle(self) -> None:
        """Wait until all that was appended is acknowledged."""
        if self.sender is not None:
            await self.sender.settle()

    def so_far(self, progress: Progress) -> str:
        """Return how far an interrupted run has come, and how to go on."""
        appended = counted(self.sender.acknowledged if self.sender else 0, "event")
        skip = f", or with --after {progress.after} to skip what has been seen to" if progress.after else ""
        return f"So far {appended} appended; the same command goes on{skip}."


@asynccontextmanager
async def _topic(settings: Settings, wish: _Wish) -> AsyncIterator[_Topic]:
    if not wish.dry_run:
        async with sending(settings) as sender:
            yield _Topic(settings, sender.partitions, sender)
        return
    async with administering(settings) as admin:
        sizes = await sizes_of_topics(admin)
    yield _Topic(settings, sizes.get(settings.events_topic, 0))


async def _insist_on_whole_log(settings: Settings, partitions: int, wish: _Wish) -> None:
    try:
        found = await extents(settings, partitions)
    except LogUnreadable as error:
        raise _ending(settings, error, "") from None
    cut = [f"partition {partition} before {extent.begin:,}" for partition, extent in found.items() if extent.begin]
    if cut and wish.newest is None:
        raise wrong(
            f"{settings.events_topic} has lost its oldest records ({', '.join(cut)}), so jobs that were counted from "
            f"them would be appended again: say with --newest how many of Daily's newest jobs it must still hold."
        )


def _is_refused(error: Exception) -> bool:
    return isinstance(error, Refused) and not isinstance(error, KeyRefused)


def _ending(settings: Settings, error: Exception, so_far: str) -> Ended:
    if isinstance(error, DailyFailed):
        return ending_of(error, so_far)
    if isinstance(error, LogUnreadable):
        return out_of_reach(f"{settings.events_topic} cannot be read ({error}): try again. {so_far}".rstrip())
    return out_of_reach(f"{describe(settings, error)} {so_far}")


def _words(progress: Progress) -> str:
    of = f" of {progress.total:,}" if progress.total is not None else ""
    return f"{progress.listed:,}{of} jobs looked at, {progress.lacking:,} lack, {progress.appended:,} appended"


def _summary(progress: Progress, settings: Settings) -> str:
    parts = {
        f"on {settings.events_topic}": progress.known,
        "appended": progress.appended,
        "lacking": progress.lacking - progress.appended - progress.gone,
        "gone from Daily": progress.gone,
        "older than the topic": progress.older,
        "not ended yet": progress.running,
        "listed without an id": progress.unreadable,
    }
    found = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count or what == "appended")
    return f"{counted(progress.listed, 'job')} at Daily: {found}"
