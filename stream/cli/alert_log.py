"""The alerts topic, read from its beginning.

Law: each transition is told once, whatever was sent twice; what is no alert event is passed over and counted. The
order of a log on several partitions is (time, preset, rule, sequence), which does not depend on partitions or arrival.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from pydantic import ValidationError

from schemas.alert import AlertEvent
from stream.cli.output import wrong
from stream.cli.reach import administering, reading, sizes_of_topics
from stream.settings import PREFIX, Settings

POLL_MS = 500


@dataclass(frozen=True, slots=True)
class Told:
    """An alert event and the bytes that told it."""

    event: AlertEvent
    body: bytes


@dataclass(slots=True)
class AlertLog:
    """What was read of the topic so far."""

    known: set[str] = field(default_factory=set)
    foreign: int = 0
    """Records that are no alert events."""

    def take(self, bodies: Iterable[bytes | None]) -> list[Told]:
        """Return what these records tell that was not known, in the log's order."""
        told = [one for one in map(self._read, bodies) if one is not None]
        return sorted(told, key=_order)

    def _read(self, body: bytes | None) -> Told | None:
        try:
            event = AlertEvent.model_validate_json(body or b"")
        except ValidationError:
            self.foreign += 1
            return None
        if event.id in self.known:
            return None
        self.known.add(event.id)
        return Told(event, body or b"")


def _order(told: Told) -> tuple[int, str, str, int]:
    event = told.event
    return event.at, event.preset, event.name, event.sequence


async def read_alerts(settings: Settings, log: AlertLog, *, follow: bool) -> AsyncIterator[list[Told]]:
    """Yield all that the topic holds now, then, when following, what is added to it. Raises `KafkaError`."""
    partitions = await _find(settings)
    async with reading(settings) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        bodies: list[bytes | None] = []
        while not await _has_read(consumer, ends):
            bodies += await _poll(consumer)
        yield log.take(bodies)
        while follow:
            if told := log.take(await _poll(consumer)):
                yield told


async def _find(settings: Settings) -> list[TopicPartition]:
    async with administering(settings) as admin:
        sizes = await sizes_of_topics(admin)
    topic = settings.alerts_topic
    if topic not in sizes:
        raise wrong(f"There is no topic {topic}: a worker makes it, or set {PREFIX}ALERTS_TOPIC to the one you mean.")
    return [TopicPartition(topic, partition) for partition in range(sizes[topic])]


async def _has_read(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return all([await consumer.position(tp) >= end for tp, end in ends.items()])


async def _poll(consumer: AIOKafkaConsumer) -> list[bytes | None]:
    fetched = await consumer.getmany(timeout_ms=POLL_MS)
    return [record.value for records in fetched.values() for record in records]
