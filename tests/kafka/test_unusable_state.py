"""State that cannot be counted on from: worker and doctor say the same sentence, and what it says to do works.

Law: never a silent wrong number and never an endless wait.
"""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import OFFSET_END, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from stream.topics import KEPT_FOR_EVER, changelog_of
from tests.kafka.harness import Delivery, Deployment, deploy, eventually
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.webhooks import T0_MS, TIMEOUT, body

JOBS = 200


@pytest.fixture
async def deployment(bootstrap: str, unique: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment whose worker has counted some jobs and then stopped."""
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployed:
        worker = await deployed.start().ready()
        # A few at a time, so that there are several batches with a journal record each.
        for some in range(0, JOBS, 50):
            await deployed.produce([_job(number) for number in range(some, some + 50)])
            await deployed.counted(some + 50)
        worker.kill(signal.SIGTERM)
        yield deployed


def _job(number: int) -> Delivery:
    job, at_ms = f"job-{number}", T0_MS + number * 100
    return Delivery(body(job, "summarize", at_ms, TIMEOUT if number % 3 == 0 else None), job.encode(), at_ms)


def doctors_word(deployment: Deployment, check: str) -> dict[str, str]:
    """Return what the doctor finds about one thing."""
    checks = json.loads(deployment.run("doctor", "--json").stdout)
    found: dict[str, str] = next(found for found in checks if found["name"] == check)
    return found


def assert_is_named(deployment: Deployment, *words: str, check: str = "state") -> None:
    """See that the worker ends at once, and that it and the doctor say what is wrong and what to do."""
    ended, found = deployment.run("worker"), doctors_word(deployment, check)
    said = ended.stderr.decode().splitlines()[-1]
    assert ended.returncode == 1
    assert found["state"] == "fail"
    for word in (*words, "PRESETWATCH_APP_ID"):
        assert word in said
        assert word in found["what"] + found["mend"]


@asynccontextmanager
async def under_a_new_name(deployment: Deployment) -> AsyncIterator[Deployment]:
    """Do what the sentence says."""
    anew = replace(deployment, workers=[], directory=deployment.directory / "anew")
    anew.settings = deployment.settings.model_copy(update={"app_id": f"{deployment.settings.app_id}-anew"})
    anew.directory.mkdir()
    try:
        yield anew
    finally:
        anew.stop()


async def assert_rebuilds(deployment: Deployment, total: int) -> None:
    """See that a new app id counts everything the log holds."""
    async with under_a_new_name(deployment) as anew:
        await (await anew.start().ready()).rate("summarize", total, "?window=1h")
        assert doctors_word(anew, "state")["state"] == "ok"


async def overwrite_journal(deployment: Deployment, partition: int, key: bytes, value: bytes | None) -> None:
    """Write to a journal as its present owner."""
    topic = changelog_of(deployment.settings.app_id, "journal")
    records = [record for record in await deployment.read(topic) if record.partition == partition]
    claim = [record.value for record in records if record.key.startswith(b"claim:") and record.value][-1]
    async with AIOKafkaProducer(bootstrap_servers=deployment.settings.bootstrap) as producer:
        await producer.send_and_wait(topic, value, key, partition, headers=[("writer", claim)])


async def batches(deployment: Deployment) -> dict[int, list[bytes]]:
    """Return the keys of the batches that each journal holds, in order."""
    held: dict[tuple[int, bytes], Any] = {}
    for record in await deployment.read(changelog_of(deployment.settings.app_id, "journal")):
        held[record.partition, record.key] = record.value
    keys = sorted(where for where, value in held.items() if value is not None)
    of = {partition: b"%d:" % partition for partition, _ in keys}
    return {p: [key for at, key in keys if at == p and key.startswith(of[p]) and b":time:" not in key] for p in of}


async def test_sound_state_is_left_alone(deployment: Deployment) -> None:
    assert doctors_word(deployment, "state") == {
        "name": "state",
        "state": "ok",
        "what": "a worker can count on from what is stored",
        "mend": "",
    }
    await (await deployment.start().ready()).rate("summarize", JOBS, "?window=1h")


async def test_a_corrupt_journal_record(deployment: Deployment) -> None:
    keys = await batches(deployment)
    await overwrite_journal(deployment, 1, keys[1][0], b'{"v":1,"first":')
    assert_is_named(deployment, f"{deployment.settings.app_id}-journal-changelog[1]", "is corrupt")
    await assert_rebuilds(deployment, JOBS)


async def test_a_journal_record_that_is_gone(deployment: Deployment) -> None:
    keys = await batches(deployment)
    assert len(keys[2]) > 2
    await overwrite_journal(deployment, 2, keys[2][1], None)
    assert_is_named(deployment, f"{deployment.settings.app_id}-journal-changelog[2]", "nothing accounts for offsets")
    await assert_rebuilds(deployment, JOBS)


async def test_a_log_that_was_cut_while_nobody_read_it_is_counted_on_from_where_it_begins(
    deployment: Deployment,
) -> None:
    admin = AdminClient({"bootstrap.servers": deployment.settings.bootstrap})
    topic = deployment.settings.events_topic
    await deployment.produce([_job(number) for number in range(JOBS, 2 * JOBS)])
    cut = [TopicPartition(topic, each, OFFSET_END) for each in range(deployment.partitions)]
    for answer in admin.delete_records(cut).values():
        answer.result(30)
    await deployment.produce([_job(number) for number in range(2 * JOBS, 3 * JOBS)])
    worker = await deployment.start().ready()
    await worker.rate("summarize", 2 * JOBS, "?window=1h")
    assert "presetwatch_records_lost_total 200.0" in await worker.text("/metrics")
    assert doctors_word(deployment, "state")["state"] == "ok"
    # What the log has lost must not look like a hole in the journal to whoever counts on.
    worker.kill()
    await (await deployment.start().ready()).rate("summarize", 2 * JOBS, "?window=1h")


async def test_an_events_topic_that_was_made_anew(deployment: Deployment) -> None:
    admin = AdminClient({"bootstrap.servers": deployment.settings.bootstrap})
    topic = deployment.settings.events_topic
    admin.delete_topics([topic])[topic].result(30)

    async def is_gone() -> bool | None:
        return topic not in admin.list_topics(timeout=10).topics or None

    await eventually(is_gone, "the topic deleted")
    # The records' times are long past: with a broker's own retention they could be gone before they are counted.
    admin.create_topics([NewTopic(topic, deployment.partitions, config=KEPT_FOR_EVER)])[topic].result(30)
    await eventually(lambda: is_there(admin, topic), "the topic made anew")
    deployment.log.clear()
    # More than before: by their offsets alone the two logs could not be told apart.
    await deployment.produce([_job(number) for number in range(2 * JOBS)])
    assert_is_named(deployment, "made anew")
    await assert_rebuilds(deployment, 2 * JOBS)


async def is_there(admin: AdminClient, topic: str) -> bool | None:
    """Tell whether a topic can be written to."""
    found = admin.describe_topics(TopicCollection([topic]))[topic]
    return found.exception() is None or None


async def test_a_partition_count_that_was_changed(deployment: Deployment) -> None:
    admin = AdminClient({"bootstrap.servers": deployment.settings.bootstrap})
    topic = deployment.settings.events_topic
    admin.create_partitions([NewPartitions(topic, 8)])[topic].result(30)
    assert_is_named(deployment, "has 4", f"{topic} has 8", "equal", check="topics")
    deployment.partitions = 8
    await deployment.produce([_job(number) for number in range(JOBS, 2 * JOBS)])
    # Jobs that came before lie where they do not belong any more, and their copies are found all the same.
    await deployment.produce([_job(number) for number in range(2 * JOBS)])
    await assert_rebuilds(deployment, 2 * JOBS)
