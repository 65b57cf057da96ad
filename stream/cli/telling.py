"""How far notifiers have come, and what nobody took, as the broker has it.

Law: it changes nothing, and a broker that does not let us look is a sentence, not an end.
"""

import asyncio

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from stream.cli.notify_checks import Telling
from stream.cli.reach import administering, committed_by, explain, quiet, reading, sizes_of_topics
from stream.notify.topics import group_of, undelivered_topic
from stream.settings import Settings


def look_at_telling(settings: Settings) -> Telling | str:
    """Return what the broker says of notifiers, or why it says nothing."""
    try:
        with quiet():
            return asyncio.run(_telling(settings))
    except (KafkaError, TimeoutError) as error:
        return f"the broker {explain(error)}"


async def _telling(settings: Settings) -> Telling:
    alerts, undelivered = settings.alerts_topic, undelivered_topic(settings)
    async with administering(settings) as admin, reading(settings) as consumer:
        sizes = await sizes_of_topics(admin)
        partitions = [TopicPartition(alerts, partition) for partition in range(sizes.get(alerts, 0))]
        letters = [TopicPartition(undelivered, partition) for partition in range(sizes.get(undelivered, 0))]
        ends = await consumer.end_offsets([*partitions, *letters]) if partitions or letters else {}
        begins = await consumer.beginning_offsets(letters) if letters else {}
        committed = await committed_by(admin, group_of(settings))
    return Telling(
        {tp.partition: ends[tp] for tp in partitions},
        {tp.partition: found.offset for tp, found in committed.items() if tp.topic == alerts and found.offset >= 0},
        sum(ends[tp] - begins[tp] for tp in letters),
        undelivered,
    )
