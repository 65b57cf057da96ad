"""The topics of a notifier, and its share in the alerts topic.

Law: names are functions of the alerts topic's name. Of all the members of the group one has every partition, the one
that has run for longest, and the others stand by: what belongs in one message must be seen by one process.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.structs import TopicPartition

from stream.clients import connection
from stream.settings import Settings
from stream.topic_configs import LAG, make_topics
from stream.topics import KEPT_A_WEEK, Tell, wanted, warn

POLL_MS = 500
RECEIPTS_CONFIG = {"cleanup.policy": "compact", LAG: "86400000"}
"""What a notifier that was thought dead wrote must not displace what its successor wrote before that was mended."""


def group_of(settings: Settings) -> str:
    """Return the consumer group of notifiers."""
    return f"{settings.alerts_topic}.notify"


def receipts_topic(settings: Settings) -> str:
    """Return the topic of what was told."""
    return f"{settings.alerts_topic}.notify.receipts"


def undelivered_topic(settings: Settings) -> str:
    """Return the topic of what could not be told."""
    return f"{settings.alerts_topic}.notify.undelivered"


async def ensure_topics(settings: Settings, tell: Tell = warn) -> None:
    """Make the topics that are missing, and tell of what the cluster does not allow; raises `KafkaError`."""
    alerts = settings.alerts_topic
    topics = [
        NewTopic(alerts, settings.partitions, settings.replication, topic_configs=dict(wanted(settings)[alerts])),
        NewTopic(receipts_topic(settings), 1, settings.replication, topic_configs=RECEIPTS_CONFIG),
        NewTopic(undelivered_topic(settings), 1, settings.replication, topic_configs=dict(KEPT_A_WEEK)),
    ]
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        found = {topic["topic"] for topic in await admin.describe_topics() if not topic["error_code"]}
        for sentence in await make_topics(admin, [topic for topic in topics if topic.name not in found]):
            tell(sentence)
    finally:
        await admin.close()


async def read_all(settings: Settings, topic: str) -> list[bytes | None]:
    """Return every value of a topic's only partition, in its order."""
    place = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(**connection(settings), enable_auto_commit=False) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        [end] = (await consumer.end_offsets([place])).values()
        values: list[bytes | None] = []
        while await consumer.position(place) < end:
            values += [record.value for record in (await consumer.getmany(timeout_ms=POLL_MS)).get(place, ())]
        return values


class OneForAll(RangePartitionAssignor):  # type: ignore[misc]  # aiokafka ships no types
    """Gives every partition to the member whose name comes first."""

    name = "presetwatch-one-for-all"

    @classmethod
    def assign(cls, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return the assignment of each member."""
        first = min(members)
        nothing = ConsumerProtocolMemberAssignment(cls.version, [], b"")
        return {**dict.fromkeys(members, nothing), **super().assign(cluster, {first: members[first]})}
