"""Reads one topic's partitions from given offsets, in chunks, through librdkafka.

Law: a `Chunk` holds all that the log has of one partition from one offset up to another, in order. Chunks may be
dropped by whoever takes them, but what a chunk says of itself is true, so a hole is always seen.

librdkafka delivers 2.4 times as many records a CPU-second as aiokafka, and it needs no group to read in.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stream.domain.records import Run

CHUNK_RECORDS = 10_000
"""At most this many records are taken at once, some 50 ms of work."""

CHUNKS_AHEAD = 4
"""Chunks that may wait to be worked on: enough to stay busy, few enough to stay small."""

POLL_SECONDS = 0.1

READING = {
    "group.id": "unused",  # librdkafka insists on one; nothing is joined or committed
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    # The default of a second leaves a fast reader idle whenever its queue has been full.
    "fetch.queue.backoff.ms": 10,
    # Twice what is taken at once: more would only grow cold in memory.
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


class OutOfRange(Exception):
    """A partition's log does not hold the offset to read next: it was cut, or made anew."""

    def __init__(self, partition: int) -> None:
        super().__init__(f"partition {partition} does not hold the offset that was to be read next")
        self.partition = partition


class _Keys(Sequence[bytes | None]):
    """Keys are wanted of few records, and asking each for its own costs a call."""

    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, at: Any) -> Any:
        return _Keys(self._messages[at]) if isinstance(at, slice) else self._messages[at].key()


class Reader:
    """Reads the partitions of one topic that it has been assigned."""

    def __init__(self, topic: str, connection: Mapping[str, Any]) -> None:
        self.topic = topic
        self._config = {**connection, **READING}
        self._connected: Consumer | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"read-{topic}")
        self._next: dict[int, int] = {}
        self._assigned: dict[int, int] = defaultdict(int)
        """How often each partition has been assigned an offset: what was fetched before must not pass for later."""
        self._at_end: set[int] = set()
        self._poll: asyncio.Future[Fetched] | None = None
        self.waiting = 0
        """Chunks that have been handed on and not worked on yet."""
        self.finished = 0

    @property
    def _consumer(self) -> Consumer:
        if self._connected is None:
            self._connected = Consumer(self._config)
        return self._connected

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions, and no others, from these offsets."""
        for partition in self._next.keys() | positions.keys():
            self._assigned[partition] += 1
        self._next = dict(positions)
        self._at_end.clear()
        self.waiting = 0
        self._consumer.assign([TopicPartition(self.topic, *where) for where in positions.items()])

    def seek(self, partition: int, offset: int) -> None:
        """Read a partition that is assigned again from an offset."""
        if partition in self._next:
            self._assigned[partition] += 1
            self._next[partition] = offset
            self._at_end.discard(partition)
            self._consumer.incremental_unassign([TopicPartition(self.topic, partition)])
            self._consumer.incremental_assign([TopicPartition(self.topic, partition, offset)])

    def polling(self) -> "asyncio.Future[Fetched]":
        """Return what is being waited for; hand it to `chunks` when it is done."""
        if self._poll is None:
            loop = asyncio.get_running_loop()
            self._poll = loop.run_in_executor(self._executor, self._fetch, dict(self._assigned))
        return self._poll

    def _fetch(self, assigned: Mapping[int, int]) -> "Fetched":
        first = self._consumer.poll(POLL_SECONDS)
        if first is None:
            return Fetched(assigned, {}, [])
        messages = [first, *self._consumer.consume(CHUNK_RECORDS - 1, 0)]
        by_partition: dict[Any, list[Message]] = defaultdict(list)
        notices = []
        for message in messages:
            if (error := message.error()) is None:
                by_partition[message.partition()].append(message)
            else:
                notices.append((message.partition(), error))
        return Fetched(assigned, {partition: _run(held) for partition, held in by_partition.items()}, notices)

    def chunks(self) -> list[Chunk]:
        """Return what has been fetched; raises `OutOfRange`, and `KafkaException` when reading has failed."""
        assert self._poll is not None
        fetched, self._poll = self._poll.result(), None
        found = []
        for partition, run in fetched.runs.items():
            if self._is_current(fetched, partition):
                found.append(Chunk(self.topic, partition, self._next[partition], run))
                self._next[partition] = run.offsets[-1] + 1
                self._at_end.discard(partition)
        self.waiting += len(found)
        for notice in fetched.notices:
            self._note(fetched, *notice)
        return found

    def _is_current(self, fetched: "Fetched", partition: int | None) -> bool:
        return partition in self._next and fetched.assigned.get(partition) == self._assigned[partition]

    def _note(self, fetched: "Fetched", partition: int | None, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            if partition is not None and self._is_current(fetched, partition):
                self._at_end.add(partition)
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            if partition is not None and self._is_current(fetched, partition):
                raise OutOfRange(partition)
        elif not error.retriable() and error.code() not in _PASSING:
            raise KafkaException(error)

    def done(self) -> None:
        """Take note that a chunk has been worked on, or dropped."""
        self.waiting -= self.waiting > 0
        self.finished += 1

    def has_room(self) -> bool:
        """Tell whether more may be read without letting chunks pile up."""
        return self.waiting < CHUNKS_AHEAD

    def has_read_all(self, partition: int, position: int) -> bool:
        """Tell whether a partition's log ends at a position."""
        return partition in self._at_end and self._next.get(partition) == position

    def close(self) -> None:
        """Stop reading."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        if self._connected is not None:
            self._connected.close()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one look at the broker brought, and under which assignment."""

    assigned: Mapping[int, int]
    runs: Mapping[int, Run]
    notices: Sequence[tuple[int | None, KafkaError]]


# librdkafka tells of these and goes on trying.
_PASSING = frozenset(
    (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT)  # noqa: SLF001
)


def _run(messages: list[Message]) -> Run:
    offsets: list[Any] = [message.offset() for message in messages]
    return Run(
        offsets,
        [message.timestamp()[1] for message in messages],
        [message.value() for message in messages],
        _Keys(messages),
    )
