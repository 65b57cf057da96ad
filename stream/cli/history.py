"""A stretch of time on the events topic, for a replay.

Law: what came from one instant up to another, by Kafka's own timestamps, is read as a worker reads it, and nothing is
committed or written.
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from schemas.times import read_time
from stream.cli.output import Tell, out_of_reach, wrong
from stream.cli.reach import administering, sizes_of_topics
from stream.daily.event_log import LogUnreadable, extents_between, read_between
from stream.domain.duration import parse_duration
from stream.domain.records import Run
from stream.settings import PREFIX, Settings

EVER_MS = 2**53

AT_ONCE = 10_000
"""Records that are handed on together, of all partitions."""


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


Take = Callable[[Sequence[tuple[int, Run]]], None]


async def read_history(settings: Settings, wanted: Range, take: Take, tell: Tell) -> None:
    """Hand on what the topic holds of a range, in runs of one partition each, some at once."""
    partitions, count = await partitions_of(settings), 0
    held: list[tuple[int, Run]] = []
    try:
        found = await extents_between(settings, partitions, *wanted)
        async with aclosing(read_between(settings, found)) as runs:
            async for partition, run in runs:
                held.append((partition, run))
                count += len(run.offsets)
                if sum(len(each.offsets) for _, each in held) >= AT_ONCE:
                    take(held)
                    held = []
                tell(count, f"{count:,} records")
            take(held)
    except LogUnreadable as error:
        raise out_of_reach(f"{settings.events_topic} cannot be read ({error}): try again.") from None
