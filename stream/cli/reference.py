"""What the demo's traffic must lead to: the pure replay of the same deliveries on the same partitions.

Law: only what a running worker can decide is expected. Its clock stops a little before the last event, where the replay
of a whole log goes on to the end of the last pane.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from stream.domain.replay import Replay, Replayed
from stream.domain.routing import partition_of
from stream.local.traffic import Delivery


def number_records(deliveries: Iterable[Delivery], partitions: int) -> Iterator[Replayed]:
    """Yield the records that deliveries become on an empty topic of so many partitions."""
    ends: Counter[int] = Counter()
    for delivery in deliveries:
        partition = partition_of(delivery.key, delivery.value, partitions)
        yield Replayed(partition, ends[partition], delivery.arrives_at_ms, delivery.key, delivery.value)
        ends[partition] += 1


def expect_alerts(replay: Replay, deliveries: Iterable[Delivery], partitions: int) -> dict[str, bytes]:
    """Return the bodies of all alert events to come, by id."""
    events = (
        event for record in number_records(deliveries, partitions) for event in replay.take(record.partition, [record])
    )
    return {event.id: event.to_json() for event in events}
