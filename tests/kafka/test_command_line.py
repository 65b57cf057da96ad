"""The commands that need a broker, as their users run them: other processes, real topics, real signals."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.cli.machine import check_gateway_port, check_notifier_port, check_port
from stream.cli.output import Ended
from stream.domain.routing import partition_of, record_key
from stream.local.loopback import free_port
from stream.local.traffic import generate
from stream.settings import Settings
from tests.cli.commands import alert
from tests.kafka.harness import eventually
from tests.notify.alerts import PROGRAM, fired
from tests.notify.receiver import receiving
from tests.webhooks import signed

PATIENCE_SECONDS = 60.0
Record = tuple[int, bytes | None, bytes | None]
"""Partition, key and value."""


@dataclass(frozen=True)
class Place:
    """Where commands run: a broker, and topics, a folder and a port that nobody else uses."""

    bootstrap: str
    unique: str
    folder: Path
    port: int
    gateway_port: int
    notify_port: int

    @property
    def env(self) -> dict[str, str]:
        given = {
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "APP_ID": f"app-{self.unique}",
            "EVENTS_TOPIC": f"events-{self.unique}",
            "REJECTED_TOPIC": f"rejected-{self.unique}",
            "ALERTS_TOPIC": f"alerts-{self.unique}",
            "DATA_DIR": str(self.folder),
            "WEB_PORT": str(self.port),
            "GATEWAY_PORT": str(self.gateway_port),
            "NOTIFY_PORT": str(self.notify_port),
        }
        return {**os.environ, **{f"PRESETWATCH_{name}": value for name, value in given.items()}}

    def run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        command = [sys.executable, "-m", "stream", *arguments]
        return subprocess.run(command, env=self.env, input=given, capture_output=True, timeout=120, check=False)

    @contextmanager
    def start(self, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command, with more settings; at the end it is no more."""
        command = [sys.executable, "-m", "stream", *arguments]
        env = self.env | {f"PRESETWATCH_{name}": value for name, value in more.items()}
        pipe = subprocess.PIPE
        with (
            self.complaints.open("wb") as complaints,
            subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=complaints) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    @property
    def complaints(self) -> Path:
        """What the command that was started last has written to stderr."""
        return self.folder / "stderr"

    def is_deserted(self) -> bool:
        """Tell whether nobody listens on the ports any more."""
        try:
            check_port(Settings(_env_file=None, web_port=self.port))
            check_gateway_port(Settings(_env_file=None, gateway_port=self.gateway_port))
            check_notifier_port(Settings(_env_file=None, notify_port=self.notify_port))
        except Ended:
            return False
        return True


@pytest.fixture
def place(bootstrap: str, unique: str, tmp_path: Path, quiet_port: int) -> Place:
    port = free_port(quiet_port + 500)
    gateway_port = free_port(port + 1)
    return Place(bootstrap, unique, tmp_path, port, gateway_port, free_port(gateway_port + 1))


def read_until(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    assert process.stdout is not None
    said = b""
    while text not in said and (line := process.stdout.readline()):
        said += line
    return said


async def read_records(place: Place, partitions: int = 4) -> list[Record]:
    everywhere = [TopicPartition(f"events-{place.unique}", partition) for partition in range(partitions)]
    records: list[Record] = []
    async with AIOKafkaConsumer(bootstrap_servers=place.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(everywhere)
        ends = await consumer.end_offsets(everywhere)
        while len(records) < sum(ends.values()):
            for some in (await consumer.getmany(timeout_ms=1000)).values():
                records += [(record.partition, record.key, record.value) for record in some]
    return records


def place_record(value: bytes) -> Record:
    key = record_key(value)
    return partition_of(key, value, 4), key, value


async def test_every_line_is_on_the_topic_byte_for_byte_and_where_its_key_belongs(place: Place) -> None:
    values = [one.value for one in generate(3, 2) if one.value.strip() and b"\n" not in one.value]
    produced = place.run("produce", "-", given=b"\n\n".join(values))
    assert (produced.returncode, produced.stdout.decode()) == (0, f"{len(values):,} records on events-{place.unique}\n")
    found = await read_records(place)
    for partition in range(4):
        expected = [record for record in map(place_record, values) if record[0] == partition]
        assert [record for record in found if record[0] == partition] == expected


async def test_a_slow_pipe_is_sent_as_it_comes(place: Place) -> None:
    value = b'{"id":"first"}'
    place.run("produce", "-")
    with place.start("produce", "-") as process:
        assert process.stdin is not None
        process.stdin.write(value + b"\n")
        process.stdin.flush()
        found = await eventually(lambda: _or_none(read_records(place)), "the line on the topic")
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert found == [place_record(value)]


async def _or_none(records: Awaitable[list[Record]]) -> list[Record] | None:
    return await records or None


def test_a_record_that_is_too_large_is_named_with_how_many_are_there(place: Place) -> None:
    produced = place.run("produce", "-", given=b'{"id":"a"}\n{"id":"b"}\n"' + b"x" * 18 * 2**20 + b'"\n{"id":"c"}\n')
    assert (produced.returncode, produced.stdout) == (1, b"")
    assert produced.stderr.startswith(f"Record 3 is larger than events-{place.unique} takes".encode())
    assert produced.stderr.endswith(b"The first 2 records are acknowledged.\n")


def test_a_demo_finds_what_it_injects_and_another_one_finds_the_same(place: Place) -> None:
    first, second = (place.run("demo", "--minutes", "6", "--speed", "1000", "--json") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert [json.loads(line)["kind"] for line in first.stdout.splitlines()] == [
        "fired",
        "fired",
        "resolved",
        "resolved",
    ]
    assert second.stdout == first.stdout
    assert b"this demo has its own" in second.stderr
    assert b"this demo has its own" not in first.stderr
    assert place.run("alerts", "--json").stdout == first.stdout
    assert place.is_deserted()


def test_up_says_where_everything_is_and_one_signal_stops_it_all(place: Place) -> None:
    with place.start("up") as up:
        said = read_until(up, b"worker log")
        assert f"dashboard    http://127.0.0.1:{place.port}/".encode() in said
        assert b"notifier" not in said
        doctor = place.run("doctor")
        assert doctor.returncode == 0
        assert b"webhooks are verified" in doctor.stdout  # by the secret that was made
        assert b"would store a webhook" in doctor.stdout
        assert place.run("rates", "nobody").returncode == 1
        secret = (place.folder / "webhook.env").read_text().partition("=")[2].strip()
        webhooks = f"http://127.0.0.1:{place.gateway_port}/webhooks/daily"
        assert f"webhooks     {webhooks}".encode() in said
        assert [post(webhooks, b"x", sign(b"x")) for sign in (lambda body: signed(body, secret), signed)] == [200, 401]
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE_SECONDS) == 0
    assert b"Nobody is told of alerts: to change that, set PRESETWATCH_NOTIFY" in place.complaints.read_bytes()
    assert place.is_deserted()


async def test_up_tells_those_whom_the_notify_file_names_and_one_signal_stops_that_too(place: Place) -> None:
    file = place.folder / "notify.toml"
    async with receiving() as receiver:
        file.write_text(PROGRAM.replace("http://127.0.0.1:1", receiver.url))
        with place.start("up", NOTIFY=str(file)) as up:
            said = await asyncio.to_thread(read_until, up, b"worker log")
            assert f"notifier     http://127.0.0.1:{place.notify_port}/healthz".encode() in said
            async with AIOKafkaProducer(bootstrap_servers=place.bootstrap) as producer:
                await producer.send_and_wait(f"alerts-{place.unique}", fired().to_json(), key=b"summarize")
            await receiver.until(lambda it: it.taken)
            assert json.loads(receiver.taken[0].body)["data"]["id"] == fired().id
            up.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(up.wait, PATIENCE_SECONDS) == 0
    assert f"People are told of alerts as {file} says.".encode() in place.complaints.read_bytes()
    assert place.is_deserted()


def test_a_notify_file_with_a_fault_ends_up_before_anything_starts(place: Place) -> None:
    file = place.folder / "notify.toml"
    file.write_text("[[route]]\nchannels = ['nobody']\n")
    with place.start("up", NOTIFY=str(file)) as up:
        assert up.communicate(timeout=PATIENCE_SECONDS)[0] == b""
    assert up.returncode == 1
    assert str(file).encode() in place.complaints.read_bytes()
    assert not (place.folder / "worker.log").exists()


def post(url: str, value: bytes, headers: dict[str, str]) -> int:
    try:
        with urlopen(Request(url, value, headers), timeout=10) as answer:
            status: int = answer.status
    except HTTPError as error:
        return error.code
    return status


async def test_no_worker_outlives_an_up_that_is_killed(place: Place) -> None:
    async def look() -> bool | None:
        return place.is_deserted() or None

    with place.start("up") as up:
        read_until(up, b"worker log")
        assert not place.is_deserted()
        up.kill()
        up.wait(PATIENCE_SECONDS)
        assert await eventually(look, "the worker gone")


async def test_topics_that_do_not_fit_are_named_and_nothing_is_started(place: Place) -> None:
    admin, tallies = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap), f"app-{place.unique}-tallies"
    await admin.start()
    try:
        await admin.create_topics([NewTopic(tallies, 3, 1), NewTopic(f"events-{place.unique}", 2, 1)])
    finally:
        await admin.close()
    for command in ("worker", "up"):
        ended = place.run(command)
        assert (ended.returncode, ended.stdout) == (1, b"")
        assert ended.stderr.startswith(f"Topic {tallies} has 3 partitions".encode())
    assert b"they must be equal" in place.run("doctor").stdout


async def test_state_that_cannot_be_used_ends_a_worker_with_one_sentence_and_no_traceback(place: Place) -> None:
    place.run("produce", "-")
    async with AIOKafkaProducer(bootstrap_servers=place.bootstrap) as producer:
        await producer.send_and_wait(f"app-{place.unique}-journal-changelog", b"garbage", key=b"x", partition=0)
    ended = place.run("worker")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"The journal app-{place.unique}-journal-changelog[0]".encode())
    assert b"Traceback" not in ended.stderr


async def test_following_shows_what_is_added_and_ends_well_when_told_to_stop(place: Place) -> None:
    place.run("produce", "-")
    with place.start("alerts", "--follow", "--json") as following:
        assert following.stdout is not None
        async with AIOKafkaProducer(bootstrap_servers=place.bootstrap) as producer:
            await producer.send_and_wait(f"alerts-{place.unique}", alert().to_json(), key=b"summarize")
        assert following.stdout.readline() == alert().to_json() + b"\n"
        following.send_signal(signal.SIGTERM)
        assert following.wait(PATIENCE_SECONDS) == 0
