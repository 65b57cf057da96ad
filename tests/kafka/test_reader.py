"""What a reader says of its chunks is true, whenever it is told to read elsewhere."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import chain
from time import monotonic

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stream.domain.records import Run
from stream.reader import CHUNK_RECORDS, FEW_BYTES, Chunk, Reader, together
from tests.kafka.harness import PATIENCE_SECONDS

RECORDS = 50
MOVES = 5
"""Tries: whether records come while a reader is still waiting for others is up to the broker."""

GATHER_MS = 50_000
"""Longer than a test would wait, were it waited for."""


@pytest.fixture
def topic(bootstrap: str, unique: str) -> str:
    """A topic of two partitions that hold `RECORDS` records each."""
    name = f"reader-{unique}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for answer in admin.create_topics([NewTopic(name, 2, 1)]).values():
        answer.result(timeout=PATIENCE_SECONDS)
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(RECORDS):
        for partition in (0, 1):
            producer.produce(name, b"%d" % number, partition=partition)
    assert producer.flush(PATIENCE_SECONDS) == 0
    return name


@contextmanager
def reading(bootstrap: str, topic: str, gather_ms: int = 0) -> Iterator[Reader]:
    connection = {"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False}
    reader = Reader(topic, connection, gather_ms, answers=2)
    try:
        yield reader
    finally:
        reader.close()


async def chunks(reader: Reader) -> AsyncIterator[Chunk]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await reader.polling()
            for group in reader.take().chunks:
                for chunk in group:
                    yield chunk
                reader.done()


async def read(reader: Reader, partition: int, position: int, end: int = RECORDS) -> None:
    """Read a partition to its end; nothing may be missing or come out of place."""
    async for chunk in chunks(reader):
        if chunk.partition == partition:
            assert (chunk.start, chunk.run.offsets[0]) == (position, position)
            assert list(chunk.run.values) == [b"%d" % number for number in range(position, chunk.run.offsets[-1] + 1)]
            position = chunk.run.offsets[-1] + 1
        if position == end:
            return


async def at_end(reader: Reader, partition: int, end: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not reader.has_read_all(partition, end):
            await reader.polling()
            reader.take()


def append(bootstrap: str, topic: str, number: int) -> None:
    """Append a record, which also ends a broker's waiting for records to come."""
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, b"%d" % number, partition=0)
    assert producer.flush(PATIENCE_SECONDS) == 0


async def test_an_assignment_while_a_reader_waits_loses_nothing(bootstrap: str, topic: str) -> None:
    with reading(bootstrap, topic) as reader:
        for move in range(MOVES):
            reader.assign({0: RECORDS + move})
            await at_end(reader, 0, RECORDS + move)
            reader.polling()
            reader.assign({0: move})
            append(bootstrap, topic, RECORDS + move)
            await read(reader, 0, move, RECORDS + move + 1)


async def test_a_seek_while_a_reader_waits_loses_nothing(bootstrap: str, topic: str) -> None:
    with reading(bootstrap, topic) as reader:
        reader.assign({0: RECORDS, 1: RECORDS})
        for move in range(MOVES):
            await at_end(reader, 0, RECORDS + move)
            reader.polling()
            reader.seek(0, move)
            append(bootstrap, topic, RECORDS + move)
            await read(reader, 0, move, RECORDS + move + 1)


async def test_what_was_fetched_before_a_move_is_dropped(bootstrap: str, topic: str) -> None:
    with reading(bootstrap, topic) as reader:
        reader.assign({0: 0})
        first = await anext(chunks(reader))
        assert first.start == 0
        reader.seek(0, 10)
        await reader.polling()
        reader.seek(0, 20)
        assert reader.take().chunks == []
        await read(reader, 0, 20)


async def test_a_partition_is_read_to_its_end_only_once_all_of_it_was_handed_on(bootstrap: str, topic: str) -> None:
    with reading(bootstrap, topic) as reader:
        reader.assign({0: 0})
        await read(reader, 0, 0)
        await at_end(reader, 0, RECORDS)
        assert not reader.has_read_all(0, RECORDS - 1)
        reader.seek(0, 0)
        assert not reader.has_read_all(0, RECORDS)


async def test_what_lies_outside_the_log_is_said_and_other_partitions_are_still_read(
    bootstrap: str, topic: str
) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for answer in admin.delete_records([TopicPartition(topic, 0, 10)]).values():
        answer.result(timeout=PATIENCE_SECONDS)
    with reading(bootstrap, topic) as reader:
        reader.assign({0: 5, 1: 0})
        cut: set[int] = set()
        offsets: list[int] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (cut and len(offsets) == RECORDS):
                await reader.polling()
                brought = reader.take()
                cut |= brought.out_of_range
                offsets += [offset for chunk in chain(*brought.chunks) for offset in chunk.run.offsets]
        assert (cut, offsets) == ({0}, list(range(RECORDS)))


@pytest.fixture
def answered_at_once(bootstrap: str, topic: str) -> str:
    """The topic, with more in partition 1 than a broker waits for."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for _ in range(RECORDS):
        producer.produce(topic, b"x" * (2 * FEW_BYTES // RECORDS), partition=1)
    assert producer.flush(PATIENCE_SECONDS) == 0
    return topic


async def test_more_is_waited_for_unless_somebody_looks(bootstrap: str, answered_at_once: str) -> None:
    with reading(bootstrap, answered_at_once, gather_ms=GATHER_MS) as reader:
        reader.assign({1: RECORDS})
        first = asyncio.ensure_future(anext(chunks(reader)))
        await asyncio.wait([first], timeout=1)
        assert not first.done()
        reader.hurry()
        since = monotonic()
        await first
        assert monotonic() - since < GATHER_MS / 1000


async def test_more_is_not_waited_for_when_a_tick_is_due(bootstrap: str, answered_at_once: str) -> None:
    with reading(bootstrap, answered_at_once, gather_ms=GATHER_MS) as reader:
        reader.assign({1: RECORDS})
        reader.expect(GATHER_MS / 1000)
        since = monotonic()
        await anext(chunks(reader))
        assert monotonic() - since < GATHER_MS / 1000


def test_chunks_are_put_together_in_order_each_of_another_partition_and_few_in_all() -> None:
    sizes = [(0, 1), (1, 1), (0, 1), (2, CHUNK_RECORDS - 1), (1, 1), (3, CHUNK_RECORDS), (0, 1)]
    chunks = [Chunk("events", partition, number, _run(size)) for number, (partition, size) in enumerate(sizes)]
    groups = together(chunks)
    assert list(chain(*groups)) == chunks
    assert [[chunk.partition for chunk in group] for group in groups] == [[0, 1], [0, 2], [1], [3], [0]]
    assert together([]) == []


def _run(size: int) -> Run:
    return Run(range(size), array("q", [0]) * size, [b""] * size, [b""] * size)
