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

    def __init__(self, connection: Mapping[str, Any], answer_seconds: float = ANSWER_SECONDS) -> None:
        self._connection = connection
        self._answer_seconds = answer_seconds
        self._admin: AdminClient | None = None

    def ends(self, places: Collection[TP]) -> dict[TP, int]:
        """Return the offsets at which partitions end; raises `KafkaException` when there is no answer."""
        try:
            return self._ends(places)
        except KafkaException:
            self._admin = None
            raise

    def _ends(self, places: Collection[TP]) -> dict[TP, int]:
        admin = self._admin = self._admin or AdminClient({**self._connection})
        try:
            return _asked(admin, places, self._answer_seconds)
        finally:
            admin.poll(0)


def _asked(admin: AdminClient, places: Collection[TP], seconds: float) -> dict[TP, int]:
    if not places:
        admin.list_topics(timeout=seconds)
        return {}
    asked: Any = {TopicPartition(*place): OffsetSpec.latest() for place in places}
    answers = admin.list_offsets(asked, request_timeout=seconds)
    return {TP(where.topic, where.partition): answer.result().offset for where, answer in answers.items()}
