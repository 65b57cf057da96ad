"""What the events topic knows of some jobs, and what it holds of a stretch of time.

Law: the topic is read to where it ended when reading began, record by record as a worker reads it; only the jobs asked
for are remembered.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from itertools import chain

from confluent_kafka import Consumer, KafkaException, TopicPartition

from stream.clients import librdkafka_reader
from stream.domain.causes import Causes
from stream.domain.columns import read
from stream.domain.records import Run
from stream.reader import Reader
from stream.settings import Settings

ANSWERS_WITHIN_SECONDS = 30.0

Times = dict[str, int]
"""When jobs ended, in epoch milliseconds, by their ids."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The offsets at which a partition's log begins and ends."""

    begin: int
    end: int


class LogUnreadable(Exception):
    """The topic cannot be read to its end; the message says why."""


async def extents(settings: Settings, partitions: int) -> dict[int, Extent]:
    """Return where each partition begins and ends; raises `LogUnreadable`."""
    try:
        return await asyncio.to_thread(_extents, settings, partitions)
    except KafkaException as error:
        raise LogUnreadable(str(error.args[0].str())) from None


async def extents_between(settings: Settings, partitions: int, from_ms: int, to_ms: int) -> dict[int, Extent]:
    """Return where each partition holds what came in a time range, by Kafka's timestamps; raises `LogUnreadable`."""
    try:
        return await asyncio.to_thread(_extents_between, settings, partitions, from_ms, to_ms)
    except KafkaException as error:
        raise LogUnreadable(str(error.args[0].str())) from None


def _extents(settings: Settings, partitions: int) -> dict[int, Extent]:
    with closing(Consumer(librdkafka_reader(settings))) as consumer:
        return _ends(consumer, settings, partitions)


def _ends(consumer: Consumer, settings: Settings, partitions: int) -> dict[int, Extent]:
    places = [TopicPartition(settings.events_topic, partition) for partition in range(partitions)]
    found = [consumer.get_watermark_offsets(place, timeout=ANSWERS_WITHIN_SECONDS) for place in places]
    return {partition: Extent(*ends) for partition, ends in enumerate(found)}


def _extents_between(settings: Settings, partitions: int, from_ms: int, to_ms: int) -> dict[int, Extent]:
    with closing(Consumer(librdkafka_reader(settings))) as consumer:
        whole = _ends(consumer, settings, partitions)
        begins, ends = (_offsets_at(consumer, settings, whole, at_ms) for at_ms in (from_ms, to_ms))
    return {partition: Extent(begins[partition], ends[partition]) for partition in whole}


def _offsets_at(consumer: Consumer, settings: Settings, whole: Mapping[int, Extent], at_ms: int) -> dict[int, int]:
    """Return the first offset of each partition at or after an instant, its end where there is none."""
    asked = [TopicPartition(settings.events_topic, partition, at_ms) for partition in whole]
    found = consumer.offsets_for_times(asked, timeout=ANSWERS_WITHIN_SECONDS)
    # What came since the ends were asked for is left to the next run.
    ends = {partition: extent.end for partition, extent in whole.items()}
    return {at.partition: min(at.offset, ends[at.partition]) if at.offset >= 0 else ends[at.partition] for at in found}


async def times_of(job_ids: Collection[str], settings: Settings, partitions: int) -> Times:
    """Return those of the jobs that the topic tells of, with their times; raises `LogUnreadable`."""
    causes, times = Causes(), Times()
    async with _reading(settings) as reader:
        async for _, run in _runs(reader, await extents(settings, partitions)):
            columns = read(run, causes)
            for row, job_id in enumerate(columns.job_ids):
                if job_id in job_ids:
                    times.setdefault(job_id, int(columns.at_ms[row]))
    return times


@asynccontextmanager
async def _reading(settings: Settings) -> AsyncIterator[Reader]:
    reader = Reader(settings.events_topic, librdkafka_reader(settings))
    try:
        yield reader
    finally:
        await asyncio.to_thread(reader.close)


async def read_between(settings: Settings, extents: Mapping[int, Extent]) -> AsyncGenerator[tuple[int, Run], None]:
    """Yield what the topic's partitions hold between some offsets, in runs; raises `LogUnreadable`."""
    async with _reading(settings) as reader:
        async for partition, run in _runs(reader, extents):
            if (within := run.before(extents[partition].end)).offsets:
                yield partition, within


async def _runs(reader: Reader, extents: Mapping[int, Extent]) -> AsyncIterator[tuple[int, Run]]:
    positions = {partition: extent.begin for partition, extent in extents.items()}
    reader.assign(positions)
    while any(
        at < extents[partition].end and not reader.has_read_all(partition, at) for partition, at in positions.items()
    ):
        for partition, run in await _fetch(reader):
            positions[partition] = run.offsets[-1] + 1
            yield partition, run


async def _fetch(reader: Reader) -> list[tuple[int, Run]]:
    """Return what comes next; whatever comes, the end of a partition too, comes in time."""
    loop = asyncio.get_running_loop()
    gives_up_at = loop.time() + ANSWERS_WITHIN_SECONDS
    while True:
        fetched = await reader.polling()
        try:
            brought = reader.take()
        except KafkaException as error:
            raise LogUnreadable(str(error.args[0].str())) from None
        if brought.out_of_range:
            raise LogUnreadable("it was cut, or made anew, while it was read")
        if brought.chunks or fetched.ends:
            return [(chunk.partition, chunk.run) for chunk in chain(*brought.chunks)]
        if loop.time() > gives_up_at:
            raise LogUnreadable(f"no answer within {ANSWERS_WITHIN_SECONDS:g} s")
