"""Reads one topic's partitions from given offsets, in chunks, through librdkafka.

Law: a `Chunk` holds all that the log has of one partition from one offset up to another, in order. Chunks may be
dropped by whoever takes them, but what a chunk says of itself is true, so a hole is always seen.

librdkafka delivers 2.4 times as many records a CPU-second as aiokafka, and it needs no group to read in.
"""

import asyncio
from array import array
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from math import inf
from operator import itemgetter
from threading import Event
from time import monotonic, sleep
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stream.domain.records import Run, joined

FETCH_RECORDS = 80_000
"""At most this many records are taken at once. With four partitions there are 20,000 of each: a chunk costs some
milliseconds whatever it holds, so a worker that catches up does a third more a second than with 2,500 of each."""

STEP_RECORDS = 5_000
"""So many of them are turned into columns at a time. Meanwhile librdkafka brings more, so that more comes together: a
worker that catches up does a fifth to a third more a CPU-second than if all that is there at once is all there is."""

FETCH_BYTES = 64_000_000
"""And about so many bytes, however large the records are."""

CHUNK_RECORDS = 24_000
"""At most so many records make a chunk, or chunks that are worked on together: some 80 ms of work during which nothing
else is answered. A fifth more than a partition's share of what is taken at once, as few of them have just that."""

CHUNKS_AHEAD = 4
"""`Chunks` that may wait to be worked on: enough to stay busy, few enough to stay small."""

FEW_RECORDS = 5_000
"""Fewer than so many are little, some 20 ms of work: a chunk costs a millisecond or two however small it is, most of it
but once if others come with it."""

FEW_BYTES = 1_000_000
"""The broker answers at once when it has so much, and otherwise waits for more: were each record sent as it comes, a
thousand a second would take a twentieth of a core to receive."""

SAME_ANSWER_SECONDS = 0.003
"""What a broker answers reaches us partition by partition: so long the rest of it is waited for."""

HURRY_SECONDS = 10.0
"""Whoever has asked what was counted is likely to ask again for so long."""

POLL_SECONDS = 0.1

READING = {
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    # The default of a second leaves a fast reader idle whenever its queue has been full.
    "fetch.queue.backoff.ms": 10,
    # Of each partition; more would only grow cold in memory.
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 32_768,
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Every record that a partition's log holds from the offset `start` up to the last of them."""

    topic: str
    partition: int
    start: int
    run: Run


Chunks = tuple[Chunk, ...]
"""Chunks of one topic, each of another partition, that are to be worked on together."""


class Brought(NamedTuple):
    """What was fetched."""

    chunks: list[Chunks]
    out_of_range: set[int]
    """Partitions whose log does not hold the offset to read next: it was cut, or made anew."""


class Reader:
    """Reads the partitions of one topic that it has been assigned.

    Records are fetched in a thread of their own, which alone moves the partitions it reads: were they moved while it
    fetches, what it brings could be from before or from after.
    """

    def __init__(self, topic: str, connection: Mapping[str, Any], gather_ms: int = 0, answers: int = 1) -> None:
        """Read a topic; where there is little, the broker is to wait for more, for so many milliseconds.

        So many of its answers are worked on at once, unless somebody looks or a tick is due: a pass over a few records
        costs much the same as one over some more.
        """
        self.topic = topic
        self._config = {**connection, **READING, **(_gathering(gather_ms) if gather_ms else {})}
        self._gather_seconds = gather_ms / 1000
        self._more_seconds = (answers - 1) * self._gather_seconds
        self._due_at = inf
        self._asked_at = -HURRY_SECONDS
        self._hurries = Event()
        self._connected: Consumer | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"read-{topic}")
        self._orders: deque[_Order] = deque()
        self._newest_order = 0
        self._ordered: dict[int, int] = {}
        """By partition, the order that is in force: what was fetched under an older one is dropped."""
        self._places: dict[int, _Place] = {}
        """Where the thread is; nobody else looks."""
        self._ends: dict[int, int] = {}
        """Where the log of a partition was seen to end, unless records have come since."""
        self._poll: asyncio.Future[_Fetched] | None = None
        self.waiting = 0
        """How many `Chunks` have been handed on and not worked on yet."""
        self.finished = 0

    @property
    def _consumer(self) -> Consumer:
        if self._connected is None:
            self._connected = Consumer(self._config)
        return self._connected

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions, and no others, from these offsets."""
        self._ordered.clear()
        self._order(positions, replaces_all=True)
        self._ends.clear()
        self.waiting = 0

    def seek(self, partition: int, offset: int) -> None:
        """Read a partition that is assigned again from an offset."""
        if partition in self._ordered:
            self._order({partition: offset}, replaces_all=False)
            self._ends.pop(partition, None)

    def _order(self, positions: Mapping[int, int], *, replaces_all: bool) -> None:
        self._newest_order += 1
        self._ordered.update(dict.fromkeys(positions, self._newest_order))
        self._orders.append(_Order(self._newest_order, positions, replaces_all))

    def polling(self) -> "asyncio.Future[_Fetched]":
        """Return what is being waited for; when it is done, `take` has it."""
        if self._poll is None:
            self._poll = asyncio.get_running_loop().run_in_executor(self._executor, self._fetch)
        return self._poll

    def _fetch(self) -> "_Fetched":
        while self._orders:
            self._obey(self._orders.popleft())
        haul = _Haul()
        first = self._consumer.poll(POLL_SECONDS)
        if first is not None:
            haul.add([first])
            self._fill(haul)
            if haul.records < FEW_RECORDS:
                self._wait_for_more()
                sleep(SAME_ANSWER_SECONDS)
                self._fill(haul)
        return self._fetched(haul)

    def _fill(self, haul: "_Haul") -> None:
        while haul.bytes < FETCH_BYTES and (room := min(STEP_RECORDS, FETCH_RECORDS - haul.records)):
            if not (messages := self._consumer.consume(room, 0)):
                break
            haul.add(messages)

    def hurry(self) -> None:
        """Wait for nothing more than the broker does, for a while: somebody looks at what has been counted."""
        self._asked_at = monotonic()
        self._hurries.set()

    def expect(self, seconds: float) -> None:
        """Wait for nothing more than the broker does from then on: so soon what comes is expected to be waited for."""
        self._due_at = monotonic() + seconds - self._gather_seconds

    def _wait_for_more(self) -> None:
        self._hurries.clear()
        now = monotonic()
        if now - self._asked_at > HURRY_SECONDS:
            self._hurries.wait(min(self._more_seconds, max(0.0, self._due_at - now)))

    def _obey(self, order: "_Order") -> None:
        at = [TopicPartition(self.topic, *where) for where in order.positions.items()]
        if order.replaces_all:
            self._places.clear()
            self._consumer.assign(at)
        else:
            self._consumer.incremental_unassign([TopicPartition(self.topic, each) for each in order.positions])
            self._consumer.incremental_assign(at)
        self._places |= {partition: _Place(order.number, offset) for partition, offset in order.positions.items()}

    def _fetched(self, haul: "_Haul") -> "_Fetched":
        fetched = _Fetched()
        for partition, runs in haul.runs.items():
            if (place := self._places.get(partition)) is not None:
                for run in joined(runs, CHUNK_RECORDS):
                    fetched.chunks.append((place.order, Chunk(self.topic, partition, place.offset, run)))
                    place.offset = run.offsets[-1] + 1
        for partition, error in haul.errors:
            fetched.errors.append((self._places[partition].order if partition in self._places else 0, partition, error))
        for partition in haul.ended & self._places.keys():
            place = self._places[partition]
            fetched.ends.append((place.order, partition, place.offset))
        return fetched

    def take(self) -> Brought:
        """Return what has been fetched; raises `KafkaException` when reading has failed."""
        assert self._poll is not None
        fetched, self._poll = self._poll.result(), None
        found = [chunk for order, chunk in fetched.chunks if self._is_in_force(order, chunk.partition)]
        for chunk in found:
            self._ends.pop(chunk.partition, None)
        self._ends |= {each: end for order, each, end in fetched.ends if self._is_in_force(order, each)}
        cut = {partition for order, partition, error in fetched.errors if self._is_cut(order, partition, error)}
        groups = together(found)
        self.waiting += len(groups)
        return Brought(groups, cut)

    def _is_in_force(self, order: int, partition: int) -> bool:
        return self._ordered.get(partition) == order

    def _is_cut(self, order: int, partition: int, error: KafkaError) -> bool:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            return self._is_in_force(order, partition)
        if not is_passing(error):
            raise KafkaException(error)
        return False

    def done(self) -> None:
        """Take note that `Chunks` have been worked on, or dropped."""
        self.waiting -= self.waiting > 0
        self.finished += 1

    def has_room(self) -> bool:
        """Tell whether more may be read without letting chunks pile up."""
        return self.waiting < CHUNKS_AHEAD

    def has_read_all(self, partition: int, position: int) -> bool:
        """Tell whether a partition's log ends at a position."""
        return self._ends.get(partition) == position

    def close(self) -> None:
        """Stop reading."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        if self._connected is not None:
            self._connected.close()


def together(chunks: Iterable[Chunk]) -> list[Chunks]:
    """Put chunks together, in order, as long as they are of different partitions and little in all."""
    groups: list[dict[int, Chunk]] = []
    room = 0
    for chunk in chunks:
        room -= len(chunk.run.offsets)
        if not groups or room < 0 or chunk.partition in groups[-1]:
            groups.append({})
            room = CHUNK_RECORDS - len(chunk.run.offsets)
        groups[-1][chunk.partition] = chunk
    return [tuple(group.values()) for group in groups]


def _gathering(milliseconds: int) -> dict[str, int]:
    return {"fetch.min.bytes": FEW_BYTES, "fetch.wait.max.ms": milliseconds}


@dataclass(slots=True)
class _Haul:
    """What one look at the broker brings, turned into columns step by step."""

    records: int = 0
    bytes: int = 0
    """Of the records' values."""
    runs: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))
    ended: set[int] = field(default_factory=set)
    """Partitions of which nothing has come after their end."""
    errors: list[tuple[int, KafkaError]] = field(default_factory=list)

    def add(self, messages: list[Message]) -> None:
        """Take in what has come."""
        self.records += len(messages)
        self.bytes += sum(map(len, messages))
        # Grouped and asked all at once, since every record there is passes here.
        for partition, batch in groupby(messages, Message.partition):
            held = list(batch)
            self.ended.discard(partition)
            if any(map(Message.error, held)):
                held = self._without_errors(partition, held)
            if held:
                self.runs[partition].append(_run(held))

    def _without_errors(self, partition: int, messages: list[Message]) -> list[Message]:
        """Return the records among what came of a partition; take note of errors, and of the end if it came last."""
        records = []
        for message in messages:
            self.ended.discard(partition)
            if (error := message.error()) is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                self.ended.add(partition)
            else:
                self.errors.append((partition, error))
        return records


class _Order(NamedTuple):
    """Where to read from."""

    number: int
    positions: Mapping[int, int]
    replaces_all: bool
    """Whether no other partition is to be read."""


@dataclass(slots=True)
class _Place:
    """Where a partition is read, by which order."""

    order: int
    offset: int
    """Of the next record."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What one look at the broker brought, and under which orders."""

    chunks: list[tuple[int, Chunk]] = field(default_factory=list)
    ends: list[tuple[int, int, int]] = field(default_factory=list)
    """Partitions that are read to their end, and where that is."""
    errors: list[tuple[int, int, KafkaError]] = field(default_factory=list)


_PASSING = frozenset(
    (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT)  # noqa: SLF001
)


def is_passing(error: KafkaError) -> bool:
    """Tell whether librdkafka only tells of an error, and goes on trying."""
    return error.retriable() or error.code() in _PASSING


def _run(messages: list[Message]) -> Run:
    first: Any = messages[0].offset()
    last: Any = messages[-1].offset()
    # Offsets of one partition ascend, so as many as there is room for are all there are.
    is_whole = last - first == len(messages) - 1
    offsets: Any = range(first, last + 1) if is_whole else [message.offset() for message in messages]
    times = array("q", map(itemgetter(1), map(Message.timestamp, messages)))
    values: list[Any] = list(map(Message.value, messages))
    keys: list[Any] = list(map(Message.key, messages))
    return Run(offsets, times, values, keys)
