"""Conversations with the broker: how they start, and what becomes of one that fails.

Law: a broker that does not answer in time ends the command with one sentence, and every client that was opened is
closed again, whatever happens in between.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    InvalidConfigurationError,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from stream.cli.output import out_of_reach, say, wrong
from stream.clients import connection
from stream.settings import PREFIX, Settings
from stream.topics import Unfit, ensure_topics

ANSWERS_WITHIN_SECONDS = 15

T = TypeVar("T")


class Client(Protocol):
    """What all aiokafka clients have in common."""

    async def start(self) -> None: ...  # noqa: D102


def talk(settings: Settings, conversation: Coroutine[Any, Any, T]) -> T:
    """Hold a conversation with the broker and return what came of it."""
    try:
        with quiet():
            return asyncio.run(conversation)
    except (KafkaError, TimeoutError) as error:
        raise out_of_reach(describe(settings, error)) from None


def describe(settings: Settings, error: BaseException) -> str:
    """Return the sentence for a broker that failed us."""
    said = f"The broker at {settings.bootstrap} {explain(error)}"
    if isinstance(error, _FORBIDDEN):
        return f"{said}: give the user the rights that docs/kafka-security.md lists, or make the topics beforehand."
    if isinstance(error, InvalidReplicationFactorError):
        return f"{said}: set {PREFIX}REPLICATION to how many replicas the cluster wants."
    if isinstance(error, _NOT_ALLOWED):
        return f"{said}: make the topics beforehand, as docs/kafka-security.md says."
    return f"{said}: {way_in(settings)}"


def way_in(settings: Settings) -> str:
    """Return what to do about a broker that does not answer to these settings."""
    protocol = settings.kafka_security_protocol
    credentials = {
        "SASL_PLAINTEXT": ("USERNAME", "PASSWORD"),
        "SASL_SSL": ("USERNAME", "PASSWORD", "CA_FILE"),
        "SSL": ("CA_FILE", "CERT_FILE", "KEY_FILE"),
    }
    doubts = ", ".join(f"{PREFIX}KAFKA_{name}" for name in credentials.get(protocol, ()))
    start = f"start it with `presetwatch broker`, or set {PREFIX}KAFKA_BOOTSTRAP to where it is"
    return f"{start}, or mend {doubts}." if doubts else f"{start}."


_FORBIDDEN = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
_NOT_ALLOWED = (PolicyViolationError, InvalidConfigurationError)


def explain(error: BaseException) -> str:
    """Return in a few words how a broker failed us."""
    if isinstance(error, KafkaConnectionError):
        return "does not answer, or not to these credentials"
    if isinstance(error, KafkaTimeoutError):
        return "no longer answers"
    return f"cannot be used ({str(error) or type(error).__name__})"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep aiokafka from logging what is told in one sentence anyway."""
    loggers = [logging.getLogger(name) for name in ("aiokafka", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        gc.collect()  # asyncio complains of tasks that aiokafka has left behind when they are collected
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


async def start(client: Client) -> None:
    """Connect a client; raises `KafkaError`, or `TimeoutError` with a sentence."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            await client.start()
    except TimeoutError:
        raise TimeoutError(f"no answer within {ANSWERS_WITHIN_SECONDS} s") from None


@asynccontextmanager
async def administering(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give an admin client for the length of the block."""
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await start(admin)
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer without a group and without topics for the length of the block."""
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await start(consumer)
        yield consumer
    finally:
        await consumer.stop()


async def sizes_of_topics(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Return how many partitions each topic has."""
    return {topic["topic"]: len(topic["partitions"]) for topic in await topics_of(admin)}


async def topics_of(admin: AIOKafkaAdminClient) -> list[dict[str, Any]]:
    """Return every topic, with its `partitions` and their `replicas`."""
    return [topic for topic in await admin.describe_topics() if not topic["error_code"]]


async def committed_by(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return what a group has committed."""
    try:
        found: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}  # a broker that no group has ever used has no coordinator yet
    return found


async def fit_topics(settings: Settings) -> int:
    """Make missing topics, check the others, and return the events topic's partition count. Raises `KafkaError`."""
    made = await ensure_topics(settings, say)
    if isinstance(made, Unfit):
        raise wrong(made.sentence)
    return made
