"""The services of docker-compose.yml under a name and ports of their own, and traffic for them.

Law: whatever a test does to containers, what was sent is known, and nothing of the stack is left behind.
"""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer

from tests.kafka.harness import eventually
from tests.webhooks import FORBIDDEN, SECRET, body, signed

REPOSITORY = Path(__file__).parents[2]
PORTS = 3
PRESETS = ("transcript", "summarize", "soap-notes", "a/b", "chapters")


@dataclass(slots=True)
class Stack:
    """A project of docker compose."""

    name: str
    port: int
    """The first of `PORTS` that are free: for Kafka, the gateway and the dashboard, in this order."""

    @property
    def bootstrap(self) -> str:
        """Where Kafka is reached from outside."""
        return f"127.0.0.1:{self.port}"

    @property
    def gateway(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def dashboard(self) -> str:
        """Where whichever worker is ready answers."""
        return f"http://127.0.0.1:{self.port + 2}"

    @property
    def image(self) -> str:
        """The tag that all services of ours run."""
        return f"presetwatch:{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """What docker-compose.yml is told."""
        return os.environ | {
            "PRESETWATCH_IMAGE": self.image,
            "PRESETWATCH_WEBHOOK_HMAC": SECRET,
            "KAFKA_PORT": str(self.port),
            "GATEWAY_PORT": str(self.port + 1),
            "WEB_PORT": str(self.port + 2),
        }

    def run(self, *command: str, given: str | None = None) -> str:
        """Run a command to its end and return what it says."""
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    async def compose(self, *arguments: str) -> str:
        """Run a command of docker compose."""
        return await asyncio.to_thread(self.run, "docker", "compose", "-p", self.name, *arguments)

    async def docker(self, *arguments: str, given: str | None = None) -> str:
        """Run a command of docker."""
        return (await asyncio.to_thread(self.run, "docker", *arguments, given=given)).strip()

    async def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        named = f"label=com.docker.compose.project={self.name}", f"label=com.docker.compose.service={service}"
        return (await self.docker("ps", "-q", "--no-trunc", "-f", named[0], "-f", named[1])).split()

    async def workers(self) -> list[str]:
        """Return the addresses of the running workers in the network of containers, which a Linux host can reach."""
        where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        found = [await self.docker("inspect", "-f", where, each) for each in await self.containers("worker")]
        return [f"http://{address}:6066" for address in found]

    async def ready(self, workers: int) -> None:
        """Wait until so many workers are ready, and the gateway, and some worker answers at the dashboard's address."""

        async def look() -> bool | None:
            addresses = [*await self.workers(), self.gateway, self.dashboard]
            answers = [(await get(address + "/readyz"))[0] for address in addresses]
            return answers == [200] * (workers + 2) or None

        await eventually(look, f"{workers} workers, the gateway and the dashboard ready")

    async def count(self, jobs: int) -> None:
        """Wait until every worker counts so many jobs over all presets, wherever they are owned."""

        async def look() -> bool | None:
            rates = [await get(f"{address}/api/rates?window=1h") for address in await self.workers()]
            totals = [sum(rate["total"] for rate in answer["rates"]) for status, answer in rates if status == 200]
            assert all(total <= jobs for total in totals), f"{totals} counted of {jobs}"
            return (bool(totals) and totals == [jobs] * len(rates)) or None

        await eventually(look, f"{jobs} jobs counted by all")


@contextmanager
def stack() -> Iterator[Stack]:
    """Build the image and start everything; at the end nothing of it is left."""
    started = Stack(f"pwtest{os.getpid()}", free_ports())
    try:
        started.run("docker", "compose", "-p", started.name, "build", "worker")
        started.run("docker", "compose", "-p", started.name, "up", "-d", "--no-build")
        yield started
    finally:
        compose = ("docker", "compose", "-p", started.name)
        for end in ((*compose, "down", "-v", "--remove-orphans"), ("docker", "rmi", "-f", started.image)):
            subprocess.run(end, cwd=REPOSITORY, env=started.environment, capture_output=True, check=False)


def free_ports() -> int:
    """Return the first of `PORTS` free ports in a row, below those that the kernel gives to whoever asks for any."""
    start = 20_000 + os.getpid() % 10_000
    return next(port for port in range(start, 32_000, PORTS) if all(map(is_free, range(port, port + PORTS))))


def is_free(port: int) -> bool:
    """Say whether nobody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def get(url: str) -> tuple[int, Any]:
    """Return the status and JSON body of an answer, or 0 and None where nobody answers."""
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return response.status, await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
        return 0, None


class Traffic:
    """Jobs, each with an id of its own, sent until told to stop: most to Kafka, some to the gateway."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stopping = asyncio.Event()
        self.sent = 0
        self.posted = 0

    async def to_kafka(self) -> None:
        """Send fifty jobs at a time, each batch acknowledged before the next."""
        async with AIOKafkaProducer(
            bootstrap_servers=self._stack.bootstrap, enable_idempotence=True, request_timeout_ms=120_000
        ) as producer:
            while not self._stopping.is_set():
                jobs = [f"sent-{self.sent + number}" for number in range(50)]
                sends = [await producer.send("batch-processor-events", _body(job), job.encode()) for job in jobs]
                await asyncio.gather(*sends)
                self.sent += len(jobs)
                await asyncio.sleep(0.05)  # a pace, not a wait

    async def to_the_gateway(self) -> None:
        """Post one job after the other, each again until it is accepted, as Daily does."""
        url = self._stack.gateway + "/webhooks/daily"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while not self._stopping.is_set():
                given = _body(f"posted-{self.posted}")
                while not await _is_accepted(session, url, given):  # noqa: ASYNC110  # as Daily does
                    await asyncio.sleep(0.2)
                self.posted += 1

    def stop(self) -> None:
        """Send nothing new."""
        self._stopping.set()


@asynccontextmanager
async def traffic(stack: Stack) -> AsyncIterator[Traffic]:
    """Send jobs for the length of the block; afterwards all that were begun are in Kafka."""
    jobs = Traffic(stack)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(jobs.to_kafka())
        tasks.create_task(jobs.to_the_gateway())
        try:
            yield jobs
        finally:
            jobs.stop()


def _body(job: str) -> bytes:
    number = sum(job.encode())
    return body(job, PRESETS[number % len(PRESETS)], time.time_ns() // 10**6, FORBIDDEN if number % 7 == 0 else None)


async def _is_accepted(session: aiohttp.ClientSession, url: str, given: bytes) -> bool:
    try:
        async with session.post(url, data=given, headers=signed(given)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
