"""A stretch of time on the events topic, for a replay.

Law: what came from one instant up to another, by Kafka's own timestamps, is read as a worker reads it, and nothing is
committed or written.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import NamedTuple, Protocol

from schemas.times import read_time
from stream.cli.output import Tell, out_of_reach, wrong
from stream.cli.reach import administering, sizes_of_topics
from stream.daily.event_log import Extent, LogUnreadable, extents_between, read_between
from stream.domain.duration import parse_duration
from stream.domain.records import Run
from stream.settings import PREFIX, Settings

EVER_MS = 2**53

AT_ONCE = 10_000
"""Records that are handed on together, of all partitions."""

Placed = tuple[int, Run]
"""A run of records, and the partition it lies in."""


class Range(NamedTuple):
    """From when up to when, in epoch milliseconds."""

    from_ms: int
    to_ms: int


def read_range(begin: str | None, end: str | None, now_ms: int) -> Range:
    """Return the range that two options ask for; each is a duration before now, or a time."""
    from_ms = 0 if begin is None else _instant("--from", begin, now_ms)
    to_ms = EVER_MS if end is None else _instant("--to", end, now_ms)
    if from_ms >= to_ms:
        raise wrong(f"--from {begin} is not before --to {end}: swap them, or widen the range.")
    return Range(from_ms, to_ms)


def _instant(option: str, text: str, now_ms: int) -> int:
    try:
        return now_ms - parse_duration(text)
    except ValueError:
        pass
    try:
        return read_time(text)
    except ValueError:
        raise wrong(
            f"{option} {text[:40]} is neither a time nor a duration before now: write 7d, 90m, 2024-03-25 or "
            f"2024-03-25T21:33:30Z."
        ) from None


async def partitions_of(settings: Settings) -> int:
    """Return how many partitions the events topic has. Raises `KafkaError`."""
    async with administering(settings) as admin:
        sizes = await sizes_of_topics(admin)
    topic = settings.events_topic
    if topic not in sizes:
        raise wrong(f"There is no topic {topic}: set {PREFIX}EVENTS_TOPIC to the one you mean, or name a FILE.")
    return sizes[topic]


class Taker(Protocol):
    """Whoever is handed runs of records, each of one partition."""

    def warm_up(self, runs: Sequence[Placed]) -> None:
        """Take in what came before the range."""
        ...

    def take(self, runs: Sequence[Placed]) -> None:
        """Take in what came in it."""
        ...


async def read_history(settings: Settings, wanted: Range, warm_up_ms: int, taker: Taker, tell: Tell) -> None:
    """Hand on what the topic holds of a range, and first of the time before it that fills windows."""
    partitions, count = await partitions_of(settings), 0
    early, held = list[Placed](), list[Placed]()
    try:
        found = await extents_between(settings, partitions, *wanted)
        warm = await extents_between(settings, partitions, max(0, wanted.from_ms - warm_up_ms), wanted.to_ms)
        within = {partition: Extent(warm[partition].begin, extent.end) for partition, extent in found.items()}
        async with aclosing(read_between(settings, within)) as runs:
            async for partition, run in runs:
                begin = found[partition].begin
                early += [(partition, before)] if (before := run.before(begin)).offsets else []
                held += [(partition, since)] if (since := run.since(begin)).offsets else []
                count += len(run.offsets)
                if sum(len(each.offsets) for _, each in (*early, *held)) >= AT_ONCE:
                    _hand_on(early, held, taker)
                    early, held = [], []
                tell(count, f"{count:,} records")
            _hand_on(early, held, taker)
    except LogUnreadable as error:
        raise out_of_reach(f"{settings.events_topic} cannot be read ({error}): try again.") from None


def _hand_on(early: Sequence[Placed], held: Sequence[Placed], taker: Taker) -> None:
    # What is early in a partition comes before the rest of it.
    taker.warm_up(early)
    taker.take(held)
