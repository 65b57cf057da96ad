"""Counts and alerts stay those of the log, whatever happens to the workers."""

import asyncio
import random
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from stream.domain.panes import pane_start
from stream.domain.queries import Window, rate_in
from stream.local.traffic import generate
from stream.reader import CHUNK_RECORDS
from tests.kafka.harness import Delivery, Deployment, Worker, deploy
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.webhooks import T0_MS, body

TRAFFIC = [Delivery(d.value, d.key, d.arrives_at_ms) for d in generate(7, 20)]
HALF = len(TRAFFIC) // 2


async def assert_exact(deployment: Deployment) -> None:
    """Compare every preset's rate over all that is kept, and every alert, with the pure fold of the log."""
    await deployment.caught_up()
    worker = await deployment.counted(len(deployment.log))
    _, events = deployment.replay()
    assert [event.to_json() for event in await deployment.alerts()] == [event.to_json() for event in events]
    await assert_counts(deployment, worker)


async def assert_counts(deployment: Deployment, worker: Worker) -> None:
    """Compare every preset's rate over all that is kept with the pure fold of the log."""
    replay, _ = deployment.replay()
    for name, preset in replay.board.presets.items():
        series = await worker.answer(f"/api/rates/{name or '*'}/series?span=25m&step=10s")
        counted = {(p["window_start"], p["errors"], p["finished"]) for p in series["points"] if p["total"]}
        panes = [Window(start, pane_start(start, 10_000) + 10_000) for start in preset.panes]
        rates = [rate_in(replay.board, name, pane).model_dump(mode="json") for pane in panes]
        assert counted == {(rate["window_start"], rate["errors"], rate["finished"]) for rate in rates if rate["total"]}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_with_a_backlog_counts_each_job_once(
    bootstrap: str, unique: str, tmp_path: Path, ending: signal.Signals
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        worker = await deployment.start().ready()
        await deployment.produce(TRAFFIC[:HALF])
        worker.kill(ending)
        await deployment.produce(TRAFFIC[HALF:])
        await deployment.start().ready()
        await assert_exact(deployment)


async def test_a_backlog_of_many_chunks_of_one_partition_is_counted_to_its_end(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    jobs = (str(uuid5(NAMESPACE_OID, str(number))) for number in range(8 * CHUNK_RECORDS))
    backlog = [
        Delivery(body(job, "summarize", T0_MS + number), job.encode(), T0_MS + number)
        for number, job in enumerate(jobs)
    ]
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES, partitions=1) as deployment:
        await deployment.produce(backlog)
        await deployment.start().ready()
        await assert_exact(deployment)


async def under_traffic(deployment: Deployment, disturb: Callable[[], Coroutine[Any, Any, None]]) -> None:
    disturbance = asyncio.create_task(disturb())
    for start in range(0, len(TRAFFIC), 50):
        await deployment.produce(TRAFFIC[start : start + 50])
        await asyncio.sleep(0.05)  # paces the traffic; nothing is waited for
    await disturbance


async def test_a_second_worker_that_joins_and_leaves_changes_nothing(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()

        async def disturb() -> None:
            second = await deployment.start().ready()
            second.kill(signal.SIGTERM)
            await deployment.start().ready()

        await under_traffic(deployment, disturb)
        await assert_exact(deployment)


async def test_kills_under_traffic_change_nothing(bootstrap: str, unique: str, tmp_path: Path) -> None:
    chance = random.Random(11)
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()

        async def disturb() -> None:
            for _ in range(3):
                victim: Worker = deployment.workers[-1]
                await asyncio.sleep(chance.random())  # where the kill falls is meant to be arbitrary
                victim.kill()
                await deployment.start().ready()

        await under_traffic(deployment, disturb)
        await assert_exact(deployment)
