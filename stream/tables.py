"""The tables behind the agents' state: who may write their changelogs, and what comes back on recovery.

Law: a partition's rows are those that its owner of the time wrote. Whoever takes a partition over writes a claim into
its changelog first, and of what follows a claim in the log only rows of the claimant count. So a worker that was
thought dead and wakes up, with work in flight or without, cannot change what was stored after it was replaced. It needs
no transactions, and neither clocks nor the group to be right.

Faust knows the tables, so that their partitions go to the worker that owns the topics', and every worker knows where.
It does not recover them: rows are read here, in log order and up to the reader's own claim.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import faust
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from faust.tables.recovery import Recovery
from faust.types import TP, AppT

from stream.outbox import Out
from stream.reader import is_passing
from stream.topics import TABLES, changelog_of

CLAIM_PREFIX = b"claim:"
WRITER = "writer"
"""The header that names a row's writer by its claim."""

BATCH_RECORDS = 10_000
PATIENCE_SECONDS = 30.0


class RecoveryStalled(Exception):
    """A changelog could not be read to the end: the broker does not answer."""


def new_claim() -> bytes:
    """Return the name of a claim that nobody else makes."""
    return token_hex(8).encode()


@dataclass(frozen=True, slots=True)
class Pen:
    """The right to write one partition's rows, under one claim."""

    app_id: str
    partition: int
    claim: bytes

    def claims(self) -> list[Out]:
        """Return the claims to make, one for each table in their order."""
        return [self.row(table, CLAIM_PREFIX + self.claim, self.claim) for table in TABLES]

    def row(self, table: str, key: bytes, value: bytes | None) -> Out:
        """Return a row to write; without a value it deletes the key's row."""
        return Out(changelog_of(self.app_id, table), key, value, self.partition, [(WRITER, self.claim)])


@dataclass(slots=True)
class Recovered:
    """What a changelog partition holds."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    """In the order in which they were last written."""
    spoiled: set[bytes] = field(default_factory=set)
    """Keys that somebody wrote to who had no right to: their rows may be compacted away in favour of that."""
    claims: dict[bytes, bytes] = field(default_factory=dict)
    """The claims in the log, by key."""
    claimant: bytes | None = None

    def take(self, key: bytes, value: bytes | None, writer: bytes | None) -> None:
        """Take in the next record of the log."""
        if key.startswith(CLAIM_PREFIX):
            self._take_claim(key, value)
        elif self.claimant is not None and writer != self.claimant:
            self.spoiled.add(key)
        else:
            self.rows.pop(key, None)
            if value is not None:
                self.rows[key] = value

    def _take_claim(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.claims.pop(key, None)
        else:
            self.claims[key] = self.claimant = value

    def leftovers(self, own: bytes) -> list[bytes]:
        """Return the keys of claims that are superseded."""
        return [key for key, claim in self.claims.items() if claim != own]


Ends = Mapping[tuple[str, int], int]
"""Offsets by table and partition."""


def recover(connection: Mapping[str, Any], app_id: str, ends: Ends) -> "Held":
    """Read changelog partitions up to the offsets of one's own claims; blocks. Raises `RecoveryStalled`."""
    held = {tp: Recovered() for tp in ends}
    consumer = Consumer(dict(connection))
    topics = {changelog_of(app_id, table): table for table in TABLES}
    left = {(changelog_of(app_id, table), partition): end for (table, partition), end in ends.items()}
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in left])
        while left:
            for message in _some(consumer, left):
                where = message.topic() or "", message.partition() or 0
                if where in left:
                    held[topics[where[0]], where[1]].take(*_read(message))
                    if (message.offset() or 0) >= left[where]:
                        del left[where]
    finally:
        consumer.close()
    return held


Held = dict[tuple[str, int], Recovered]
"""What was recovered, by table and partition."""


def _some(consumer: Consumer, left: Iterable[tuple[str, int]]) -> list[Message]:
    messages = consumer.consume(1, PATIENCE_SECONDS) + consumer.consume(BATCH_RECORDS, 0)
    if not messages:
        raise RecoveryStalled(f"nothing came from {sorted(left)} for {PATIENCE_SECONDS:g} s; the broker may be down")
    for message in messages:
        error = message.error()
        if error is not None and not is_passing(error):
            raise KafkaException(error)
    return [message for message in messages if message.error() is None]


def _read(message: Message) -> tuple[bytes, bytes | None, bytes | None]:
    headers: Any = message.headers() or ()
    return message.key() or b"", message.value(), dict(headers).get(WRITER)


class NoRecovery(Recovery):
    """Faust's recovery with nothing to recover: it still seeks and resumes the streams after a rebalance."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Begin a recovery of no table."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        self.active_tps.clear()
        self.standby_tps.clear()
        self.active_highwaters.clear()


def declare_tables(app: AppT, partitions: int) -> None:
    """Declare every table with the app."""
    for name in TABLES:
        app.tables.add(faust.Table(app, name=name, partitions=partitions, key_type=bytes, value_type=bytes))
    manager: Any = app.tables
    manager._recovery = NoRecovery(app, manager, beacon=manager.beacon)  # noqa: SLF001  # Faust offers no other way
