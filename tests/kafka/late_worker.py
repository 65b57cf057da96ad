"""A worker like any other, whose broker tells of the tallies topic only after it has joined its group.

`python -m tests.kafka.late_worker FILE`; the file is not looked at.
"""

from pathlib import Path
from threading import Timer

from confluent_kafka.admin import AdminClient, NewTopic

from stream.clients import librdkafka
from stream.pipeline import Pipeline
from tests.kafka.altered import run_altered

AFTER_SECONDS = 5.0
"""Starting and joining take less than two."""


def hide(pipeline: Pipeline, _: Path) -> None:
    """Have the topic gone, and made again after a while."""
    admin = AdminClient(librdkafka(pipeline.settings))
    topic = pipeline.settings.tallies_topic
    admin.delete_topics([topic], operation_timeout=10)[topic].result()
    again = NewTopic(topic, pipeline.partitions, pipeline.settings.replication)

    def make() -> None:
        admin.create_topics([again])[topic].result()

    timer = Timer(AFTER_SECONDS, make)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    run_altered(hide)
