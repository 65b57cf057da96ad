"""The topics: their names, partitions and clean-up, created where missing and checked where they exist.

Law: the topics between the stages and the changelogs have as many partitions as the events topic, because each worker
owns the same partition of all of them. A topic that does not fit is reported in one sentence and never worked around.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from stream.clients import LARGEST_REQUEST, connection, librdkafka
from stream.settings import Settings
from stream.topic_configs import LAG, SIZE, Config, make_topics, read_configs

Tell = Callable[[str], None]

LARGE: Config = {SIZE: str(LARGEST_REQUEST)}
KEPT_FOR_EVER: Config = {"cleanup.policy": "delete", "retention.ms": "-1", **LARGE}
KEPT_A_WEEK: Config = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * 3_600_000), **LARGE}
COMPACTED: Config = {"cleanup.policy": "compact", LAG: "300000", **LARGE}
"""What a replaced worker wrote must not displace what its successor wrote before that has been noticed."""

TABLES = ("journal", "rates", "alerts")


@dataclass(frozen=True, slots=True)
class Unfit:
    """A topic that presetwatch cannot run on, and what to do about it."""

    sentence: str


@dataclass(frozen=True, slots=True)
class EventsTopic:
    """The topic that is counted: how many partitions it has, and the id it lost if it was ever deleted."""

    partitions: int
    topic_id: str = ""


def changelog_of(app_id: str, table: str) -> str:
    """Return the name of a table's changelog topic."""
    return f"{app_id}-{table}-changelog"


def wanted(settings: Settings) -> dict[str, Config]:
    """Return the configuration of every topic presetwatch creates, by name."""
    return {
        settings.events_topic: KEPT_FOR_EVER,
        settings.rejected_topic: KEPT_A_WEEK,
        settings.tallies_topic: KEPT_A_WEEK,
        settings.rekeyed_topic: KEPT_A_WEEK,
        settings.alerts_topic: KEPT_FOR_EVER,
        **{changelog_of(settings.app_id, table): COMPACTED for table in TABLES},
    }


def warn(sentence: str) -> None:
    """Tell whoever reads the log of something that is not as it should be with the topics."""
    log.warning("topics", detail=sentence)


async def ensure_topics(settings: Settings, tell: Tell = warn) -> int | Unfit:
    """Create the missing topics and check the others; return how many partitions the events topic has.

    What is not as it should be, and can be lived with, is told.
    """
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        found = await _partitions_of(admin)
        partitions = found.get(settings.events_topic, settings.partitions)
        unfit = _misfit(settings, found, partitions) or await _leak(admin, settings, found, tell)
        if unfit is None:
            await _create_missing(admin, settings, found, partitions, tell)
        return unfit or partitions
    finally:
        await admin.close()


async def _partitions_of(admin: AIOKafkaAdminClient) -> dict[str, int]:
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


def copartitioned_with_events(settings: Settings) -> list[str]:
    """Return the topics that must have as many partitions as the events topic."""
    changelogs = [changelog_of(settings.app_id, table) for table in TABLES]
    return [settings.tallies_topic, settings.rekeyed_topic, *changelogs]


def _misfit(settings: Settings, found: Mapping[str, int], partitions: int) -> Unfit | None:
    for topic in copartitioned_with_events(settings):
        if found.get(topic, partitions) != partitions:
            return Unfit(
                f"Topic {topic} has {found[topic]} partitions but {settings.events_topic} has {partitions}, and they "
                f"must be equal: set PRESETWATCH_APP_ID to a new name, and state is rebuilt from the log."
            )
    return None


def limits_of(config: Config) -> str:
    """Return the settings by which a topic drops what is old, or "" for one that keeps all but what is compacted."""
    if "delete" not in config.get("cleanup.policy", ""):
        return ""
    limits = ("retention.ms", "retention.bytes")
    return ", ".join(f"{name}={config[name]}" for name in limits if config.get(name, "-1") != "-1")


def mending(settings: Settings, topic: str, config: Config) -> str:
    """Return the command that sets a topic as it should be."""
    login = "" if settings.kafka_security_protocol == "PLAINTEXT" else " --command-config client.properties"
    given = ",".join(f"{name}={value}" for name, value in config.items())
    return (
        f"kafka-configs.sh --bootstrap-server {settings.bootstrap}{login} "
        f"--alter --entity-type topics --entity-name {topic} --add-config {given}"
    )


async def _leak(admin: AIOKafkaAdminClient, settings: Settings, found: Mapping[str, int], tell: Tell) -> Unfit | None:
    """Find a changelog that drops rows which are still needed; one that is only never compacted is told of."""
    there = [topic for topic in (changelog_of(settings.app_id, table) for table in TABLES) if topic in found]
    for topic, config in (await read_configs(admin, there)).items():
        policy, mend = config.get("cleanup.policy", ""), mending(settings, topic, {"cleanup.policy": "compact"})
        if limits := limits_of(config):
            return Unfit(
                f"Topic {topic} would lose state, with cleanup.policy={policy} and {limits}: set it with `{mend}`; "
                "what it has dropped already comes back only under a new PRESETWATCH_APP_ID, which rebuilds all state."
            )
        if policy and "compact" not in policy:
            tell(f"Topic {topic} grows without end, with cleanup.policy={policy}: set it with `{mend}`.")
    return None


async def _create_missing(
    admin: AIOKafkaAdminClient, settings: Settings, found: Mapping[str, int], partitions: int, tell: Tell
) -> None:
    missing = [
        NewTopic(name, partitions, settings.replication, topic_configs=dict(config))
        for name, config in wanted(settings).items()
        if name not in found
    ]
    for sentence in await make_topics(admin, missing):
        tell(sentence)
    await _until_known(admin, {topic.name for topic in missing})


KNOWN_SECONDS, LOOK_AGAIN_SECONDS = 20.0, 0.1


async def _until_known(admin: AIOKafkaAdminClient, made: set[str]) -> None:
    """Wait until the broker tells of topics just made, which a busy one may take seconds for.

    A group that first meets before that gives out what it knows of, and whoever waits for the rest waits for long.
    One may not be allowed to look at a topic, or may meet a broker that still lags: so not for ever.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(KNOWN_SECONDS):
            while not made <= set(await _partitions_of(admin)):  # noqa: ASYNC110  # a broker cannot tell that it knows
                await asyncio.sleep(LOOK_AGAIN_SECONDS)


def identify(settings: Settings, partitions: int) -> EventsTopic:
    """Return the events topic with its id, which is "" where the broker does not tell; blocks."""
    admin = AdminClient(librdkafka(settings))
    try:
        [described] = admin.describe_topics(TopicCollection([settings.events_topic]), request_timeout=10).values()
        return EventsTopic(partitions, str(described.result().topic_id))
    except KafkaException:
        return EventsTopic(partitions)
    finally:
        admin.poll(0)


log = structlog.get_logger(__name__)
