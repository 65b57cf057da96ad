"""A notifier: its place in the group, what it reads, and how far the log is done.

Law: reading begins at the committed offset, and nothing is told before all that was there then has been read: what
fired and resolved while nobody told is one message. An offset is committed only when no channel has anything before it
left to tell. Whoever stands by reads nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic, time

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from stream.clients import LARGEST_REQUEST, connection
from stream.meters import Meters
from stream.notify.channels.outcome import Sender
from stream.notify.desk import Desk
from stream.notify.news import Place
from stream.notify.plan import Plan
from stream.notify.receipts import Record, forget, mend, read_receipts
from stream.notify.session import Session
from stream.notify.topics import OneForAll, group_of, read_all, receipts_topic, undelivered_topic
from stream.settings import Settings

POLL_MS = 500
COMMIT_SECONDS = 2.0
RETRY_SECONDS = 1.0
SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 3_000
REBALANCE_TIMEOUT_MS = 30_000
"""Whoever leaves is waited for while it ends what it is sending."""

log = structlog.get_logger(__name__)


def wall_clock_ms() -> int:
    """Return the time of day, in epoch milliseconds."""
    return int(time() * 1000)


class KafkaBook:
    """Receipts and dead letters on their topics."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._receipts, self._undelivered = receipts_topic(settings), undelivered_topic(settings)

    async def store(self, *receipts: Record) -> None:
        """Store receipts, however long the broker takes."""
        await self._send(self._receipts, receipts)

    async def bury(self, *letters: Record) -> None:
        """Store dead letters, however long the broker takes."""
        await self._send(self._undelivered, letters)

    async def _send(self, topic: str, records: tuple[Record, ...]) -> None:
        for record in records:
            while not await self._is_stored(topic, record):  # noqa: ASYNC110  # brokers have no events
                await asyncio.sleep(RETRY_SECONDS)

    async def _is_stored(self, topic: str, record: Record) -> bool:
        try:
            await self._producer.send_and_wait(topic, record.value, record.key, headers=list(record.headers))
        except KafkaError as error:
            log.warning("not_stored", topic=topic, why=str(error) or type(error).__name__)
            return False
        return True


class Notifier(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One process of the group."""

    def __init__(
        self, settings: Settings, plan: Plan, senders: Mapping[str, Sender], clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.meters = Meters()
        self.session: Session | None = None
        self.polled_at = monotonic()
        self._senders = senders
        self._clock = clock
        self._assigned: set[TopicPartition] = set()
        self._unread: dict[TopicPartition, int] | None = None
        """The ends still to be read up to before anything is told."""
        self._committed: dict[int, int] = {}
        self._commits_at = 0.0

    async def run(self, until: asyncio.Event) -> None:
        """Tell, or stand by, until told to stop; raises `KafkaError` when the broker is not there at the start."""
        self._producer = AIOKafkaProducer(**connection(self.settings), max_request_size=LARGEST_REQUEST, acks="all")
        self._consumer = AIOKafkaConsumer(
            **connection(self.settings),
            client_id=f"notify-{self._clock():014d}",  # begins the member's name: of all members the oldest comes first
            group_id=group_of(self.settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(OneForAll,),
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        )
        self._book = KafkaBook(self.settings, self._producer)
        try:
            await self._producer.start()
            await self._consumer.start()
            self._consumer.subscribe([self.settings.alerts_topic], listener=self)
            while not until.is_set():
                await self._try_step()
        finally:
            await self._close_session()
            await self._consumer.stop()
            await self._producer.stop()
            await asyncio.gather(*(sender.close() for sender in self._senders.values()))

    async def on_partitions_revoked(self, _revoked: object) -> None:
        """Leave everything to whoever takes over."""
        await self._close_session()
        self._assigned = set()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take everything over, with the next step."""
        self._assigned = set(assigned)

    async def _try_step(self) -> None:
        try:
            await self._step()
        except KafkaError as error:
            log.warning("broker_failed", why=str(error) or type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _step(self) -> None:
        if self._assigned and self.session is None:
            await self._open_session(self._assigned)
        session = self.session
        batch = await self._consumer.getmany(timeout_ms=POLL_MS)
        self.polled_at = monotonic()
        if session is None or session is not self.session:
            return  # what was fetched meanwhile is read again: a session begins at the committed offsets
        for tp, records in batch.items():
            for record in records:
                session.take_in(record.value, Place(tp.partition, record.offset), record.timestamp)
        await self._begin_to_tell(session)
        session.check()
        await self._commit(session)

    async def _open_session(self, assigned: set[TopicPartition]) -> None:
        stored = await read_all(self.settings, receipts_topic(self.settings))
        receipts = read_receipts(stored)
        await self._book.store(*mend(stored, receipts), *forget(receipts, self._clock()))
        for tp in assigned:
            await self._rewind(tp)
        self._unread = await self._consumer.end_offsets(assigned)
        if assigned == self._assigned:  # it may have changed hands while the receipts were read
            desk = Desk(self.plan, receipts)
            self.session = Session(desk, self._senders, self._book, self.meters, self._clock)
            self._committed = {}
            log.info("telling", channels=[*desk.lanes], partitions=len(assigned))

    async def _rewind(self, tp: TopicPartition) -> None:
        committed = await self._consumer.committed(tp)
        if committed is None:
            await self._consumer.seek_to_beginning(tp)
        else:
            self._consumer.seek(tp, committed)

    async def _begin_to_tell(self, session: Session) -> None:
        if self._unread is None:
            return
        if all([await self._consumer.position(tp) >= end for tp, end in self._unread.items()]):
            self._unread = None
            session.start()

    async def _close_session(self) -> None:
        session, self.session = self.session, None
        if session:
            await session.stop()
            self._commits_at = 0.0
            await self._commit(session)

    async def _commit(self, session: Session) -> None:
        done = session.desk.done()
        if monotonic() < self._commits_at or done == self._committed:
            return
        self._commits_at = monotonic() + COMMIT_SECONDS
        topic = self.settings.alerts_topic
        try:
            await self._consumer.commit({TopicPartition(topic, each): offset for each, offset in done.items()})
            self._committed = done
        except KafkaError as error:
            log.info("not_committed", why=str(error) or type(error).__name__)  # receipts keep what was told
