"""Real worker processes on a real broker, and what they must have done by the end.

The reference is the pure fold of the same records. A deployment has topics, an app id and settings of its own, so any
number of them share a broker.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import SecretStr

from schemas.alert import AlertEvent
from stream.clients import connection
from stream.domain.causes import Causes
from stream.domain.replay import Replay, Replayed
from stream.domain.routing import partition_of
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.rules_file import load
from stream.settings import Settings
from stream.topics import ensure_topics

Found = TypeVar("Found")
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.05
DURATIONS = frozenset({"pane", "allowed_lateness", "idle_after", "dedupe_horizon"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record for the events topic; without a time the broker's clock stamps it."""

    value: bytes | None
    key: bytes | None = None
    arrives_at_ms: int | None = None


async def eventually(look: Callable[[], Awaitable[Found | None]], what: str) -> Found:
    """Look until something is found; the broker and other processes cannot tell a test that they are done."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := await look()) is None:  # noqa: ASYNC110  # there is no event to wait for
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"after {PATIENCE_SECONDS:g} s still not: {what}") from None
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(slots=True)
class Worker:
    """A worker process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    number: int = 0

    @property
    def trigger(self) -> Path:
        """The file by which a worker that can be hit is told when."""
        return self.log.with_suffix(".trigger")

    async def get(self, path: str) -> tuple[int, Any]:
        """Return the status and JSON body of a request, or 0 and None while nobody listens."""
        try:
            timeout = aiohttp.ClientTimeout(total=5)
            url = f"http://127.0.0.1:{self.port}{path}"
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError):
            return 0, None

    async def text(self, path: str) -> str:
        """Return the body of a request."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()

    async def answer(self, path: str) -> Any:
        """Return the answer to a request once there is one."""

        async def look() -> Any:
            status, answer = await self.get(path)
            return answer if status == 200 else None

        return await eventually(look, f"an answer from {path}")

    async def rate(self, preset: str, total: int, query: str = "") -> dict[str, Any]:
        """Return a preset's rate once it counts so many jobs."""

        async def look() -> dict[str, Any] | None:
            status, rate = await self.get(f"/api/rates/{quote(preset, safe='')}{query}")
            return rate if status == 200 and rate["total"] == total else None

        return await eventually(look, f"{total} jobs of {preset}")

    async def decided_to(self, at_ms: int) -> None:
        """Wait until every partition has been decided to an instant; alerts are acknowledged before that is said."""

        async def look() -> bool | None:
            status, health = await self.get("/healthz")
            ticks = list(health["decided_to_ms"].values()) if status == 200 else []
            return (bool(ticks) and all(tick is not None and tick >= at_ms for tick in ticks)) or None

        await eventually(look, f"decided to {at_ms}")

    async def ready(self) -> "Worker":
        """Wait until the worker has recovered what it owns."""

        async def look() -> bool | None:
            assert self.process.poll() is None, f"worker ended: {self.log.read_text()[-3000:]}"
            return (await self.get("/readyz"))[0] == 200 or None

        await eventually(look, "worker ready")
        return self

    def kill(self, with_signal: int = signal.SIGKILL) -> int:
        """End the worker and return its exit status."""
        self.process.send_signal(with_signal)
        return self.process.wait(timeout=PATIENCE_SECONDS)


@dataclass(slots=True)
class Deployment:
    """Workers, topics and settings that belong together."""

    settings: Settings
    rules: RuleSet
    directory: Path
    partitions: int = 0
    workers: list[Worker] = field(default_factory=list)
    log: list[Replayed] = field(default_factory=list)
    for_workers: dict[str, str] = field(default_factory=dict)
    """Environment of the processes alone, where they reach the broker otherwise than the test does."""
    entry: str = ""
    """The module that runs as a worker, given its trigger file; by default the command that everyone uses."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this deployment's processes."""
        given = self.settings.model_dump(exclude_defaults=True)
        named = {f"PRESETWATCH_{name.upper()}": _as_text(name, given[name]) for name in given}
        return {**os.environ, **named, **self.for_workers}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        command = [sys.executable, "-m", "stream", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=120, check=False)

    async def produce(self, deliveries: Sequence[Delivery]) -> None:
        """Append records to the events topic, in order, and wait until they are there."""
        async with self._producer() as producer:
            sent = [await self._send(producer, delivery) for delivery in deliveries]
            for delivery, acknowledged in zip(deliveries, await asyncio.gather(*sent), strict=True):
                where, key, at_ms = acknowledged, delivery.key, delivery.arrives_at_ms
                # aiokafka was seen to tell one time for all records of a batch.
                at_ms = where.timestamp if at_ms is None else at_ms
                self.log.append(Replayed(where.partition, where.offset, at_ms, key, delivery.value))

    async def _send(self, producer: AIOKafkaProducer, delivery: Delivery) -> Any:
        partition = partition_of(delivery.key, delivery.value or b"", self.partitions)
        topic, at_ms = self.settings.events_topic, delivery.arrives_at_ms
        return await producer.send(topic, delivery.value, delivery.key, partition, timestamp_ms=at_ms)

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        async with AIOKafkaProducer(
            **connection(self.settings), max_request_size=17 * 2**20, enable_idempotence=True
        ) as producer:
            yield producer

    def start(self, port: int | None = None) -> Worker:
        """Start another worker process."""
        port = port or free_port()
        number = len(self.workers)
        log = self.directory / f"worker-{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *self._command(log)],
                env={**self.environment, "PRESETWATCH_WEB_PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.workers.append(Worker(process, port, log, number))
        return self.workers[-1]

    def _command(self, log: Path) -> list[str]:
        return [self.entry, str(log.with_suffix(".trigger"))] if self.entry else ["stream", "worker"]

    async def answering(self) -> Worker:
        """Return a worker that is ready."""

        async def look() -> Worker | None:
            for worker in self.workers:
                if worker.process.poll() is None and (await worker.get("/readyz"))[0] == 200:
                    return worker
            return None

        return await eventually(look, "a worker that is ready")

    def stop(self) -> None:
        """Kill every worker that still runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()

    async def read(self, topic: str) -> list[Any]:
        """Return every record that a topic holds now."""
        consumer = AIOKafkaConsumer(**connection(self.settings), auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, p) for p in await _partitions_of(consumer, topic)]
            ends = await consumer.end_offsets(partitions)
            consumer.assign(partitions)
            await consumer.seek_to_beginning()
            return await _read_to(consumer, ends)
        finally:
            await consumer.stop()

    async def alerts(self) -> list[AlertEvent]:
        """Return the alert events sent so far, each id once, in the order of their ticks."""
        records = await self.read(self.settings.alerts_topic)
        events = {event.id: event for event in (AlertEvent.model_validate_json(record.value) for record in records)}
        return in_order(events.values())

    def expected(self) -> list[AlertEvent]:
        """Return the alert events of the pure fold over what was produced."""
        return in_order(self.replay()[1])

    def replay(self) -> tuple[Replay, list[AlertEvent]]:
        """Fold what was produced, and return the fold with its events."""
        causes = Causes(self.rules.reasons)
        deciding = deciding_policy(self.settings, self.rules, causes, self.partitions)
        replay = Replay(counting_policy(self.settings, self.rules), deciding, causes)
        return replay, list(replay.run(self.log))

    async def caught_up(self) -> None:
        """Wait until everything produced has been counted and all that was expected has been sent."""
        expected = {event.id for event in self.expected()}

        async def look() -> bool | None:
            return expected <= {event.id for event in await self.alerts()} or None

        await eventually(look, f"{len(expected)} alert events on the topic")

    async def counted(self, total: int) -> Worker:
        """Wait until the workers together have read so many records, those they forwarded too; return one of them."""
        await self._read_up_to(total, "source_positions")
        return await self._read_up_to(await self._end(self.settings.rekeyed_topic), "rekeyed_positions")

    async def _read_up_to(self, total: int, positions: str) -> Worker:
        async def look() -> Worker | None:
            alive = [worker for worker in self.workers if worker.process.poll() is None]
            answers = [await worker.get("/healthz") for worker in alive]
            read = sum(sum(answer[positions].values()) for status, answer in answers if status == 200)
            return alive[0] if read == total else None

        return await eventually(look, f"{total} records read by their {positions}")

    async def _end(self, topic: str) -> int:
        consumer = AIOKafkaConsumer(**connection(self.settings))
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(topic, p) for p in await _partitions_of(consumer, topic)])
            return sum(ends.values())
        finally:
            await consumer.stop()


def in_order(events: Iterable[AlertEvent]) -> list[AlertEvent]:
    """Return alert events in the canonical order."""
    return sorted(events, key=lambda event: (event.at, event.preset, event.rule, event.sequence))


def _as_text(name: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return f"{value}ms" if name in DURATIONS else str(value)


async def _partitions_of(consumer: AIOKafkaConsumer, topic: str) -> Sequence[int]:
    async def look() -> Sequence[int] | None:
        await consumer._client.force_metadata_update()
        return sorted(consumer.partitions_for_topic(topic) or ()) or None

    return await eventually(look, f"metadata of topic {topic}")


async def _read_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> list[Any]:
    records: list[Any] = []
    while any([await consumer.position(partition) < end for partition, end in ends.items()]):
        fetched = await consumer.getmany(timeout_ms=1_000)
        records += [record for some in fetched.values() for record in some]
    return records


@asynccontextmanager
async def deploy(bootstrap: str, unique: str, directory: Path, rules: str, **given: Any) -> AsyncIterator[Deployment]:
    """Set up topics of their own; at the end no worker is left."""
    path = directory / "rules.toml"
    path.write_text(rules)
    settings = Settings(
        kafka_bootstrap=bootstrap,
        app_id=f"app-{unique}",
        events_topic=f"events-{unique}",
        rejected_topic=f"rejected-{unique}",
        alerts_topic=f"alerts-{unique}",
        data_dir=directory,
        rules=path,
        **{"idle_after": 7 * 24 * 3_600_000, **given},
    )
    loaded = load(rules, str(path), settings.pane)
    assert isinstance(loaded, RuleSet), loaded
    partitions = await ensure_topics(settings)
    assert isinstance(partitions, int), partitions
    deployment = Deployment(settings, loaded, directory, partitions)
    try:
        yield deployment
    finally:
        deployment.stop()


def body(job: str, preset: str = "summarize", error: str | None = None, at: float | None = None) -> bytes:
    """Return a webhook body as Daily sends it."""
    kind = "job-finished" if error is None else "error"
    payload: dict[str, Any] = {"id": job, "preset": preset, "status": "finished" if error is None else "error"}
    payload |= {"input": {"sourceType": "uri", "uri": "https://example.com/a.mp4"}, "output": {}}
    if error is not None:
        payload["error"] = error
    event: dict[str, Any] = {
        "version": "1.0.0",
        "type": f"batch-processor.{kind}",
        "id": f"bp-{job}",
        "payload": payload,
    }
    return json.dumps(event | ({} if at is None else {"event_ts": at})).encode()
