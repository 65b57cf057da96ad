"""Topics that somebody has set by hand: the doctor finds what is wrong, and what it says to run mends it."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from stream.cli.topic_checks import NAME
from stream.topics import changelog_of
from tests.kafka.harness import Delivery, Deployment, deploy
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.webhooks import FORBIDDEN, T0_MS, body

HOUR_MS = 3_600_000
PANES, PRESETS = 12, 990
QUIET_RULES = """
[[rule]]
name = "never"
kind = "threshold"
window = "1m"
min_jobs = 100000
error_rate = 0.99
"""
COMMAND = re.compile(
    r"^kafka-configs.sh --bootstrap-server \S+ --alter --entity-type topics --entity-name (\S+) --add-config (\S+)$"
)


def set_topic(bootstrap: str, topic: str, config: Mapping[str, str]) -> None:
    """Set a topic as `kafka-configs.sh --alter --add-config` does."""
    changes = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=changes)]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for answer in admin.incremental_alter_configs(asked).values():
        answer.result(timeout=30)


def examine(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Return what the doctor finds in topic settings, by what it says."""
    checks = json.loads(deployment.run("doctor", "--json").stdout)
    return {check["what"]: check for check in checks if check["name"] == NAME}


async def test_what_the_doctor_says_to_run_mends_topics_and_a_worker_refuses_one_that_loses_state(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        settings = deployment.settings
        journal = changelog_of(settings.app_id, "journal")
        for topic, config in {
            journal: {"cleanup.policy": "delete", "retention.ms": str(168 * HOUR_MS), "max.message.bytes": "1000"},
            settings.events_topic: {"retention.ms": str(HOUR_MS), "message.timestamp.type": "LogAppendTime"},
            settings.alerts_topic: {"cleanup.policy": "compact", "min.insync.replicas": "2"},
            settings.rejected_topic: {"max.message.bytes": "1000000"},
        }.items():
            await asyncio.to_thread(set_topic, bootstrap, topic, config)
        refused = deployment.run("worker")
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert refused.stderr.count(b"\n") == 1, refused.stderr
        assert (
            f"{journal} would lose state, with cleanup.policy=delete and retention.ms=604800000".encode()
            in refused.stderr
        )
        assert b"--add-config cleanup.policy=compact`" in refused.stderr

        found = examine(deployment)
        assert sorted(check["state"] for check in found.values()) == ["fail"] * 3 + ["warn"] * 4
        for check in found.values():
            for topic, given in filter(None, map(as_command, check["mend"].split("\n"))):
                set_topic(bootstrap, topic, dict(each.split("=") for each in given.split(",")))
        assert list(examine(deployment)) == ["as they should be"]


async def test_a_changelog_that_is_kept_for_ever_is_told_of_and_counted_on(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        rates = changelog_of(deployment.settings.app_id, "rates")
        config = {"cleanup.policy": "delete", "retention.ms": "-1"}
        await asyncio.to_thread(set_topic, bootstrap, rates, config)
        worker = await deployment.start().ready()
        assert f"{rates} grows without end" in worker.log.read_text()


def as_command(line: str) -> tuple[str, str] | None:
    """Return topic and settings of a command that the doctor says to run."""
    found = COMMAND.match(line)
    return (found[1], found[2]) if found else None


async def test_a_journal_that_takes_less_than_a_chunk_changes_is_written_in_smaller_steps(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, QUIET_RULES) as deployment:
        journal, pane_ms = changelog_of(deployment.settings.app_id, "journal"), deployment.settings.pane
        # What is merged has less. Where each job is alone in its preset's pane, what 2,000 of them change has more.
        await asyncio.to_thread(set_topic, bootstrap, journal, {"max.message.bytes": "550000"})
        await deployment.produce([alone(pane, preset, pane_ms) for pane in range(PANES) for preset in range(PRESETS)])
        worker = deployment.start()
        await (await deployment.counted(PANES * PRESETS)).ready()
        for preset in (0, PRESETS - 1):
            await worker.rate(f"preset-{preset}", PANES, "?window=1h")
        assert "records_too_large" in worker.log.read_text()


def alone(pane: int, preset: int, pane_ms: int) -> Delivery:
    """Return a failed job that no other shares its preset's pane with."""
    job, at_ms = f"job-{pane}-{preset}", T0_MS + pane * pane_ms
    return Delivery(body(job, f"preset-{preset}", at_ms, FORBIDDEN), job.encode(), at_ms)
