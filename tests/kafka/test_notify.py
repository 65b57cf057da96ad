"""Notifiers on a real broker: what was told survives restarts, what was not is told later, and one of several tells."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.alert import AlertEvent
from stream.cli.notify_checks import check_told
from stream.cli.telling import look_at_telling
from stream.local.loopback import free_port
from stream.notify.health import health
from stream.notify.plan import Plan
from stream.notify.senders import senders_of
from stream.notify.service import Notifier
from stream.notify.topics import ensure_topics, group_of, read_all, undelivered_topic
from stream.settings import Settings
from tests.kafka.harness import eventually
from tests.notify.alertmanager import alertmanager, needs_alertmanager
from tests.notify.alerts import ALERTMANAGER, MINUTE, PROGRAM, fired, plan, resolved
from tests.notify.receiver import Receiver, receiving

PARTITIONS = 2
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """An alerts topic that nobody else uses, and what belongs to it."""

    settings: Settings
    folder: Path

    async def produce(self, *events: AlertEvent) -> None:
        """Append events, those of a preset to one partition, as a worker does."""
        async with AIOKafkaProducer(bootstrap_servers=self.settings.bootstrap) as producer:
            for event in events:
                await producer.send_and_wait(self.settings.alerts_topic, event.to_json(), key=event.preset.encode())

    async def committed(self, partitions: int = PARTITIONS) -> tuple[int, int]:
        """Return how many records the group has done, and how many there are."""
        tps = [TopicPartition(self.settings.alerts_topic, partition) for partition in range(partitions)]
        async with AIOKafkaConsumer(
            bootstrap_servers=self.settings.bootstrap, group_id=group_of(self.settings), enable_auto_commit=False
        ) as consumer:
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            return sum([await consumer.committed(tp) or 0 for tp in tps]), sum(ends.values())

    async def until_done(self) -> None:
        """Wait until the group has done all that there is."""

        async def look() -> bool | None:
            done, there = await self.committed()
            return done == there or None

        await eventually(look, "everything committed")

    def delete_group(self) -> None:
        """Make the broker forget what the group has committed."""
        admin, group = AdminClient({"bootstrap.servers": self.settings.bootstrap}), group_of(self.settings)
        admin.delete_consumer_groups([group])[group].result(timeout=PATIENCE_SECONDS)

    async def letters(self) -> list[dict[str, Any]]:
        """Return the dead letters."""
        return [json.loads(value or b"") for value in await read_all(self.settings, undelivered_topic(self.settings))]

    @asynccontextmanager
    async def notifying(self, plan: Plan) -> AsyncIterator[Notifier]:
        """Run a notifier for the length of the block."""
        notifier, until = Notifier(self.settings, plan, senders_of(plan)), asyncio.Event()
        task = asyncio.create_task(notifier.run(until))
        try:
            yield notifier
        finally:
            until.set()
            await asyncio.wait_for(task, PATIENCE_SECONDS)

    @contextmanager
    def command(self, text: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run `presetwatch notify` for the length of the block."""
        file = self.folder / "notify.toml"
        file.write_text(text)
        given = {
            "KAFKA_BOOTSTRAP": self.settings.bootstrap,
            "ALERTS_TOPIC": self.settings.alerts_topic,
            "NOTIFY": str(file),
            "NOTIFY_PORT": str(self.settings.notify_port),
        }
        env = {**os.environ, **{f"PRESETWATCH_{name}": value for name, value in given.items()}}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "stream", "notify"], env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
async def place(bootstrap: str, unique: str, tmp_path: Path, quiet_port: int) -> Place:
    settings = Settings(
        _env_file=None,
        kafka_bootstrap=bootstrap,
        alerts_topic=f"alerts-{unique}",
        partitions=PARTITIONS,
        notify_port=free_port(quiet_port + 700),
    )
    await ensure_topics(settings)
    await ensure_topics(settings)
    return Place(settings, tmp_path)


def at(receiver: Receiver, name: str = "tickets") -> str:
    """Return a notify file that leads to a receiver."""
    return PROGRAM.replace("http://127.0.0.1:1", receiver.url).replace("tickets", name)


def both(first: str, second: str) -> str:
    """Return a notify file that tells two channels of everything."""
    channels = "".join(each.split("\n[[route]]")[0] for each in (first, second))
    return channels + '\n[[route]]\nchannels = ["first", "second"]\n'


def now() -> int:
    return int(time() * 1000)


def told(receiver: Receiver) -> list[str]:
    """Return what a receiver has taken, in order, as `kind preset`."""
    bodies = [json.loads(each.body)["data"] for each in receiver.taken]
    return [f"{body['kind']} {body['preset']}" for body in bodies]


async def test_what_was_told_before_a_crash_is_not_told_again_and_what_comes_after_it_is(place: Place) -> None:
    a, b = fired("a", now()), fired("b", now())
    async with receiving() as receiver:
        with place.command(at(receiver)) as process:
            await place.produce(a, b)
            await receiver.until(lambda it: len(it.taken) == 2)
            await place.until_done()
            process.send_signal(signal.SIGKILL)
            process.wait()
        await place.produce(a, b, resolved(a, now()))  # a worker's crash may repeat events
        with place.command(at(receiver)) as process:
            await receiver.until(lambda it: len(it.taken) == 3)
            await place.until_done()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
    assert sorted(told(receiver)) == ["fired a", "fired b", "resolved a"]
    assert b"Traceback" not in (place.folder / "log").read_bytes()


async def test_a_group_that_has_lost_its_offsets_tells_nobody_twice(place: Place) -> None:
    event = fired(at=now())
    await place.produce(event)
    async with receiving() as receiver:
        async with place.notifying(plan(at(receiver))):
            await receiver.until(lambda it: it.taken)
            await place.until_done()
        await asyncio.to_thread(place.delete_group)
        assert await place.committed() == (0, 1)
        await place.produce(resolved(event, now()))
        async with place.notifying(plan(at(receiver))):
            await receiver.until(lambda it: len(it.got) == 2)
            await place.until_done()
    assert told(receiver) == ["fired summarize", "resolved summarize"]


async def test_a_dead_channel_holds_the_offset_but_no_other_channel_and_gets_all_of_it_later(place: Place) -> None:
    async with receiving() as good:
        async with receiving(*[503] * 1000) as dead:
            async with place.notifying(plan(both(at(good, "first"), at(dead, "second")))) as notifier:
                await place.produce(*(fired(f"p{number}", now()) for number in range(5)))
                await good.until(lambda it: len(it.taken) == 5)
                await dead.until(lambda it: it.got)

                async def look() -> dict[str, object] | None:
                    return found if (found := health(notifier))["waiting"] == {"first": 0, "second": 5} else None

                found = await eventually(look, "the good channel done")
                assert (found["status"], found["failing"]) == (
                    "degraded",
                    {"second": "answered with status 503: said so"},
                )
            assert (await place.committed())[0] < 5
        async with receiving() as healed, place.notifying(plan(both(at(good, "first"), at(healed, "second")))):
            await healed.until(lambda it: len(it.taken) == 5)
            await place.until_done()
    assert len(good.taken) == 5
    assert sorted(told(healed)) == [f"fired p{number}" for number in range(5)]


async def test_what_is_refused_for_good_is_a_dead_letter_and_the_log_goes_on(place: Place) -> None:
    async with receiving(410) as receiver:
        async with place.notifying(plan(at(receiver))) as notifier:
            await place.produce(fired("bad", now()))
            await place.until_done()
            await place.produce(fired("good", now()))
            await place.until_done()
            assert notifier.meters == {"failed:tickets": 1, "undelivered:tickets": 1, "delivered:tickets": 1}
        async with place.notifying(plan(at(receiver))):
            await place.until_done()
    assert told(receiver) == ["fired good"]
    assert [letter["preset"] for letter in await place.letters()] == ["bad"]
    told_of = check_told(await asyncio.to_thread(look_at_telling, place.settings))
    assert [(check.name, check.state) for check in told_of] == [("notify-lag", "ok"), ("undelivered", "warn")]
    assert f"1 alert events that a channel never took are on {undelivered_topic(place.settings)}" in told_of[1].what


async def test_at_the_first_start_old_outages_are_told_to_nobody_and_those_that_last_are(place: Place) -> None:
    old = now() - 48 * 60 * MINUTE
    events = [fired(f"p{number}", old) for number in range(20)]
    await place.produce(*events, *(resolved(event, old + MINUTE) for event in events[1:]))
    async with receiving() as receiver, place.notifying(plan(at(receiver))):
        await place.until_done()
    assert told(receiver) == ["fired p0"]


async def test_of_two_notifiers_the_older_tells_and_the_other_takes_over(place: Place) -> None:
    async with receiving() as receiver:
        found = plan(at(receiver))

        async def active(notifier: Notifier) -> None:
            async def look() -> bool | None:
                return bool(health(notifier)["is_active"]) or None

            await eventually(look, "an active notifier")

        async with place.notifying(found) as second_run:
            await active(second_run)
            older = place.notifying(found)
            younger = await older.__aenter__()
            await place.produce(fired("a", now()))
            await receiver.until(lambda it: it.taken)
            assert younger.session is None
            await place.until_done()
        await active(younger)
        await place.produce(fired("b", now()))
        await receiver.until(lambda it: len(it.taken) == 2)
        await older.__aexit__(None, None, None)
    assert told(receiver) == ["fired a", "fired b"]


@needs_alertmanager
async def test_an_alertmanager_that_forgot_is_told_by_a_notifier_that_restarted(place: Place, tmp_path: Path) -> None:
    async with receiving() as hook:
        with alertmanager(tmp_path, hook.url) as am:
            text = ALERTMANAGER.replace("http://127.0.0.1:1", am.url).replace("\n\n", '\nrefresh = "1s"\n\n')
            event = fired(at=now())
            await place.produce(event)
            async with place.notifying(plan(text)):
                await am.until(lambda alerts: alerts)
                await place.until_done()
            am.stop()
            am.start()
            async with place.notifying(plan(text)):
                await am.until(lambda alerts: alerts)
                await place.produce(resolved(event, now()))
                await am.until(lambda alerts: not alerts)
                await hook.until(lambda it: b'"resolved"' in it.got[-1].body)
