"""What may be wrong with how a topic is set: each flaw says why it matters, and what to set instead.

Law: pure, and total on whatever a cluster tells; a setting that it does not tell is taken to be right. What a flaw says
to set leaves no flaw like it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stream.cli.checks import Cluster, State
from stream.domain.brief import WHOLE_BYTES
from stream.domain.duration import format_duration
from stream.domain.panes import HOUR_MS
from stream.domain.rules import RuleSet
from stream.notify.topics import RECEIPTS_CONFIG, receipts_topic
from stream.rules_file import Fault
from stream.settings import PREFIX, Settings
from stream.topic_configs import LAG, SIZE, Config
from stream.topics import (
    COMPACTED,
    KEPT_A_WEEK,
    KEPT_FOR_EVER,
    TABLES,
    changelog_of,
    limits_of,
)

POLICY, KEPT_MS, KEPT_BYTES, IN_SYNC = "cleanup.policy", "retention.ms", "retention.bytes", "min.insync.replicas"

ENOUGH_BYTES = 1_000_000
"""About what brokers take by default. No webhook comes near it, and a journal's records are merged up to half of it."""

FORWARDED_BYTES = 2 * WHOLE_BYTES
"""More than anything that is forwarded, with all that Kafka adds."""

_KEPT_FOR_EVER = {POLICY: KEPT_FOR_EVER[POLICY], KEPT_MS: KEPT_FOR_EVER[KEPT_MS]}
_KEPT_A_WEEK = {POLICY: KEPT_A_WEEK[POLICY], KEPT_MS: KEPT_A_WEEK[KEPT_MS]}

AWAY_MS = 24 * HOUR_MS
"""For how long all workers may be away, at the least, without losing what they had still to tell each other."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is wrong with how a topic is set."""

    state: State
    what: str
    """What is wrong and why it matters."""
    settings: tuple[tuple[str, str], ...] = ()
    """What to set instead."""
    mend: str = ""
    """What else to do."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the cluster has it."""

    config: Config
    replicas: int = 1
    brokers: int = 1

    def number(self, name: str) -> int | None:
        """Return a setting that is a number; None where there is none, or it means no limit."""
        text = self.config.get(name, "")
        return int(text) if text.isdecimal() else None

    def has_policy(self, policy: str) -> bool:
        """Tell whether what is old is cleaned up so."""
        return policy in self.config.get(POLICY, "")

    def takes_less_than(self, size: int | None) -> bool:
        """Tell whether records of a size, in bytes, do not fit."""
        taken = self.number(SIZE)
        return size is not None and taken is not None and taken < size


def flaws_of(settings: Settings, rules: RuleSet | Sequence[Fault], cluster: Cluster, name: str) -> Iterator[Flaw]:
    """Yield what is wrong with how a topic is set."""
    topic = Topic(cluster.configs[name], cluster.replicas.get(name, 1), cluster.brokers)
    events_size = Topic(cluster.configs.get(settings.events_topic, {})).number(SIZE)
    if name == settings.events_topic:
        yield from _of_events(topic, _looks_back_ms(settings, rules))
    elif name == settings.alerts_topic:
        yield from _of_alerts(topic, _looks_back_ms(settings, rules))
    elif name == settings.rejected_topic:
        yield from _of_rejected(topic, events_size)
    elif name in {changelog_of(settings.app_id, table) for table in TABLES}:
        yield from _of_changelog(topic)
    elif name == receipts_topic(settings):
        lost = "what was told is forgotten, so that alerts are told again and their ends are not"
        yield from _of_compacted(topic, lost, RECEIPTS_CONFIG)
    else:
        yield from _of_tallies_or_rekeyed(topic, FORWARDED_BYTES if name == settings.rekeyed_topic else ENOUGH_BYTES)
    yield from _of_replicas(topic)


def _looks_back_ms(settings: Settings, rules: RuleSet | Sequence[Fault]) -> int:
    watching = rules.with_variants if isinstance(rules, RuleSet) else ()
    return max(settings.dedupe_horizon, *(rule.looks_back_ms for rule in watching), 0)


def _of_events(topic: Topic, looks_back_ms: int) -> Iterator[Flaw]:
    if topic.has_policy("compact"):
        what = "it takes no body without a key, and forgets which outcome of a job came first"
        yield Flaw(State.FAIL, f"{_said(topic, POLICY)}: {what}", tuple(_KEPT_FOR_EVER.items()))
    what = "workers under a new app id would not find all that rules and duplicates look back on"
    yield from _kept_too_short(topic, looks_back_ms, what, "-1")
    yield from _too_small(topic, "a larger webhook is answered with 413, and after three Daily gives the webhook up")
    if topic.config.get("message.timestamp.type") == "LogAppendTime":
        what = "a job whose event_ts makes no sense counts when it was stored, and not when it came"
        setting = ("message.timestamp.type", "CreateTime")
        yield Flaw(State.WARN, f"{_said(topic, setting[0])}: {what}", (setting,))


def _of_alerts(topic: Topic, looks_back_ms: int) -> Iterator[Flaw]:
    if topic.has_policy("compact"):
        what = "of a preset only the newest alert event is kept, whatever rule it is of"
        yield Flaw(State.WARN, f"{_said(topic, POLICY)}: {what}", tuple(_KEPT_FOR_EVER.items()))
    yield from _kept_too_short(topic, looks_back_ms, "who begins to read it may miss an alert that still fires", "-1")


def _of_rejected(topic: Topic, events_size: int | None) -> Iterator[Flaw]:
    if topic.has_policy("compact"):
        what = "it takes no record without a key, and workers stop at one that they have to park"
        yield Flaw(State.FAIL, f"{_said(topic, POLICY)}: {what}", ((POLICY, "delete"),))
    if topic.takes_less_than(events_size):
        what = "what the events topic takes and this one does not is parked without its value"
        yield Flaw(State.WARN, f"{_said(topic, SIZE)}: {what}", ((SIZE, str(events_size)),))


def _of_changelog(topic: Topic) -> Iterator[Flaw]:
    mend = f"What is gone already comes back only under a new {PREFIX}APP_ID, which rebuilds all state."
    lost = "state that is still needed is dropped, and workers that see it do not start"
    yield from _of_compacted(topic, lost, COMPACTED, mend)
    yield from _too_small(topic, "workers stop at a larger row", State.FAIL)


def _of_compacted(topic: Topic, lost: str, right: Config, mend: str = "") -> Iterator[Flaw]:
    compact = ((POLICY, right[POLICY]),)
    if limits := limits_of(topic.config):
        yield Flaw(State.FAIL, f"{_said(topic, POLICY)}, {limits}: {lost}", compact, mend)
    elif not topic.has_policy("compact") and POLICY in topic.config:
        yield Flaw(State.WARN, f"{_said(topic, POLICY)}: it grows without end, and is read from its beginning", compact)
    lag_ms = topic.number(LAG)
    if lag_ms is not None and lag_ms < int(right[LAG]):
        what = "what is written by one who has been replaced may displace newer state before that is noticed"
        yield Flaw(State.WARN, f"{_said(topic, LAG)}: {what}", ((LAG, right[LAG]),))


def _of_tallies_or_rekeyed(topic: Topic, enough: int) -> Iterator[Flaw]:
    if topic.has_policy("compact"):
        what = "of records with one key only the last is kept, and workers stop at one without a key"
        yield Flaw(State.FAIL, f"{_said(topic, POLICY)}: {what}", tuple(_KEPT_A_WEEK.items()))
    what = "what no worker has read by then is not counted"
    yield from _kept_too_short(topic, AWAY_MS, what, KEPT_A_WEEK[KEPT_MS])
    yield from _too_small(topic, "workers stop at a larger record", State.FAIL, enough)


def _of_replicas(topic: Topic) -> Iterator[Flaw]:
    in_sync, replicas = topic.number(IN_SYNC), topic.replicas
    if replicas == 1 and topic.brokers > 1:
        what = f"one replica on a cluster of {topic.brokers} brokers: with one of them it may be lost"
        mend = f"Give it more with kafka-reassign-partitions.sh; {PREFIX}REPLICATION is for topics still to be made."
        yield Flaw(State.WARN, what, mend=mend)
    if in_sync is None:
        return
    if in_sync > replicas:
        what = f"{_said(topic, IN_SYNC)} of {replicas}: nothing can be written"
        yield Flaw(State.FAIL, what, ((IN_SYNC, str(max(1, replicas - 1))),))
    elif replicas > 2 and in_sync == 1:
        what = f"{_said(topic, IN_SYNC)} of {replicas}: what counts as stored may be on one broker, and be lost with it"
        yield Flaw(State.WARN, what, ((IN_SYNC, "2"),))
    elif replicas > 2 and in_sync == replicas:
        what = f"{_said(topic, IN_SYNC)} of {replicas}: while one broker is away, nothing can be written"
        yield Flaw(State.WARN, what, ((IN_SYNC, str(replicas - 1)),))


def _kept_too_short(topic: Topic, needed_ms: int, why: str, instead: str) -> Iterator[Flaw]:
    if not topic.has_policy("delete"):
        return
    kept_ms = topic.number(KEPT_MS)
    if kept_ms is not None and kept_ms < needed_ms:
        what = f"kept for {format_duration(kept_ms)}, and {format_duration(needed_ms)} are needed: {why}"
        yield Flaw(State.WARN, what, ((KEPT_MS, instead),))
    if topic.number(KEPT_BYTES) is not None:
        yield Flaw(State.WARN, f"{_said(topic, KEPT_BYTES)}, however young: {why}", ((KEPT_BYTES, "-1"),))


def _too_small(topic: Topic, why: str, state: State = State.WARN, enough: int = ENOUGH_BYTES) -> Iterator[Flaw]:
    if topic.takes_less_than(enough):
        yield Flaw(state, f"{_said(topic, SIZE)}: {why}", ((SIZE, COMPACTED[SIZE]),))


def _said(topic: Topic, name: str) -> str:
    return f"{name}={topic.config[name]}"
