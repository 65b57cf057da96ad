"""Jobs that no webhook told of, from a stand-in for Daily onto a real topic, and counted by a real worker."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from stream.daily.event_log import extents, times_of
from tests.daily.stub import KEY, DailyStub, Fault, job, serving
from tests.kafka.harness import Delivery, Deployment, body, deploy, eventually

RULES = '[[rule]]\nname = "any"\nkind = "threshold"\nwindow = "1m"\nerror_rate = 0.99\nmin_jobs = 1\nconfidence = 0\n'


@pytest.fixture
def daily() -> Iterator[DailyStub]:
    with serving(requests_a_second=20) as stub:
        yield stub


def jobs_of(count: int) -> list[dict[str, Any]]:
    """Return jobs, newest first, of which each fourth has failed and the newest still runs."""
    ended = [job(number, "error" if number % 4 == 0 else "finished") for number in range(1, count)]
    return [job(0, "processing"), *ended]


def webhook(of: dict[str, Any], at: float) -> Delivery:
    error = of.get("error")
    return Delivery(body(of["id"], of["preset"], error, at), of["id"].encode())


def reconcile(deployment: Deployment, daily: DailyStub, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "stream", "reconcile", *arguments]
    env = {**deployment.environment, **daily.env()}
    return subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)


async def appended_to(deployment: Deployment) -> list[Any]:
    records = await deployment.read(deployment.settings.events_topic)
    return [record for record in records if "reconciled-at" in dict(record.headers)]


async def test_lost_jobs_are_appended_once_and_counted_once(
    bootstrap: str, unique: str, tmp_path: Path, daily: DailyStub
) -> None:
    daily.jobs = jobs_of(150)
    now = time.time()
    times = {each["id"]: now - 10 * place for place, each in enumerate(daily.jobs)}
    told = [each for place, each in enumerate(daily.jobs) if place and place % 5]
    lost = [each for place, each in enumerate(daily.jobs) if place and not place % 5]
    async with deploy(bootstrap, unique, tmp_path, RULES) as deployment:
        others = [Delivery(b'{"test":"test"}'), Delivery(b"not json"), Delivery(None, b"a")]
        await deployment.produce([*others, *(webhook(each, times[each["id"]]) for each in reversed(told))])

        dry = await asyncio.to_thread(reconcile, deployment, daily, "--dry-run")
        assert dry.stdout.decode().endswith(f"0 appended, {len(lost)} lacking, 1 not ended yet\n"), dry.stderr
        assert await appended_to(deployment) == []

        done = await asyncio.to_thread(reconcile, deployment, daily, "--json")
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert (figures["known"], figures["appended"], figures["running"]) == (len(told), len(lost), 1)
        appended = await appended_to(deployment)
        assert Counter(record.key.decode() for record in appended) == Counter(each["id"] for each in lost)
        for record in appended:
            event = json.loads(record.value)
            assert event["event_ts"] == pytest.approx(times[event["payload"]["id"]], abs=25)

        again = await asyncio.to_thread(reconcile, deployment, daily)
        assert again.stdout.decode().startswith(f"150 jobs at Daily: {len(told) + len(lost)} on"), again.stderr
        assert len(await appended_to(deployment)) == len(lost)

        # The webhooks come after all: copies, whatever time was estimated.
        await deployment.produce([webhook(each, times[each["id"]]) for each in lost])
        worker = await deployment.start().ready()
        await deployment.counted(len(others) + len(told) + 2 * len(lost))
        rate = await worker.rate("summarize", 149, "?window=1h")
        assert rate["errors"] == sum(each["status"] == "error" for each in daily.jobs)


async def test_an_interrupted_run_is_finished_by_the_next_one(
    bootstrap: str, unique: str, tmp_path: Path, daily: DailyStub
) -> None:
    daily.jobs = jobs_of(101)

    async def some() -> bool | None:
        return len(await appended_to(deployment)) > 10 or None

    async with deploy(bootstrap, unique, tmp_path, RULES) as deployment:
        await deployment.produce([webhook(daily.jobs[-1], time.time() - 3_000)])
        command = [sys.executable, "-m", "stream", "reconcile"]
        env = {**deployment.environment, **daily.env()}
        for number in (signal.SIGINT, signal.SIGKILL):
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
            await eventually(some, "some jobs appended")
            process.send_signal(number)
            _, said = await process.communicate()
            if number == signal.SIGINT:
                assert b"Interrupted. So far" in said
                assert b"Traceback" not in said
                assert len(await appended_to(deployment)) < 99
        done = await asyncio.to_thread(reconcile, deployment, daily)
        assert done.returncode == 0, done.stderr
        assert Counter(record.key.decode() for record in await appended_to(deployment)) == Counter(
            each["id"] for each in daily.jobs[1:-1]
        )


async def test_a_topic_without_its_oldest_records_is_only_held_against_the_newest_jobs(
    bootstrap: str, unique: str, tmp_path: Path, daily: DailyStub
) -> None:
    daily.jobs = jobs_of(20)
    async with deploy(bootstrap, unique, tmp_path, RULES) as deployment:
        await deployment.produce([webhook(each, time.time()) for each in reversed(daily.jobs[1:])])
        places = await extents(deployment.settings, deployment.partitions)
        [partition, *_] = [number for number, extent in places.items() if extent.end > 1]
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            place = TopicPartition(deployment.settings.events_topic, partition)
            await admin.delete_records({place: RecordsToDelete(before_offset=1)})
        finally:
            await admin.close()
        refused = await asyncio.to_thread(reconcile, deployment, daily)
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert f"(partition {partition} before 1)".encode() in refused.stderr
        done = await asyncio.to_thread(reconcile, deployment, daily, "--newest", "1", "--json")
        assert json.loads(done.stdout)["listed"] == 1, done.stderr
        known = await times_of({each["id"] for each in daily.jobs}, deployment.settings, deployment.partitions)
        assert len(known) == 18


async def test_a_broker_or_a_daily_that_is_gone_is_exit_code_3(
    bootstrap: str, unique: str, tmp_path: Path, daily: DailyStub
) -> None:
    async with deploy(bootstrap, unique, tmp_path, RULES) as deployment:
        daily.faults = [Fault(503, headers={"Retry-After": "0"})] * 9
        done = await asyncio.to_thread(reconcile, deployment, daily)
        assert (done.returncode, done.stdout) == (3, b"")
        assert b"Daily cannot do GET /v1/batch-processor now (503)" in done.stderr
        assert b"0 events appended" in done.stderr
        daily.faults = [Fault(401)]
        refused = await asyncio.to_thread(reconcile, deployment, daily)
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert KEY.encode() not in refused.stderr
        daily.jobs = jobs_of(3)
        lost = await asyncio.to_thread(reconcile, deployment, daily, "--after", "nobody")
        assert (lost.returncode, lost.stdout) == (1, b"")
        assert lost.stderr.endswith(b"no such job: nobody). Name a job that Daily lists, or leave --after out.\n")
