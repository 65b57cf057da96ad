"""How soon `/api/rates` answers 200 queries a second while 20,000 events a second are counted, and what that costs.

    python -m benchmarks.queries [--seconds 30] [--workers 1] [--events 20000] [--queries 200]

Traffic of jobs that end now is produced at an even rate by a process of its own, first for a while without queries and
then for as long with them. At a rate that workers can bear, queries cannot lower what is counted a second unless they
make them fall behind; so it also says how long an event took to be counted, and what queries cost. They are sent when
their turn comes, whether or not those before were answered, and each is timed from then on, so that a stall counts
against all who wait (no coordinated omission). The broker is that of KAFKA_BOOTSTRAP, else an embedded one.
"""

import argparse
import asyncio
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import NamedTuple

import aiohttp
from confluent_kafka import Producer

from benchmarks import presetwatch, topics
from benchmarks.measure import Meter
from benchmarks.race import PARTITIONS, RULES
from benchmarks.report import machine
from stream.local.broker import EmbeddedBroker

RESULTS = Path(__file__).with_name("results")
PRESETS = (b"transcript", b"summarize", b"soap-notes", b"action-items")
ONE_IN = 50
"""Jobs of which one fails."""
BURST_SECONDS = 0.01
OK = 200
SETTLING_SECONDS = 10

FINISHED = (
    b'{"version": "1.0.0", "type": "batch-processor.job-finished", "id": "bp-jf-%(job)b", "payload": {"id": "%(job)b", '
    b'"preset": "%(preset)b", "status": "finished", "input": {"sourceType": "uri", "uri": "https://example.com/x"}, '
    b'"output": {"summary": {"format": "txt", "s3Config": {"key": "k", "bucket": "b", "region": "us"}}}}, '
    b'"event_ts": %(at).3f}'
)
FAILED = (
    b'{"version": "1.0.0", "type": "batch-processor.error", "id": "bp-je-%(job)b", "payload": {"id": "%(job)b", '
    b'"preset": "%(preset)b", "status": "error", "input": {"sourceType": "uri", "uri": "https://example.com/x"}, '
    b'"output": {}, "error": "Error: Failed to download: 403 Forbidden"}, "event_ts": %(at).3f}'
)


def produce(bootstrap: str, topic: str, a_second: int) -> None:
    """Produce jobs at an even rate for ever; those that are behind their time are made up for."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "partitioner": "murmur2_random"})
    began, sent, chance = time.time(), 0, Random()
    while True:
        due = int((time.time() - began) * a_second)
        for number in range(sent, due):
            name = b"%032x" % chance.getrandbits(128)
            job = b"-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
            said = {b"job": job, b"preset": PRESETS[number % len(PRESETS)], b"at": time.time()}
            producer.produce(topic, (FINISHED if number % ONE_IN else FAILED) % said, job)
        sent = due
        producer.poll(0)
        time.sleep(BURST_SECONDS)


@contextmanager
def traffic(bootstrap: str, topic: str, a_second: int) -> Iterator[None]:
    """Keep producing."""
    process = multiprocessing.get_context("spawn").Process(
        target=produce, args=(bootstrap, topic, a_second), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


@dataclass(slots=True)
class Asked:
    """What became of the queries; seconds from when each was due."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0


async def ask(session: aiohttp.ClientSession, url: str, due: float, asked: Asked) -> None:
    """Ask once, and note how long after it was due the whole answer was there."""
    try:
        async with session.get(url) as answer:
            await answer.read()
            asked.refused += answer.status != OK
    except (aiohttp.ClientError, TimeoutError):
        asked.refused += 1
    asked.seconds.append(time.monotonic() - due)


async def keep_asking(urls: list[str], a_second: int, seconds: float, asked: Asked) -> None:
    """Ask workers in turn, at an even rate."""
    began = time.monotonic()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for number in range(int(a_second * seconds)):
            due = began + number / a_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(ask(session, urls[number % len(urls)], due, asked))


class Stretch(NamedTuple):
    """What workers did in a while."""

    counted: float
    """Events a second."""
    cores: float
    wait_ms: float
    """How long an event took on average from its record's timestamp until it was counted and published."""


@dataclass(slots=True)
class Watch:
    """Looks at workers from outside."""

    running: presetwatch.Workers
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.running.processes)

    async def over(self, seconds: float, doing: asyncio.Task[None] | None = None) -> Stretch:
        """Watch for a while."""
        waits, counted = await asyncio.to_thread(self.running.waits), await asyncio.to_thread(self.running.counted)
        cost = self.meter.read()
        await asyncio.sleep(seconds)
        later = self.meter.read()
        done = await asyncio.to_thread(self.running.counted) - counted
        waited = [now - before for now, before in zip(await asyncio.to_thread(self.running.waits), waits, strict=True)]
        if doing is not None:
            await doing
        passed = later.at - cost.at
        cores = (later.cpu_seconds - cost.cpu_seconds) / passed
        return Stretch(done / passed, cores, waited[0] / waited[1] * 1000)


async def measure(bootstrap: str, folder: Path, given: argparse.Namespace) -> tuple[Stretch, Stretch, Asked]:
    """Run traffic by the workers, without queries and with them."""
    name = f"queries-{uuid.uuid4().hex[:6]}"
    topics.create(bootstrap, name, PARTITIONS)
    app = presetwatch.App(bootstrap, name, name, folder, presetwatch.rules(RULES))
    asked = Asked()
    with app.run(given.workers) as running:
        while any(worker.health() is None for worker in running.workers):  # noqa: ASYNC110  # other processes
            await asyncio.sleep(0.1)
        urls = [f"http://127.0.0.1:{worker.port}/api/rates?window=5m" for worker in running.workers]
        watch = Watch(running)
        with traffic(bootstrap, name, given.events):
            await asyncio.sleep(SETTLING_SECONDS)
            alone = await watch.over(given.seconds)
            await keep_asking(urls, given.queries, 2, Asked())  # connections and caches are what they will be
            asking = asyncio.create_task(keep_asking(urls, given.queries, given.seconds, asked))
            together = await watch.over(given.seconds, asking)
    return alone, together, asked


def report(given: argparse.Namespace, alone: Stretch, together: Stretch, asked: Asked) -> str:
    """Return the figures in Markdown."""
    cuts = [cut * 1000 for cut in quantiles(asked.seconds, n=1000, method="inclusive")]
    slower, kept_up = 1 - together.counted / alone.counted, together.counted / given.events
    dearer = together.cores - alone.cores
    load = f"load average {os.getloadavg()[0]:.1f}, nice {os.nice(0)}"
    return f"""{machine()}; {given.workers} worker(s), {RULES} rules, {PARTITIONS} partitions. Broker, producer, workers
and the queries share these cores with whatever else runs; {load}.

| {given.events:,} events a second offered, for {given.seconds:g} s each | without queries | {given.queries} a second |
|---|---:|---:|
| counted, events a second | {alone.counted:,.0f} | {together.counted:,.0f} |
| cores that the workers took | {alone.cores:.2f} | {together.cores:.2f} |
| from a record's timestamp until it is counted, on average | {alone.wait_ms:.0f} ms | {together.wait_ms:.0f} ms |

{len(asked.seconds):,} answers from `/api/rates`, {asked.refused} of them no 200: p50 {cuts[499]:.1f} ms,
p90 {cuts[899]:.1f} ms, p99 {cuts[989]:.1f} ms, worst {max(asked.seconds) * 1000:.0f} ms, from when each was due.

**What this shows.** At this rate queries slowed ingest by {slower:.1%}: what was counted with them is {kept_up:.1%} of
what was offered, so the workers kept up. A query took {dearer / given.queries * 1000:.1f} ms of CPU time.

**What it does not.** How much slower a worker becomes that is at its limit was not measured. It has to do without the
{dearer:.2f} of a core that {given.queries} queries a second take, and so counts some {dearer / given.workers:.0%} less.
"""


def stop(*_: object) -> None:
    """End as after an error, so that whatever was started is ended as well."""
    sys.exit("stopped")


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--events", type=int, default=20_000, help="offered a second")
    parser.add_argument("--queries", type=int, default=200, help="a second")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="presetwatch-queries-")))
        bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
        if not bootstrap:
            bootstrap = stack.enter_context(EmbeddedBroker(folder / "kafka", 29_593, print)).bootstrap
        text = report(given, *asyncio.run(measure(bootstrap, folder, given)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "queries.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
