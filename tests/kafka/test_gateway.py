"""The gateway on a real broker: what is answered 200 is on the topic, exactly as sent, whatever becomes of the broker.

Most run on the shared broker; what a broker must die or stand still for runs on one of its own.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import schemathesis
import schemathesis.specs.openapi.schemas  # not later, when a server runs in a thread: pytest rewrites what it imports
from confluent_kafka import Consumer, KafkaException, TopicPartition
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from schemathesis.core.result import Ok

from stream.domain.routing import partition_of, record_key
from stream.gateway.outcomes import Outcome
from stream.gateway.outgoing import PRODUCING, RECEIVED_AT, Outgoing
from stream.gateway.service import Service
from stream.gateway.verification import Verifier, read_keys
from stream.settings import Settings
from stream.topics import ensure_topics
from tests.gateway.threads import on_a_thread
from tests.kafka.chaos.broker import Broker, limit_records
from tests.kafka.harness import LOOK_SECONDS, PATIENCE_SECONDS, eventually, free_port
from tests.webhooks import SECRET, WRONGLY_SIGNED, body, signed

PARTITIONS = 4
VERIFIER = Verifier(read_keys(SECRET), None, 3_600_000)


def settings_on(bootstrap: str, unique: str) -> Settings:
    given = {"app_id": f"gw-{unique}", "events_topic": f"gw-events-{unique}", "rejected_topic": f"gw-rejected-{unique}"}
    topics = {**given, "alerts_topic": f"gw-alerts-{unique}"}
    return Settings(_env_file=None, kafka_bootstrap=bootstrap, partitions=PARTITIONS, **topics)  # type: ignore[arg-type]


KAFKAS_LIMIT = 1_048_588
"""Bytes of a batch of records that a broker takes by default."""


@dataclass
class Client:
    """Posts webhooks to one gateway."""

    session: aiohttp.ClientSession
    url: str

    async def post(self, value: bytes, headers: Mapping[str, str] | None = None) -> int:
        given = signed(value) if headers is None else headers
        async with self.session.post(f"{self.url}/webhooks/daily", data=value, headers=given) as response:
            await response.read()
            return response.status

    async def status(self, path: str) -> int:
        async with self.session.get(self.url + path) as response:
            return response.status

    async def answers(self, size: int, status: int) -> bool | None:
        """Tell, once it is so, that a body of so many bytes gets a status."""
        return await self.post(b"x" * size) == status or None

    async def ready(self) -> None:
        async def look() -> bool | None:
            return await self.status("/readyz") == 200 or None

        await eventually(look, "the gateway ready")


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Client(session, f"http://127.0.0.1:{port}")


@asynccontextmanager
async def serving(settings: Settings, verifier: Verifier = VERIFIER) -> AsyncIterator[Client]:
    service = Service(settings, verifier)
    await service.start("127.0.0.1", 0)
    try:
        async with client_of(service.port) as client:
            yield client
    finally:
        await service.stop()


@dataclass
class Record:
    partition: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


def read_records(settings: Settings) -> list[Record]:
    """Return all that is on the events topic."""
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "none", "enable.auto.commit": False})
    found: list[Record] = []
    for partition in range(PARTITIONS):
        wanted = len(found) + end_of(consumer, TopicPartition(settings.events_topic, partition))
        consumer.assign([TopicPartition(settings.events_topic, partition, 0)])
        while len(found) < wanted:
            message = consumer.poll(PATIENCE_SECONDS)
            assert message is not None
            if message.error() is None:  # else it is passing: the broker was just made to start or to stand still
                headers = dict(message.headers() or [])
                found.append(Record(partition, message.key(), message.value(), headers))
    consumer.close()
    return found


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """Return where a partition ends, once the broker knows of it."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            end: int = consumer.get_watermark_offsets(place, 10)[1]
        except KafkaException:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return end


BODIES = [
    body("job-1", "summarize", 1_767_603_600_000),
    body("\N{SNOWMAN}", "transcript", 1_767_603_600_000, "boom"),
    b'{"type":"meeting.started","id":"m-1"}',
    b'{ "type" : "batch-processor.error",\r\n "payload" : {"id": 7} }\n',
    b"",
    b"no json",
    bytes(range(256)),
    b"x" * 1_000_000,
]


async def test_every_body_is_on_the_topic_byte_for_byte_under_its_jobs_key(bootstrap: str, unique: str) -> None:
    settings = settings_on(bootstrap, unique)
    began_ms = time.time_ns() // 10**6
    async with serving(settings) as client:
        await client.ready()
        assert [await client.post(each) for each in BODIES] == [200] * len(BODIES)
        for how, sign in WRONGLY_SIGNED.items():
            if how != "with letters beyond ASCII":  # which this client refuses to send
                assert await client.post(b"forged", sign(b"forged")) == 401, how
        assert await client.post(b'{"test":"test"}', {}) == 200
        assert await client.post(b"x" * 1_000_001) == 413
    records = await asyncio.to_thread(read_records, settings)
    assert Counter(record.value for record in records) == Counter(BODIES)
    for record in records:
        key = record_key(record.value)
        assert record.key == key
        assert key is None or record.partition == partition_of(key, record.value, PARTITIONS)
        assert began_ms <= int(record.headers[RECEIVED_AT]) <= time.time_ns() // 10**6


async def test_a_body_that_the_topic_does_not_take_is_answered_413(bootstrap: str, unique: str) -> None:
    settings = settings_on(bootstrap, unique)
    await ensure_topics(settings)
    await asyncio.to_thread(limit_records, bootstrap, [settings.events_topic], 2_000)
    async with serving(settings) as client:
        await eventually(
            lambda: client.answers(3_000, 413), "413"
        )  # a broker takes note of a new limit some moments after it was set
        assert await client.post(b"x") == 200


async def test_whatever_is_small_enough_fits_into_a_topic_with_kafkas_own_limit(bootstrap: str, unique: str) -> None:
    settings = settings_on(bootstrap, unique)
    await ensure_topics(settings)
    long_id = b'{"type":"batch-processor.error","payload":{"id":"%s"}}' % (b"k" * 900_000)
    async with serving(settings) as client:
        for limit, size, status in ((2_000, 3_000, 413), (KAFKAS_LIMIT, 1_000_000, 200)):
            await asyncio.to_thread(limit_records, bootstrap, [settings.events_topic], limit)
            await eventually(partial(client.answers, size, status), f"{status}")
        for value in (b"x" * 1_000_000, long_id, b'{"type":"m","id":"%s"}' % (b"k" * 900_000)):
            assert await client.post(value, signed(value) | {"Content-Encoding": "x" * 8_000}) == 200


async def test_a_gateway_without_a_broker_is_alive_but_not_ready_and_asks_for_a_retry(unique: str) -> None:
    async with serving(settings_on(f"127.0.0.1:{free_port()}", unique)) as client:
        began = time.monotonic()
        async with client.session.post(f"{client.url}/webhooks/daily", data=b"a", headers=signed(b"a")) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert time.monotonic() - began < 8  # when Daily has been seen to give up
        assert [await client.status(path) for path in ("/healthz", "/readyz")] == [200, 503]


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("gateway-broker"))
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


@dataclass
class Load:
    """Sends distinct webhooks over several connections until told to stop."""

    client: Client
    told: dict[bytes, int] = field(default_factory=dict)
    is_over: bool = False

    async def run(self, connections: int = 16) -> None:
        await asyncio.gather(*map(self._send, range(connections)))

    async def _send(self, connection: int) -> None:
        number = 0
        while not self.is_over:
            value = body(f"job-{connection}-{number}", "summarize", 1_767_603_600_000 + number)
            self.told[value] = await self.client.post(value)
            number += 1

    @property
    def stored(self) -> set[bytes]:
        return {value for value, status in self.told.items() if status == 200}

    async def reach(self, more: int) -> None:
        """Wait until so many more are answered 200."""
        wanted = len(self.stored) + more

        async def look() -> bool | None:
            return len(self.stored) >= wanted or None

        await eventually(look, f"{more} more webhooks answered 200")


async def test_every_200_is_on_the_topic_though_the_broker_is_killed_under_load(
    own_broker: Broker, unique: str
) -> None:
    settings = settings_on(own_broker.bootstrap, unique)
    async with serving(settings) as client:
        await client.ready()
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.reach(500)
        await own_broker.kill()
        await asyncio.sleep(1)  # the load must meet a dead broker
        await own_broker.start()
        await load.reach(500)
        load.is_over = True
        await running
        assert {*load.told.values()} <= {200, 503}
        await client.ready()
    found = Counter(record.value for record in await asyncio.to_thread(read_records, settings))
    assert not load.stored - found.keys()
    assert not found.keys() - load.told.keys()
    assert [count for count in found.values() if count > 1] == []


async def test_a_broker_that_stands_still_under_load_costs_503_and_no_webhook(own_broker: Broker, unique: str) -> None:
    settings = settings_on(own_broker.bootstrap, unique)
    async with serving(settings) as client:
        await client.ready()
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.reach(300)
        await own_broker.freeze(6.5)
        await load.reach(300)
        load.is_over = True
        await running
        assert {*load.told.values()} == {200, 503}

        async def look() -> bool | None:
            found = Counter(record.value for record in await asyncio.to_thread(read_records, settings))
            assert [count for count in found.values() if count > 1] == []
            return found.keys() == load.told.keys() or None

        await eventually(look, "what was answered 503 on the topic after all, once")


IMPATIENT = {**PRODUCING, "socket.timeout.ms": 1_500, "request.timeout.ms": 1_000, "statistics.interval.ms": 200}


async def test_an_acknowledgement_that_gets_lost_loses_nothing_and_doubles_nothing(
    own_broker: Broker, unique: str
) -> None:
    """The broker stands still for longer than the producer waits, and then has what it took and what is sent again."""
    settings, timeouts = settings_on(own_broker.bootstrap, unique), [0]

    def note(statistics: str) -> None:
        timeouts.append(max(each["req_timeouts"] for each in json.loads(statistics)["brokers"].values()))

    await ensure_topics(settings)
    outgoing = Outgoing(settings, {**IMPATIENT, "stats_cb": note})
    told: dict[bytes, asyncio.Future[Outcome]] = {}

    async def keep_sending(until: asyncio.Event) -> None:
        while not until.is_set():
            value = b"%d" % len(told)
            told[value] = outgoing.send(value, value, 1)
            await asyncio.sleep(0.002)  # paces the load; nothing is waited for

    over = asyncio.Event()
    sending = asyncio.create_task(keep_sending(over))
    for _ in range(2):
        await outgoing.send(b"", b"in between %d" % len(told), 1)
        await own_broker.freeze(4.0)
    over.set()
    await sending
    answers = {value: await answer for value, answer in told.items()}
    await outgoing.drain(PATIENCE_SECONDS)
    outgoing.close()
    found = Counter(record.value for record in await asyncio.to_thread(read_records, settings))
    assert max(timeouts) >= 1
    assert {*answers.values()} <= {Outcome.STORED, Outcome.UNANSWERED}
    assert not answers.keys() - found.keys()
    assert [count for count in found.values() if count > 1] == []


def start(environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "stream", "gateway"]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=output)


async def test_a_gateway_told_to_stop_finishes_what_it_accepted(bootstrap: str, unique: str, tmp_path: Path) -> None:
    settings, port = settings_on(bootstrap, unique), free_port()
    given = {name: getattr(settings, name) for name in ("kafka_bootstrap", "app_id", "events_topic", "rejected_topic")}
    given |= {"alerts_topic": settings.alerts_topic, "gateway_port": port, "webhook_hmac": SECRET}
    environment = os.environ | {f"PRESETWATCH_{name.upper()}": str(value) for name, value in given.items()}
    process = await asyncio.to_thread(start, environment, tmp_path / "log")
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"http://127.0.0.1:%d/webhooks/daily\n" % port
    async with client_of(port) as client:
        await client.ready()
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.reach(100)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientError):
            await running
    assert await asyncio.to_thread(process.wait, 30) == 0
    process.stdout.close()
    assert {*load.told.values()} == {200}
    found = {record.value for record in await asyncio.to_thread(read_records, settings)}
    assert not load.stored - found
    assert "Traceback" not in (tmp_path / "log").read_text()


async def test_a_producer_that_can_produce_no_more_is_replaced_and_nobody_waits_for_it(
    bootstrap: str, unique: str
) -> None:
    settings = settings_on(bootstrap, unique)
    await ensure_topics(settings)
    outgoing = Outgoing(settings)
    assert await outgoing.send(b"1", b"before", 1) is Outcome.STORED
    caught = [outgoing.send(b"1", b"caught", 1) for _ in range(100)]
    spent, outgoing._is_spent = outgoing._producer, True  # librdkafka has no way to bring about a fatal error
    assert {await told for told in caught} <= {Outcome.STORED, Outcome.REFUSED}
    assert await outgoing.send(b"1", b"after", 1) is Outcome.STORED
    assert outgoing._producer is not spent
    assert (outgoing.records, outgoing.size) == (0, 0)
    outgoing.close()


CREDENTIALS = "s3cret"


@pytest.fixture(scope="module")
def api(bootstrap: str) -> Iterator[schemathesis.BaseSchema]:
    settings = settings_on(bootstrap, uuid.uuid4().hex[:8])
    with on_a_thread(lambda: serving(settings, Verifier((), CREDENTIALS))) as client:
        yield schemathesis.openapi.from_url(f"{client.url}/openapi.json")


def check(api: schemathesis.BaseSchema, headers: Mapping[str, str]) -> None:
    """Ask all kinds of things of every operation that the document has."""
    # By hand, because schemathesis' plugin for pytest reaches into what pytest no longer has.
    for found in api.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(operation.as_strategy())
        @hypothesis_settings(max_examples=40, deadline=None)
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(headers=dict(headers))

        ask()


def test_whatever_is_asked_is_answered_as_the_openapi_document_says(api: schemathesis.BaseSchema) -> None:
    check(api, {"Authorization": f"Basic {CREDENTIALS}"})


def test_whatever_a_stranger_asks_is_answered_as_the_openapi_document_says(api: schemathesis.BaseSchema) -> None:
    check(api, {})
