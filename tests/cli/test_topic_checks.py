"""What the doctor says of how topics are set: each flaw is named, matters, and is gone once its command has run."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cli.checks import Check, Cluster, State
from stream.cli.topic_checks import check_topic_settings
from stream.cli.topic_flaws import flaws_of
from stream.notify.topics import RECEIPTS_CONFIG
from stream.rules_file import load
from stream.settings import Settings
from stream.topic_configs import Config
from stream.topics import wanted

OK, WARN, FAIL = State.OK, State.WARN, State.FAIL
SETTINGS = Settings(_env_file=None, kafka_bootstrap="broker:9092")
EVENTS, REJECTED, ALERTS = SETTINGS.events_topic, SETTINGS.rejected_topic, SETTINGS.alerts_topic
TALLIES, REKEYED, JOURNAL = SETTINGS.tallies_topic, SETTINGS.rekeyed_topic, "presetwatch-journal-changelog"
PAGE = (Path(__file__).parents[2] / "docs" / "kafka-security.md").read_text()
RULES = load('[[rule]]\nname = "a"\nkind = "threshold"\nwindow = "3d"\n', "rules.toml", 10_000)
RECEIPTS = "preset-alerts.notify.receipts"
KAFKAS_OWN: Config = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "retention.bytes": "-1",
    "max.message.bytes": "1048588",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1",
    "message.timestamp.type": "CreateTime",
}
"""What a topic is set to that is made with nothing said."""


def cluster(
    changed: Mapping[str, Config] | None = None, replicas: int = 1, brokers: int = 1, unknown: tuple[str, ...] = ()
) -> Cluster:
    configs = {
        name: {**KAFKAS_OWN, **config, **(changed or {}).get(name, {})} for name, config in wanted(SETTINGS).items()
    }
    sizes = dict.fromkeys(configs, 4)
    shown = {name: config for name, config in configs.items() if name not in unknown}
    return Cluster(sizes, {}, {}, shown, dict.fromkeys(configs, replicas), brokers)


def checked(there: Cluster) -> list[Check]:
    return check_topic_settings(SETTINGS, RULES, there)


def test_topics_as_presetwatch_makes_them_are_as_they_should_be() -> None:
    assert checked(cluster()) == [Check("topic settings", OK, "as they should be")]


def test_topics_that_are_still_to_be_made_have_no_flaws() -> None:
    assert checked(Cluster({}, {}, {})) == [Check("topic settings", OK, "there are none yet")]


def documented() -> dict[str, Config]:
    """Return how the documentation says to set topics that are made by hand."""
    found: dict[str, Config] = {}
    for names, policy, kept, more in (row for row in map(cells, PAGE.splitlines()) if len(row) == 4):
        config = dict(each.split("=") for each in marked(more) if "=" in each)
        config |= {"cleanup.policy": marked(policy)[0]} | ({"retention.ms": marked(kept)[0]} if kept else {})
        for name in marked(names):
            before, *tables = re.split("[{,}]", name)
            found |= {before + table + tables[-1]: config for table in tables[:-1]} if tables else {name: config}
    return found


def cells(line: str) -> list[str]:
    """Return the cells of a row about topics."""
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| `") else []


def marked(text: str) -> list[str]:
    """Return what a text marks as code."""
    return re.findall("`(.+?)`", text)


def test_topics_made_by_hand_as_documented_are_as_they_should_be() -> None:
    by_hand = {name: {**KAFKAS_OWN, **config} for name, config in documented().items()}
    assert by_hand.keys() == wanted(SETTINGS).keys()
    assert checked(Cluster(dict.fromkeys(by_hand, 4), {}, {}, by_hand))[0].what == "as they should be"


@pytest.mark.parametrize(
    ("topic", "config", "state", "what"),
    [
        (JOURNAL, {"cleanup.policy": "delete", "retention.ms": "604800000"}, FAIL, "see it do not start"),
        (JOURNAL, {"cleanup.policy": "compact,delete", "retention.bytes": "1"}, FAIL, "see it do not start"),
        (JOURNAL, {"cleanup.policy": "delete", "retention.ms": "-1"}, WARN, "grows without end"),
        (JOURNAL, {"min.compaction.lag.ms": "0"}, WARN, "displace newer state"),
        (JOURNAL, {"max.message.bytes": "100000"}, FAIL, "workers stop at a larger row"),
        (EVENTS, {"cleanup.policy": "compact"}, FAIL, "no body without a key"),
        (EVENTS, {"retention.ms": "86400000"}, WARN, "kept for 1d, and 3d are needed"),
        (EVENTS, {"retention.bytes": "1000"}, WARN, "retention.bytes=1000, however young"),
        (EVENTS, {"max.message.bytes": "100000"}, WARN, "answered with 413"),
        (EVENTS, {"message.timestamp.type": "LogAppendTime"}, WARN, "event_ts makes no sense"),
        (ALERTS, {"retention.ms": "3600000"}, WARN, "kept for 1h, and 3d are needed"),
        (ALERTS, {"cleanup.policy": "compact"}, WARN, "only the newest alert event"),
        (REJECTED, {"cleanup.policy": "compact"}, FAIL, "stop at one that they have to park"),
        (REJECTED, {"max.message.bytes": "1048588"}, WARN, "parked without its value"),
        (REKEYED, {"max.message.bytes": "60000"}, FAIL, "workers stop at a larger record"),
        (TALLIES, {"max.message.bytes": "100000"}, FAIL, "workers stop at a larger record"),
        (TALLIES, {"cleanup.policy": "compact"}, FAIL, "only the last is kept"),
        (TALLIES, {"retention.ms": "3600000"}, WARN, "kept for 1h, and 1d are needed: what no worker has read by then"),
    ],
)
def test_a_flaw_says_what_is_wrong_why_it_matters_and_the_command(
    topic: str, config: Config, state: State, what: str
) -> None:
    [check] = checked(cluster({topic: config}))
    assert (check.state, check.what.startswith(f"{topic}: ")) == (state, True)
    assert what in check.what
    assert re.search(rf"^kafka-configs.sh --bootstrap-server broker:9092 .* --entity-name {topic} ", check.mend)


@pytest.mark.parametrize(
    ("config", "replicas", "brokers", "state", "what"),
    [
        ({}, 1, 3, WARN, "one replica on a cluster of 3 brokers"),
        ({"min.insync.replicas": "2"}, 1, 1, FAIL, "min.insync.replicas=2 of 1: nothing can be written"),
        ({"min.insync.replicas": "1"}, 3, 3, WARN, "may be on one broker"),
        ({"min.insync.replicas": "3"}, 3, 3, WARN, "while one broker is away, nothing can be written"),
        ({"min.insync.replicas": "2"}, 3, 3, OK, "as they should be"),
        ({"min.insync.replicas": "1"}, 2, 2, OK, "as they should be"),
    ],
)
def test_replicas_survive_the_loss_of_a_broker_and_are_told_of_once_for_all_topics(
    config: Config, replicas: int, brokers: int, state: State, what: str
) -> None:
    [check] = checked(cluster(dict.fromkeys(wanted(SETTINGS), config), replicas, brokers))
    assert check.state is state
    assert what in check.what
    assert state is OK or all(topic in check.what for topic in wanted(SETTINGS))


def test_what_a_notifier_has_told_is_looked_at_where_there_is_a_notify_file() -> None:
    receipts = {RECEIPTS: {**KAFKAS_OWN, "min.compaction.lag.ms": "86400000"}}
    there = Cluster({RECEIPTS: 1}, {}, {}, receipts)
    assert [check.what for check in checked(there)] == ["there are none yet"]
    with_notifier = Settings(_env_file=None, notify=Path("notify.toml"))
    [check] = check_topic_settings(with_notifier, RULES, there)
    assert (check.state, "what was told is forgotten" in check.what) == (FAIL, True)
    assert check.mend.endswith(f"--entity-name {RECEIPTS} --add-config cleanup.policy=compact")
    mended = Cluster({RECEIPTS: 1}, {}, {}, {RECEIPTS: RECEIPTS_CONFIG})
    assert check_topic_settings(with_notifier, RULES, mended)[0].state is OK


def test_a_topic_that_may_not_be_looked_at_is_unknown_and_no_failure() -> None:
    [check] = checked(cluster({JOURNAL: {"cleanup.policy": "delete"}}, unknown=(JOURNAL,)))
    assert check.state is WARN
    assert check.what == f"not looked at: {JOURNAL}"
    assert "DescribeConfigs" in check.mend


def test_a_user_who_must_log_in_is_told_to_say_how() -> None:
    secured = Settings(_env_file=None, kafka_bootstrap="broker:9092", kafka_security_protocol="SSL")
    [check] = check_topic_settings(secured, RULES, cluster({JOURNAL: {"min.compaction.lag.ms": "0"}}))
    assert "--bootstrap-server broker:9092 --command-config client.properties " in check.mend


def test_rules_that_look_back_further_ask_for_longer_retention() -> None:
    short = {EVENTS: {"retention.ms": str(7 * 86_400_000)}}
    budget = load('[[rule]]\nname = "b"\nkind = "burn_rate"\nobjective = 0.99\n', "rules.toml", 10_000)
    [check] = check_topic_settings(SETTINGS, budget, cluster(short))
    assert "kept for 7d, and 28d are needed" in check.what
    assert check_topic_settings(SETTINGS, (), cluster(short))[0].state is OK


VALUES = {
    "cleanup.policy": st.sampled_from(["delete", "compact", "compact,delete", "delete,compact", ""]),
    "retention.ms": st.integers(-1, 10**10).map(str),
    "retention.bytes": st.integers(-1, 10**12).map(str),
    "max.message.bytes": st.integers(0, 2**31 - 1).map(str),
    "min.compaction.lag.ms": st.integers(0, 10**7).map(str),
    "min.insync.replicas": st.integers(1, 4).map(str),
    "message.timestamp.type": st.sampled_from(["CreateTime", "LogAppendTime"]),
}
CONFIGS = st.fixed_dictionaries({}, optional={name: values | st.just("odd") for name, values in VALUES.items()})


@given(st.fixed_dictionaries(dict.fromkeys(wanted(SETTINGS), CONFIGS)), st.integers(1, 4))
def test_what_the_commands_set_leaves_no_flaw_that_a_command_could_mend(
    configs: dict[str, dict[str, str]], replicas: int
) -> None:
    """Each flaw is mended for itself; a second look may find one that the first had hidden, a third finds none."""
    there = Cluster(dict.fromkeys(configs, 4), {}, {}, configs, dict.fromkeys(configs, replicas), replicas)
    for _ in range(3):
        for name, config in configs.items():
            for flaw in list(flaws_of(SETTINGS, RULES, there, name)):
                config.update(flaw.settings)
    assert not [flaw for name in configs for flaw in flaws_of(SETTINGS, RULES, there, name) if flaw.settings]
