"""Whether what is stored of an app can be counted on, found out without taking anything over.

Law: what is said here is what a worker would say if it started now, since the same code is asked.
"""

from collections.abc import Iterable
from typing import cast

from confluent_kafka import Consumer, TopicPartition
from faust.types import TP

from stream.clients import librdkafka_reader
from stream.counting_stage import CountingStage, StateUnusable
from stream.deciding_stage import DecidingStage
from stream.domain.causes import Causes
from stream.domain.rules import RuleSet
from stream.outbox import Outbox
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings
from stream.tables import Held, Pen, Recovered, recover
from stream.topics import TABLES, EventsTopic, changelog_of

Ends = dict[TP, tuple[int, int]]
"""The offsets at which partitions begin and end."""

_NOTHING_IS_SENT = cast("Outbox", None)


def faults_of_state(settings: Settings, rules: RuleSet, topic: EventsTopic) -> list[str]:
    """Return a sentence for each partition whose state a worker would refuse; blocks.

    Raises `KafkaException` or `RecoveryStalled` when the broker does not answer.
    """
    counting, deciding = _stages(settings, rules, topic)
    held = _read_tables(settings, topic.partitions)
    sources = (settings.events_topic, settings.rekeyed_topic)
    ends = _ends(settings, [TP(name, partition) for name in sources for partition in range(topic.partitions)])
    found = []
    for partition in range(topic.partitions):
        try:
            _own(counting, deciding, held, partition)
            for name in sources:
                counting.resume(TP(name, partition), *ends[TP(name, partition)])
        except StateUnusable as unusable:
            found.append(str(unusable))
    return found


def _stages(settings: Settings, rules: RuleSet, topic: EventsTopic) -> tuple[CountingStage, DecidingStage]:
    causes, partitions = Causes(rules.reasons), topic.partitions
    policy = deciding_policy(settings, rules, causes, partitions)
    deciding = DecidingStage(settings, policy, partitions, _NOTHING_IS_SENT)
    counts = counting_policy(settings, rules)
    return (
        CountingStage(settings, counts, causes, partitions, _NOTHING_IS_SENT, deciding.clock_ms, topic.topic_id),
        deciding,
    )


def _own(counting: CountingStage, deciding: DecidingStage, held: Held, partition: int) -> None:
    journal, rates, alerts = (held.get((table, partition), Recovered()) for table in TABLES)
    pen = Pen(counting.settings.app_id, partition, b"")
    counting.own(pen, journal, 0)
    deciding.own(pen, rates, alerts, dict.fromkeys(TABLES, 0))


def _read_tables(settings: Settings, partitions: int) -> Held:
    tables = {changelog_of(settings.app_id, table): table for table in TABLES}
    ends = _ends(settings, [TP(name, partition) for name in tables for partition in range(partitions)])
    last = {(tables[tp.topic], tp.partition): end - 1 for tp, (_, end) in ends.items() if end}
    return recover(librdkafka_reader(settings), settings.app_id, last) if last else {}


def _ends(settings: Settings, partitions: Iterable[TP]) -> Ends:
    consumer = Consumer(librdkafka_reader(settings))
    try:
        return {tp: consumer.get_watermark_offsets(TopicPartition(*tp), timeout=10) for tp in partitions}
    finally:
        consumer.close()
