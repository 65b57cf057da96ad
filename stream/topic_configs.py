"""Topics as the cluster has them: what they are set to, and making those that are missing.

Law: where a cluster does not allow what a topic should be set to, the topic is made with less, though never without
what keeps its records, and whoever asked is told. What one may not look at is unknown, and nothing fails for it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidConfigurationError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    for_code,
)

Config = Mapping[str, str]

SIZE, LAG = "max.message.bytes", "min.compaction.lag.ms"

COMMON_CAP_BYTES = 8 * 2**20
"""The most that a topic may take on the smaller clusters of Confluent Cloud and on others like them."""

_NOT_ALLOWED = (InvalidConfigurationError.errno, PolicyViolationError.errno)
_A_SIZE = re.compile(r"\b\d{6,9}\b")

_MEANING = {
    SIZE: "a larger record does not get onto it, and a larger rejected one is parked without its value, as the header "
    "value-left-out says",
    LAG: "what a worker writes after it has been replaced may displace newer state before that is noticed",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A topic that the cluster did not make."""

    topic: str
    code: int
    said: str

    def error(self) -> KafkaError:
        """Return the error to raise where nothing is left to try."""
        error: KafkaError = for_code(self.code)(f"cannot create topic {self.topic}: {self.said}")
        return error


async def read_configs(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, Config]:
    """Return what topics are set to, the cluster's defaults included; those that one may not look at are left out."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    try:
        answers = await admin.describe_configs(asked)
    except KafkaError:
        return {}
    return {
        name: {key: value or "" for key, value, *_ in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if not code
    }


async def make_topics(admin: AIOKafkaAdminClient, topics: Iterable[NewTopic]) -> list[str]:
    """Create topics; return a sentence for each setting that the cluster does not allow. Raises `KafkaError`."""
    by_name = {topic.name: topic for topic in topics}
    given_up: dict[tuple[str, str, str], list[Refused]] = defaultdict(list)
    for refused in await _create(admin, list(by_name.values())):
        asked = by_name[refused.topic].topic_configs
        got = await _make_with_less(admin, by_name[refused.topic], refused)
        for name in asked:
            if got.get(name) != asked[name]:
                given_up[name, asked[name], got.get(name, "the cluster's default")].append(refused)
    return [_sentence(*setting, refused) for setting, refused in given_up.items()]


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> list[Refused]:
    """Create topics; return those whose settings are not allowed."""
    if not topics:
        return []
    answer = await admin.create_topics(topics)
    refused = [
        Refused(topic, code, (detail[0] if detail else "") or "")
        for topic, code, *detail in answer.topic_errors
        # Another process starting at the same moment may have been quicker.
        if code not in (0, TopicAlreadyExistsError.errno)
    ]
    for each in refused:
        if each.code not in _NOT_ALLOWED:
            raise each.error()
    return refused


async def _make_with_less(admin: AIOKafkaAdminClient, topic: NewTopic, refused: Refused) -> Config:
    for config in lesser(topic.topic_configs, refused.said):
        tried = NewTopic(topic.name, topic.num_partitions, topic.replication_factor, topic_configs=dict(config))
        if not await _create(admin, [tried]):
            return config
    raise refused.error()


LEAST_BYTES = 2**20
"""What a broker takes by default. A smaller number in what a cluster says is none of a size, or of no use as one."""


def lesser(wanted: Config, said: str) -> Iterator[Config]:
    """Yield what else a topic may be set to, the best first, given what the cluster said against what was wanted.

    Clusters name their limit, or nothing: Confluent Cloud answers "Config property 'max.message.bytes' with value
    '10485760' exceeded max limit of 8388608", Event Hubs "Request parameters do not satisfy the configured policy".
    """
    asked = int(wanted.get(SIZE, 0))
    named = map(int, _A_SIZE.findall(said))
    sizes = sorted({size for size in (COMMON_CAP_BYTES, *named) if LEAST_BYTES <= size < asked}, reverse=True)
    # Large records are rare, and the lag guards state: so size goes first.
    tried = [wanted]
    for kept in (wanted, _without(wanted, LAG)):
        for config in (kept, *({**kept, SIZE: str(size)} for size in sizes), _without(kept, SIZE)):
            if config not in tried:
                tried.append(config)
                yield config


def _without(config: Config, name: str) -> Config:
    return {key: value for key, value in config.items() if key != name}


def _sentence(name: str, asked: str, got: str, refused: list[Refused]) -> str:
    said, topics = refused[0].said or "without a reason", ", ".join(each.topic for each in refused)
    return f"The cluster does not allow {name}={asked} ({said}), so it is {got} for {topics}: {_MEANING[name]}."
