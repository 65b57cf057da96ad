"""Asking the broker where partitions end, and thereby whether it is there at all.

Law: what is said comes from the broker now. A client remembers who led a partition and in which epoch, does not look
again when a broker that came back refuses the old one, and so would never get an answer any more: it is replaced.
"""

from collections.abc import Collection, Mapping
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from faust.types import TP

ANSWER_SECONDS = 5.0


class Probe:
    """Asks one cluster; blocks, so it is to be asked in a thread."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = connection
        self._admin: AdminClient | None = None

    def ends(self, places: Collection[TP]) -> dict[TP, int]:
        """Return the offsets at which partitions end; raises `KafkaException` when there is no answer."""
        try:
            return self._ends(places)
        except KafkaException:
            self._admin = None
            raise

    def _ends(self, places: Collection[TP]) -> dict[TP, int]:
        self._admin = self._admin or AdminClient({**self._connection})
        if not places:
            self._admin.list_topics(timeout=ANSWER_SECONDS)
            return {}
        asked: Any = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        answers = self._admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
        return {TP(where.topic, where.partition): answer.result().offset for where, answer in answers.items()}
