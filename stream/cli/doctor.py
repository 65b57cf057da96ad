"""`doctor`: looks at everything a running presetwatch needs and says how to mend what is missing.

Law: it changes nothing, and it looks at everything it can whatever else is broken.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from confluent_kafka import KafkaException
from rich.table import Table
from rich.text import Text

from stream.cli import given
from stream.cli.ask import ask, at_the_gateway, at_the_notifier, web_url
from stream.cli.at_daily import ask_daily
from stream.cli.checks import (
    Check,
    Cluster,
    State,
    check_broker,
    check_lag,
    check_rules,
    check_secret,
    check_state,
    check_topics,
    check_webhooks,
    check_worker,
)
from stream.cli.kept_secret import with_kept
from stream.cli.notify_checks import check_gateway, check_notifier, check_plan, check_told
from stream.cli.output import Ended, ExitCode, out, working, write_line
from stream.cli.reach import administering, committed_by, explain, quiet, reading, topics_of
from stream.cli.telling import look_at_telling
from stream.cli.topic_checks import check_topic_settings, looked_at
from stream.daily.api import Pace
from stream.daily.client import Daily
from stream.domain.rules import RuleSet
from stream.inspection import faults_of_state
from stream.notify.plan_file import read_plan
from stream.rules_file import Fault, read
from stream.settings import Settings, environment, read_settings
from stream.tables import RecoveryStalled
from stream.topic_configs import read_configs
from stream.topics import identify

_SYMBOLS = {State.OK: ("✓", "green"), State.WARN: ("!", "yellow"), State.FAIL: ("✗", "bold red")}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Write the checks as JSON.")] = False) -> None:
    """Say what is wrong with settings, broker, topics, state, lag, rules, worker, gateway, notifier or webhooks.

    And how to mend it. Gateway and notifier are looked at where a webhook
    secret and a notify file are set.

    Exits 0 when nothing failed (warnings are allowed), 3 when the broker is
    out of reach, else 1.

    For example:
      presetwatch doctor
      presetwatch doctor --json | jq '.[] | select(.state != "ok")'

    Settings: all that begin with PRESETWATCH_ are checked.
    """
    with working("Looking around"):
        checks = examine()
    if as_json:
        write_line(json.dumps([check.as_dict() for check in checks], ensure_ascii=False).encode())
    else:
        out().print(checks_table(checks))
    raise typer.Exit(verdict(checks))


def verdict(checks: Sequence[Check]) -> ExitCode:
    """Return how the command ends after these checks."""
    failed = {check.name for check in checks if check.state is State.FAIL}
    if not failed:
        return ExitCode.DONE
    return ExitCode.OUT_OF_REACH if "broker" in failed else ExitCode.WRONG


def checks_table(checks: Sequence[Check]) -> Table:
    """Return a table with a row for each check, and a second one for how to mend it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in checks:
        symbol, style = _SYMBOLS[check.state]
        table.add_row(Text(symbol, style), Text(check.name, "bold"), Text(check.what))
        if check.mend:
            table.add_row("", "", Text(f"→ {check.mend}", "dim"))
    return table


def examine() -> list[Check]:
    """Look at everything; without sound settings there is nothing more to look at."""
    try:
        settings = read_settings()
    except ValueError as error:
        return [Check("settings", State.FAIL, str(error), "Mend it in the environment or in .env.")]
    settings = with_kept(settings)
    path = given.rules_path(settings)
    rules = read(path, settings.pane)
    return [
        Check("settings", State.OK, "sound"),
        *_examine_broker(settings, rules),
        check_rules(str(path), rules),
        check_worker(str(web_url(settings)), ask(settings, "/readyz")),
        check_secret(settings),
        *_examine_gateway(settings),
        *_examine_notifier(settings),
        *_examine_webhooks(settings),
    ]


def _examine_gateway(settings: Settings) -> list[Check]:
    if not (settings.webhook_hmac or settings.webhook_basic_auth):
        return []
    there = at_the_gateway(settings)
    return [check_gateway(str(web_url(there)), ask(there, "/readyz"))]


def _examine_notifier(settings: Settings) -> list[Check]:
    if settings.notify is None:
        return []
    there = at_the_notifier(settings)
    return [
        check_plan(settings.notify, read_plan(settings.notify, environment())),
        check_notifier(str(web_url(there)), ask(there, "/healthz")),
        *check_told(look_at_telling(settings)),
    ]


def _examine_webhooks(settings: Settings) -> list[Check]:
    if settings.daily_api_key is None:
        return []
    secrets = settings.webhook_hmac.get_secret_value() if settings.webhook_hmac else ""
    try:
        return [check_webhooks(ask_daily(settings, Daily.webhooks, Pace(attempts=1)), secrets)]
    except Ended as failed:
        return [check_webhooks(failed)]


def _examine_broker(settings: Settings, rules: RuleSet | Sequence[Fault]) -> list[Check]:
    try:
        with quiet():
            cluster = asyncio.run(_look_at(settings))
    except (KafkaError, TimeoutError) as error:
        return [check_broker(settings, explain(error))]
    topics = check_topics(settings, cluster.sizes)
    return [
        check_broker(settings, cluster),
        topics,
        *check_topic_settings(settings, rules, cluster),
        check_state(_faults_of_state(settings, rules, topics, cluster)),
        check_lag(settings, cluster),
    ]


def _faults_of_state(
    settings: Settings, rules: RuleSet | Sequence[Fault], topics: Check, cluster: Cluster
) -> Sequence[str] | str:
    if topics.state is not State.OK:
        return "the topics are not as they must be"
    if not isinstance(rules, RuleSet):
        return "the rules file has faults"
    try:
        return faults_of_state(settings, rules, identify(settings, cluster.sizes[settings.events_topic]))
    except (KafkaException, RecoveryStalled) as error:
        return str(error)


async def _look_at(settings: Settings) -> Cluster:
    async with administering(settings) as admin, reading(settings) as consumer:
        described = {topic["topic"]: topic["partitions"] for topic in await topics_of(admin)}
        sizes = {name: len(partitions) for name, partitions in described.items()}
        ours = [name for name in looked_at(settings) if name in sizes]
        configs = await read_configs(admin, ours)
        brokers = len((await admin.describe_cluster())["brokers"])
        topic = settings.events_topic
        partitions = [TopicPartition(topic, partition) for partition in range(sizes.get(topic, 0))]
        ends = await consumer.end_offsets(partitions) if partitions else {}
        committed = await committed_by(admin, settings.app_id)
    return Cluster(
        sizes,
        {tp.partition: end for tp, end in ends.items()},
        {tp.partition: found.offset for tp, found in committed.items() if tp.topic == topic and found.offset >= 0},
        configs,
        {name: min(len(each["replicas"]) for each in described[name]) for name in ours},
        brokers,
    )
