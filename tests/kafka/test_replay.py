"""`replay` over a stretch of the events topic: what came in it, no more and no less, as a plain replay has it."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.domain.routing import partition_of, record_key
from tests.cli.commands import body, run
from tests.kafka.test_command_line import Place, place

__all__ = ["place"]

PARTITIONS = 3
HOUR_MS = 3_600_000
RULES = '[[rule]]\nname = "in-a-row"\nkind = "consecutive"\nerrors = 5\n'


class Came(NamedTuple):
    """A record, and when it reached the topic, in epoch milliseconds."""

    at_ms: int
    value: bytes


def failing(preset: str, since_ms: int) -> Iterator[Came]:
    """Yield ten jobs that fail and ten that finish, a minute after the other."""
    for number in range(20):
        at_ms = since_ms + number * 60_000
        yield Came(at_ms, body(f"{preset}-{number}", failed=number < 10, at=at_ms / 1000, preset=preset))


async def send(place: Place, records: Iterable[Came]) -> None:
    topic = f"events-{place.unique}"
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=place.bootstrap) as producer:
        for at_ms, value in records:
            key = record_key(value)
            where = partition_of(key, value, PARTITIONS)
            await producer.send_and_wait(topic, value, key, where, timestamp_ms=at_ms)


async def replayed(place: Place, *arguments: str) -> dict[str, Any]:
    rules = str(place.folder / "rules.toml")
    done = await asyncio.to_thread(run, "replay", *arguments, "--rules", rules, "--json", env=place.env)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_a_range_of_the_topic_is_what_came_in_it_and_alerts_as_a_plain_replay_does(place: Place) -> None:
    now_ms = int(time.time()) * 1000
    old, new = ([*failing(preset, now_ms - hours * HOUR_MS)] for preset, hours in (("old", 5), ("new", 2)))
    await send(place, [*old, *new])
    (place.folder / "rules.toml").write_text(RULES)
    expected = {
        ("--from", "3h"): ["new"],
        ("--from", "6h", "--to", "3h"): ["old"],
        ("--to", "3h"): ["old"],
        ("--from", "7d"): ["old", "new"],
        ("--from", "10m"): [],
    }
    for arguments, presets in expected.items():
        found = await replayed(place, *arguments)
        assert [one["preset"] for one in found["rules"][0]["list"]] == presets, arguments
        assert found["records"]["jobs"] == 20 * len(presets), arguments
    whole = await replayed(place, "--from", "7d")
    assert fired(whole) == alerts(place, b"\n".join(each.value for each in (*old, *new)))


def fired(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["fired_at"], one["preset"]) for one in found["rules"][0]["list"]]


def alerts(place: Place, bodies: bytes) -> list[tuple[str, str]]:
    done = run("replay", "-", "--rules", str(place.folder / "rules.toml"), env=place.env, given=bodies)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return [(one["at"], one["preset"]) for one in events if one["kind"] == "fired"]


async def test_a_range_begins_and_ends_where_it_says_to_the_millisecond(place: Place) -> None:
    start_ms = int(time.time()) * 1000 - HOUR_MS
    await send(place, [Came(start_ms + n, body(f"job-{n}", at=start_ms / 1000)) for n in range(10)])
    (place.folder / "rules.toml").write_text(RULES)
    begin, end = ((start_ms + n) / 1000 for n in (3, 7))
    between = [
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{round(at * 1000) % 1000:03}Z" for at in (begin, end)
    ]
    assert (await replayed(place, "--from", between[0], "--to", between[1]))["records"]["jobs"] == 4


async def test_what_came_before_the_range_fills_windows_and_is_not_reported(place: Place) -> None:
    start_ms = int(time.time()) * 1000 - 2 * HOUR_MS
    await send(place, [*failing("old", start_ms - HOUR_MS), *failing("both", start_ms - 9 * 60_000 - 30_000)])
    (place.folder / "rules.toml").write_text(RULES)
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start_ms / 1000))
    warm = await replayed(place, "--from", begin)
    assert [(one["preset"], one["fired_at"]) for one in warm["rules"][0]["list"]] == [("both", begin)]
    assert warm["records"]["jobs"] == 10
    assert warm["from"] >= begin
    cold = await replayed(place, "--from", begin, "--warm-up", "0s")
    assert cold["rules"][0]["list"] == []
    assert cold["records"] == warm["records"]


async def test_a_topic_that_is_not_there_is_named(place: Place) -> None:
    done = await asyncio.to_thread(run, "replay", "--from", "7d", env=place.env)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"There is no topic events-{place.unique}: set PRESETWATCH_EVENTS_TOPIC")
