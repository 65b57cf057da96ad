"""Whether the broker answers and has the events topic, which is made where it is missing.

Law: looking waits for nothing that a webhook waits for. The gateway starts without a broker and is ready once there is
one; whatever is wrong is said in a sentence when it begins, and that it is over when it is.
"""

import asyncio

import structlog
from aiokafka.errors import BrokerResponseError, KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stream.clients import librdkafka
from stream.settings import Settings
from stream.topics import Unfit, ensure_topics, warn

LOOK_SECONDS = 2.0
ANSWER_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Upstream:
    """Watches the broker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: AdminClient | None = None
        self._told: set[str] = set()
        self.fault: str | None = "The broker has not answered yet."

    async def watch(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            self._note(await self._look())
            await asyncio.sleep(LOOK_SECONDS)

    def _note(self, fault: str | None) -> None:
        if fault and fault != self.fault:
            log.error("unwell", fault="broker", detail=fault)
        if self.fault and not fault:
            log.info("broker_answers", topic=self._settings.events_topic)
        self.fault = fault

    async def _look(self) -> str | None:
        try:
            if await asyncio.to_thread(self._has_topic):
                return None
            made = await ensure_topics(self._settings, self._tell)
        except (KafkaException, KafkaError) as error:
            # A client remembers what a broker that came back denies (see stream/probe.py).
            self._admin = None
            return f"The broker at {self._settings.bootstrap} {_in_words(error)}."
        return made.sentence if isinstance(made, Unfit) else None

    def _tell(self, sentence: str) -> None:
        """Warn of something about the topics, once however often they are looked at."""
        if sentence not in self._told:
            self._told.add(sentence)
            warn(sentence)

    def _has_topic(self) -> bool:
        self._admin = self._admin or AdminClient({**librdkafka(self._settings), "log_level": 2})
        return self._settings.events_topic in self._admin.list_topics(timeout=ANSWER_SECONDS).topics


def _in_words(error: Exception) -> str:
    if isinstance(error, BrokerResponseError) and error.args:
        return f"refuses: {error.args[0]}"
    return f"does not answer ({error.args[0].str() if isinstance(error, KafkaException) else type(error).__name__})"
