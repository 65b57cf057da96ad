"""Making topics where a cluster does not allow what they should be set to: with less, told, and never unsafe."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    InvalidConfigurationError,
    InvalidReplicationFactorError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
)

from stream.cli.reach import describe
from stream.settings import Settings
from stream.topic_configs import Config, make_topics
from stream.topics import COMPACTED, KEPT_A_WEEK, ensure_topics, wanted

MEBIBYTE = 2**20
Refusal = tuple[int, str]


@dataclass
class Answer:
    topic_errors: list[Any]


@dataclass
class Cluster:
    """Makes the topics that a policy has nothing against."""

    policy: Callable[[NewTopic], Refusal | None]
    made: dict[str, Config] = field(default_factory=dict)
    asked: int = 0

    async def create_topics(self, topics: list[NewTopic]) -> Answer:
        self.asked += 1
        return Answer([self._answer(topic) for topic in topics])

    def _answer(self, topic: NewTopic) -> tuple[str, int, str | None]:
        if topic.name in self.made:
            return topic.name, TopicAlreadyExistsError.errno, None
        if refusal := self.policy(topic):
            return topic.name, *refusal
        self.made[topic.name] = topic.topic_configs
        return topic.name, 0, None

    async def make(self) -> list[str]:
        topics = {"parked": KEPT_A_WEEK, "journal": COMPACTED}
        asked = [NewTopic(name, 4, 1, topic_configs=dict(config)) for name, config in topics.items()]
        return await make_topics(self, asked)  # has all of an admin client that is used


def capped(bytes_: int, code: int, said: str) -> Cluster:
    def policy(topic: NewTopic) -> Refusal | None:
        return (code, said) if int(topic.topic_configs.get("max.message.bytes", 0)) > bytes_ else None

    return Cluster(policy)


CONFLUENT = "Config property 'max.message.bytes' with value '17825792' exceeded max limit of {}."
EVENT_HUBS = "Request parameters do not satisfy the configured policy."


async def test_a_cluster_that_allows_everything_is_asked_once_and_nothing_is_told() -> None:
    cluster = Cluster(lambda _: None)
    assert await cluster.make() == []
    assert (cluster.asked, cluster.made) == (1, {"parked": KEPT_A_WEEK, "journal": COMPACTED})
    assert await cluster.make() == []


@pytest.mark.parametrize(
    ("bytes_", "code", "said", "got"),
    [
        (8 * MEBIBYTE, PolicyViolationError.errno, CONFLUENT.format(8 * MEBIBYTE), 8 * MEBIBYTE),
        (16 * MEBIBYTE, PolicyViolationError.errno, CONFLUENT.format(16 * MEBIBYTE), 16 * MEBIBYTE),
        (2 * MEBIBYTE, InvalidConfigurationError.errno, CONFLUENT.format(2 * MEBIBYTE), 2 * MEBIBYTE),
        (8 * MEBIBYTE, InvalidConfigurationError.errno, "", 8 * MEBIBYTE),
        (MEBIBYTE, PolicyViolationError.errno, EVENT_HUBS, None),
    ],
)
async def test_where_a_topic_may_not_take_records_so_large_it_takes_the_largest_that_it_may(
    bytes_: int, code: int, said: str, got: int | None
) -> None:
    cluster = capped(bytes_, code, said)
    [sentence] = await cluster.make()
    default = "the cluster's default"
    size = {} if got is None else {"max.message.bytes": str(got)}
    for name, config in (("parked", KEPT_A_WEEK), ("journal", COMPACTED)):
        assert cluster.made[name] == {key: config[key] for key in config if key != "max.message.bytes"} | size
    assert said in sentence
    assert f"it is {got or default} for parked, journal: " in sentence
    assert "parked without its value" in sentence


async def test_a_setting_that_may_not_be_set_at_all_is_left_out_and_its_meaning_told() -> None:
    def serverless(topic: NewTopic) -> Refusal | None:
        if "min.compaction.lag.ms" in topic.topic_configs:
            return InvalidConfigurationError.errno, "min.compaction.lag.ms is not supported"
        size = int(topic.topic_configs["max.message.bytes"])
        return (PolicyViolationError.errno, "") if size > 8 * MEBIBYTE else None

    cluster = Cluster(lambda topic: serverless(topic) if topic.name == "journal" else None)
    lag, size = sorted(await cluster.make(), key=lambda sentence: "min.compaction" not in sentence)
    assert cluster.made == {
        "parked": KEPT_A_WEEK,
        "journal": {"cleanup.policy": "compact", "max.message.bytes": str(8 * MEBIBYTE)},
    }
    assert "so it is the cluster's default for journal: what a worker writes after it has been replaced" in lag
    assert "so it is 8388608 for journal: " in size


async def test_what_keeps_records_is_never_given_up() -> None:
    def policy(topic: NewTopic) -> Refusal | None:
        unsafe = topic.topic_configs.get("retention.ms") == "604800000" or "compact" in topic.topic_configs.values()
        return (PolicyViolationError.errno, "no such retention") if unsafe else None

    cluster = Cluster(policy)
    with pytest.raises(PolicyViolationError, match="cannot create topic parked: no such retention") as raised:
        await cluster.make()
    assert cluster.made == {}
    assert "make the topics beforehand, as docs/kafka-security.md says" in sentence_for(raised.value)


async def test_what_is_refused_for_another_reason_is_not_tried_with_less() -> None:
    cluster = Cluster(lambda _: (InvalidReplicationFactorError.errno, "Topic replication factor must be 3"))
    with pytest.raises(InvalidReplicationFactorError, match="must be 3") as raised:
        await cluster.make()
    assert cluster.asked == 1
    assert "set PRESETWATCH_REPLICATION to how many replicas the cluster wants" in sentence_for(raised.value)


def sentence_for(error: KafkaError) -> str:
    return describe(Settings(_env_file=None), error)


class LateCluster(Cluster):
    """Tells of topics only once it has been asked a few times after it made them."""

    asked_since = 0

    async def describe_topics(self) -> list[dict[str, Any]]:
        self.asked_since += 1
        told = self.made if self.asked_since >= 3 else {}
        return [{"topic": name, "partitions": [None], "error_code": 0} for name in told]

    async def describe_configs(self, asked: list[Any]) -> list[Any]:
        return []

    async def start(self) -> None: ...

    async def close(self) -> None: ...


async def test_topics_just_made_are_waited_for_until_the_broker_tells_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = LateCluster(lambda _: None)
    monkeypatch.setattr("stream.topics.AIOKafkaAdminClient", lambda **_: cluster)
    assert await ensure_topics(Settings(_env_file=None)) == Settings(_env_file=None).partitions
    described = {topic["topic"] for topic in await cluster.describe_topics()}
    assert described == set(wanted(Settings(_env_file=None)))
    assert cluster.asked_since == 4
