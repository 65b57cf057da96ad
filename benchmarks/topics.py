"""Topics filled and read back."""

from collections.abc import Iterable, Iterator

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.events import Event, body


def create(bootstrap: str, topic: str, partitions: int) -> None:
    """Make a topic whose records, which are years old, are kept."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics([NewTopic(topic, partitions, 1, config={"retention.ms": "-1"})])
    made[topic].result()


def fill(bootstrap: str, topic: str, events: Iterable[Event]) -> None:
    """Produce events, keyed by job and put where Java clients put them, in batches as large as a busy producer's."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 20,
            "batch.size": 262_144,
            "queue.buffering.max.messages": 200_000,
            "partitioner": "murmur2_random",
        }
    )
    for number, event in enumerate(events):
        while True:
            try:
                producer.produce(topic, body(event), event.job_id, timestamp=event.at_ms)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush()


def read(bootstrap: str, topic: str) -> Iterator[Message]:
    """Yield every record that a topic holds now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.partition.eof": True})
    partitions = list(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    left = len(partitions)
    while left:
        for message in consumer.consume(5_000, 1):
            if message.error():
                left -= 1
            else:
                yield message
    consumer.close()
