"""How prompt presetwatch is at a thousand events a second, and what it takes of a core.

    python -m benchmarks.latency

Three figures, from one worker with 20 rules and four partitions: from the producer's call until a job is visible in
`/api/rates`; from the moment when the watermark has passed a tick until that tick's alert is in a consumer's hands; and
the worker's CPU time. The watermark has passed a tick once each partition's broker has taken an event that lies past it
by the allowed lateness.
"""

import asyncio
import json
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import aiohttp
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks import presetwatch, topics
from benchmarks.events import Event, body
from benchmarks.race import PARTITIONS, RULES
from benchmarks.report import machine
from schemas.times import read_time
from stream.domain.routing import partition_of
from stream.local.broker import EmbeddedBroker

RESULTS = Path(__file__).with_name("results")
A_SECOND = 1_000
SECONDS = 120
PANE_SECONDS = 1
LATENESS_SECONDS = 1
ANY = """
[[rule]]
name = "any"
kind = "threshold"
window = "1s"
min_jobs = 1
error_rate = 0.5
confidence = 0
presets = ["failing-*"]
"""


@dataclass(slots=True)
class Sent:
    """What the producer knows: when each partition's log had come to a second of event time."""

    reached: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def acknowledged(self, partition: int, event_seconds: float, at: float) -> None:
        """Note the first record of a second; earlier ones say nothing of it."""
        self.reached[int(event_seconds)].setdefault(partition, at)

    def passed_at(self, tick_seconds: int) -> float | None:
        """Return when the watermark passed a tick."""
        found = self.reached.get(tick_seconds + LATENESS_SECONDS, {})
        return max(found.values()) if len(found) == PARTITIONS else None


async def keep_producing(producer: AIOKafkaProducer, topic: str, sent: Sent) -> None:
    """Produce a thousand events a second, evenly; each second a preset of its own fails."""
    started = time.time()
    for number in range(A_SECOND * SECONDS):
        await asyncio.sleep(max(0.0, started + number / A_SECOND - time.time()))
        now = time.time()
        is_bad = number % 50 == 0
        preset = f"failing-{int(now)}" if is_bad else "summarize"
        event = Event(str(uuid.uuid4()), preset, is_bad, int(now * 1000), now)
        key = event.job_id.encode()
        partition = partition_of(key, b"", PARTITIONS)
        acknowledged = await producer.send(topic, body(event), key, partition)
        acknowledged.add_done_callback(lambda _, p=partition, at=now: sent.acknowledged(p, at, time.time()))


async def receive(bootstrap: str, topic: str, received: dict[int, float]) -> None:
    """Note when each tick's first alert came."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, fetch_max_wait_ms=20) as consumer:
        async for record in consumer:
            alert = json.loads(record.value)
            if alert["kind"] == "fired":
                received.setdefault(read_time(alert["at"]) // 1000, time.time())


async def watch_one(producer: AIOKafkaProducer, topic: str, url: str, samples: list[float]) -> None:
    """Produce a job of a preset that nobody else uses, and ask until it is there, again and again."""
    preset = f"seen-{uuid.uuid4().hex[:6]}"
    async with aiohttp.ClientSession() as session:
        for total in range(1, 301):
            now = time.time()
            event = Event(str(uuid.uuid4()), preset, False, int(now * 1000), now)
            key = event.job_id.encode()
            await producer.send(topic, body(event), key, partition_of(key, b"", PARTITIONS))
            while await _total(session, f"{url}/api/rates/{preset}?window=1h") < total:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            samples.append(time.time() - now)
            await asyncio.sleep(0.05)


async def _total(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return int((await answer.json())["total"]) if answer.status == 200 else 0


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured: seconds, and the share of a core."""

    visible: Sequence[float]
    alerted: Sequence[float]
    core_share: float


async def measure(bootstrap: str, folder: Path) -> Found:
    """Run traffic by a worker: a while alone for its cost, then asked for what it has counted."""
    name = f"latency-{uuid.uuid4().hex[:6]}"
    topics.create(bootstrap, name, PARTITIONS)
    settings = {"PANE": f"{PANE_SECONDS}s", "ALLOWED_LATENESS": f"{LATENESS_SECONDS}s"}
    app = presetwatch.App(bootstrap, name, name, folder, presetwatch.rules(RULES - 1) + ANY, settings)
    sent, received, visible = Sent(), dict[int, float](), list[float]()
    with app.run() as running:
        worker = running.workers[0]
        while worker.health() is None:  # noqa: ASYNC110  # another process, which cannot tell
            await asyncio.sleep(0.1)
        process = psutil.Process(worker.process.pid)
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer, asyncio.TaskGroup() as group:
            listening = group.create_task(receive(bootstrap, f"{name}-alerts", received))
            producing = group.create_task(keep_producing(producer, name, sent))
            await asyncio.sleep(10)  # a worker that has just started is not what is measured
            before, since = sum(process.cpu_times()[:2]), time.monotonic()
            await asyncio.sleep(SECONDS / 2)
            share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - since)
            await watch_one(producer, name, f"http://127.0.0.1:{worker.port}", visible)
            await producing
            listening.cancel()
    passed = {tick: at for tick in received if (at := sent.passed_at(tick)) is not None}
    return Found(visible, [received[tick] - at for tick, at in passed.items()], share)


def report(found: Found) -> str:
    """Return the figures in Markdown."""
    rows = ["| at 1,000 events a second | p50 | p99 | samples |", "|---|---:|---:|---:|"]
    for what, seconds in (
        ("produced until visible in `/api/rates`", found.visible),
        ("watermark past a tick until its alert is received", found.alerted),
    ):
        cuts = quantiles(seconds, n=100, method="inclusive")
        rows.append(f"| {what} | {cuts[49] * 1000:.0f} ms | {cuts[98] * 1000:.0f} ms | {len(seconds)} |")
    head = f"{machine()}; one worker, {RULES} rules, panes of {PANE_SECONDS} s."
    return f"{head}\n\n" + "\n".join(rows) + f"\n\nThe worker took {found.core_share:.1%} of a core.\n"


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="presetwatch-latency-") as folder,
        EmbeddedBroker(Path(folder) / "kafka", 29_592, print) as broker,
    ):
        text = report(asyncio.run(measure(broker.bootstrap, Path(folder))))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latency.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
