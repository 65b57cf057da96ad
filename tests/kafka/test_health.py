"""A worker in which something hangs says what, within a minute; one that is sent rubbish says so at once."""

import asyncio
import signal
from pathlib import Path
from time import monotonic
from typing import Any

from confluent_kafka import KafkaException
from faust.types import TP

from stream.clients import librdkafka
from stream.probe import Probe
from tests.kafka.chaos.broker import Broker
from tests.kafka.harness import Delivery, Worker, deploy, eventually
from tests.kafka.late_worker import AFTER_SECONDS
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.webhooks import T0_MS, body

WITHIN_SECONDS = 60.0
JUNK = 150
FROZEN_SECONDS = 45.0


async def says(worker: Worker, fault: str, status: int) -> dict[str, Any]:
    """Return what a worker says of its health once it names a fault."""

    async def look() -> dict[str, Any] | None:
        got, health = await worker.get("/healthz")
        return health if got == status and fault in {each["name"] for each in health["faults"]} else None

    health: dict[str, Any] = await eventually(look, f"{fault} named")
    assert await metric(worker, f'presetwatch_fault{{name="{fault}"}}') == 1
    return health


async def metric(worker: Worker, sample: str) -> float:
    """Return a sample of a worker's metrics."""
    text = await worker.text("/metrics")
    return float(next(line for line in text.splitlines() if line.startswith(f"{sample} ")).rpartition(" ")[2])


def job(number: int) -> Delivery:
    at_ms = T0_MS + number
    return Delivery(body(f"job-{number}", "summarize", at_ms), b"job-%d" % number, at_ms)


# What hangs, what is said, and with which status: 503 asks whoever supervises the worker for a restart.
HANGS = {
    "agent": ("agent", 503, "failing"),
    "consumer": ("consumer", 503, "failing"),
    "recovery": ("recovery", 503, "failing"),
    "time": ("watermark", 200, "degraded"),
}


async def test_whatever_hangs_is_named_within_a_minute(bootstrap: str, unique: str, tmp_path: Path) -> None:
    folders = {part: tmp_path / part for part in HANGS}
    for folder in folders.values():
        folder.mkdir()
    async with asyncio.TaskGroup() as group:
        for part, folder in folders.items():
            group.create_task(_hangs(bootstrap, f"{unique}-{part}", folder, part))


async def _hangs(bootstrap: str, unique: str, folder: Path, part: str) -> None:
    fault, http_status, said = HANGS[part]
    async with deploy(bootstrap, unique, folder, DEMO_RULES, idle_after=1_000, pane=1_000) as deployment:
        deployment.entry = "tests.kafka.hung_worker"
        (folder / "worker-0.trigger").write_text(part)
        worker = deployment.start()
        if part != "recovery":
            await worker.ready()
        await deployment.produce([job(number) for number in range(100)])
        since = monotonic()
        health = await says(worker, fault, http_status)
        assert monotonic() - since < WITHIN_SECONDS
        assert health["status"] == said


async def test_a_worker_whose_last_commit_is_never_answered_ends_all_the_same(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        deployment.entry = "tests.kafka.hung_worker"
        (tmp_path / "worker-0.trigger").write_text("stop")
        worker = await deployment.start().ready()
        await deployment.produce([job(number) for number in range(100)])
        await worker.rate("summarize", 100, "?window=1h")
        assert await asyncio.to_thread(worker.kill, signal.SIGTERM) == 1
        assert "stop_took_too_long" in worker.log.read_text()
        deployment.entry = ""
        await (await deployment.start().ready()).rate("summarize", 100, "?window=1h")


async def test_a_worker_whose_broker_tells_late_of_a_topic_is_ready_when_it_has_it_and_does_not_wait_for_long(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        deployment.entry = "tests.kafka.late_worker"
        since = monotonic()
        worker = await deployment.start().ready()
        assert monotonic() - since > AFTER_SECONDS
        await deployment.produce([job(number) for number in range(100)])
        await worker.rate("summarize", 100, "?window=1h")
        assert monotonic() - since < WITHIN_SECONDS


async def test_rubbish_is_parked_and_said_loudly(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        worker = await deployment.start().ready()
        await eventually(lambda: _is_sound(worker), "the first look")
        await deployment.produce([Delivery(b"{not json", None, T0_MS) for _ in range(JUNK)])
        health = await says(worker, "rejected", 200)
        assert health["status"] == "degraded"
        assert f"{JUNK} of the last {JUNK} records were rejected" in health["faults"][0]["detail"]
        assert await metric(worker, 'presetwatch_records_rejected_total{reason="not_json"}') == JUNK
        assert len(await deployment.read(deployment.settings.rejected_topic)) == JUNK
        await deployment.produce([job(1)])
        await worker.rate("summarize", 1, "?window=1h")
    assert "unwell" in worker.log.read_text()


async def _ends(probe: Probe, places: list[TP]) -> dict[TP, int] | None:
    try:
        return await asyncio.to_thread(probe.ends, places)
    except KafkaException:
        return None


async def _is_sound(worker: Worker) -> bool | None:
    status, health = await worker.get("/healthz")
    return (status == 200 and health["status"] == "ok") or None


async def test_a_broker_out_of_reach_is_named_and_forgotten_when_it_is_back(unique: str, tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka")
    await broker.start()
    try:
        async with deploy(broker.bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
            worker = await deployment.start().ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(broker.freeze(FROZEN_SECONDS))
                assert (await says(worker, "broker", 200))["status"] == "degraded"
            await eventually(lambda: _is_sound(worker), "sound again")
            # Each restart begins another leader epoch; a client that keeps to an old one is refused ever after.
            probe, places = Probe(librdkafka(deployment.settings)), [TP(deployment.settings.events_topic, 0)]
            for _ in range(3):
                await eventually(lambda: _ends(probe, places), "an answer")
                await broker.restart()
            await eventually(lambda: _ends(probe, places), "an answer after every restart")
    finally:
        await broker.stop()
