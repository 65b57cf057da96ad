"""What a release leaves on its topics, recorded once and put back for every later release to count on from.

    python -m tests.kafka.recorded_state       # at each release: records the version that is installed

Law: a recording holds every record as it was, in its order. Put back, two things are changed: the id of the events
topic, which a broker makes up, and by which a journal knows that the topic was not made anew; and the times of records
that are not events, which say nothing, but by which a broker would drop what is older than a week.
"""

import asyncio
import os
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer

from stream.clients import connection
from stream.domain.replay import Replayed
from stream.domain.routing import partition_of
from stream.local.broker import EmbeddedBroker
from stream.settings import Settings
from stream.topics import changelog_of, identify
from tests.kafka.harness import Delivery, Deployment, deploy
from tests.webhooks import FORBIDDEN, STRANGE, T0_MS, TIMEOUT, body, meeting

STATES = Path(__file__).parent / "states"
PARTITIONS = 2
MINUTE_MS = 60_000
KEYS = tuple(
    next(key for key in (b"%d" % n for n in range(100)) if partition_of(key, b"", PARTITIONS) == partition)
    for partition in range(PARTITIONS)
)
"""A key for each partition."""

RULES = """
[[rule]]
name = "high"
kind = "threshold"
window = "2m"
min_jobs = 10
keep_firing_for = "1m"

[[rule]]
name = "nothing-works"
kind = "consecutive"
errors = 5

[[rule]]
name = "budget"
kind = "burn_rate"
objective = 0.95
keep_firing_for = "2m"

[[rule]]
name = "worse"
kind = "shift"
baseline = 0.02
detect = 0.20
false_alarms = "1 per 90d"

[[rule]]
name = "no-events"
kind = "silence"
presets = []
after = "90s"
"""


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record as it was; bytes are base64."""

    topic: str
    """What it is for, not its name."""
    partition: int
    at_ms: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class About(msgspec.Struct, frozen=True):
    """The first line of a recording: what it is of."""

    version: str
    topic_id: str
    partitions: int
    rules: str


def job(number: int, preset: str, minute: float, error: str | None = None, key: bytes | None = None) -> Delivery:
    """Return a job that ends at a minute and arrives then, under its own key unless told otherwise."""
    at_ms, name = T0_MS + round(minute * MINUTE_MS), f"{preset}-{number}"
    return Delivery(body(name, preset, at_ms, error), name.encode() if key is None else key, at_ms)


def passing(since: int, until: int) -> list[Delivery]:
    """Return events that are none of our business, by which time passes in every partition."""
    at = range(T0_MS + since * MINUTE_MS, T0_MS + until * MINUTE_MS, MINUTE_MS // 2)
    return [Delivery(meeting(at_ms), key, at_ms) for at_ms in at for key in KEYS]


def before() -> list[Delivery]:
    """Return what a release has counted when it is recorded: all that state can hold is in it."""
    steady = [job(n, preset, n / 10) for n in range(0, 80, 2) for preset in ("transcript", "soap-notes")]
    recovered = [job(n, "transcript", 2 + n / 100, TIMEOUT) for n in range(100, 120)]
    failing = [job(n, "summarize", 5 + n / 10, FORBIDDEN if n % 4 else STRANGE) for n in range(30)]
    late = [Delivery(body(f"late-{n}", "größe", T0_MS, TIMEOUT), b"late", T0_MS + 7 * MINUTE_MS) for n in range(3)]
    copies = [*steady[:10], job(6, "transcript", 4, TIMEOUT), job(8, "soap-notes", 4, key=b"another partition")]
    strangers = [job(n, "keyed-oddly", n / 5, key=b"always the same") for n in range(20)]
    junk = [Delivery(value, b"", T0_MS + 6 * MINUTE_MS) for value in (b"{not json", b"[]", b"", None)]
    return _in_order([*steady, *recovered, *failing, *late, *copies, *strangers, *junk, *passing(0, 9)])


def after() -> list[Delivery]:
    """Return what comes after an upgrade: more jobs, copies of those before, and a recovery."""
    copies = [*before()[::7], job(3, "summarize", 9)]
    more = [job(n, preset, 8 + (n - 300) / 10) for n in range(300, 360) for preset in ("summarize", "transcript")]
    return _in_order([*copies, *more, *passing(9, 18)])


def _in_order(deliveries: Sequence[Delivery]) -> list[Delivery]:
    return sorted(deliveries, key=lambda each: each.arrives_at_ms or 0)


def names(settings: Settings) -> Mapping[str, str]:
    """Return the topics that hold state, or that state refers to, by what they are for."""
    changelogs = {table: changelog_of(settings.app_id, table) for table in ("journal", "rates", "alerts")}
    topics = {"events": settings.events_topic, "tallies": settings.tallies_topic, "rekeyed": settings.rekeyed_topic}
    return {**topics, "sent": settings.alerts_topic, **changelogs}


def recordings() -> list[Path]:
    """Return the recordings of all releases."""
    return sorted(STATES.glob("*.ndjson"))


def read(path: Path) -> tuple[About, list[Kept]]:
    """Return what a recording holds."""
    first, *lines = path.read_bytes().splitlines()
    return msgspec.json.decode(first, type=About), [msgspec.json.decode(line, type=Kept) for line in lines]


async def put_back(about: About, kept: Sequence[Kept], deployment: Deployment) -> None:
    """Write a recording to the topics of a deployment that has not begun."""
    topics, topic_id = names(deployment.settings), _topic_id(deployment)
    async with AIOKafkaProducer(**connection(deployment.settings), enable_idempotence=True) as producer:
        for each in kept:
            value, is_event = each.value, each.topic == "events"
            if each.topic == "journal" and value is not None:
                value = value.replace(about.topic_id.encode(), topic_id.encode(), 1)
            place = await producer.send_and_wait(
                topics[each.topic],
                value,
                each.key,
                each.partition,
                each.at_ms if is_event else None,
                list(each.headers),
            )
            if is_event:
                deployment.log.append(Replayed(each.partition, place.offset, each.at_ms, each.key, each.value))


def _topic_id(deployment: Deployment) -> str:
    return identify(deployment.settings, deployment.partitions).topic_id


async def record(bootstrap: str) -> list[About | Kept]:
    """Let the version that is installed count, and return what it leaves."""
    with tempfile.TemporaryDirectory() as folder:
        unique = uuid.uuid4().hex[:8]
        async with deploy(bootstrap, unique, Path(folder), RULES, partitions=PARTITIONS) as deployment:
            worker = await deployment.start().ready()
            deliveries = before()
            for start in range(0, len(deliveries), 60):  # several batches, so several records of the journal
                await deployment.produce(deliveries[start : start + 60])
                await deployment.counted(len(deployment.log))
            await deployment.caught_up()
            await worker.decided_to(T0_MS + 7 * MINUTE_MS)
            worker.kill(signal.SIGTERM)
            about = About(version("presetwatch"), _topic_id(deployment), PARTITIONS, RULES)
            return [about, *[each async for each in _all(deployment)]]


async def _all(deployment: Deployment) -> AsyncIterator[Kept]:
    for purpose, topic in names(deployment.settings).items():
        for found in sorted(await deployment.read(topic), key=lambda each: (each.partition, each.offset)):
            yield Kept(purpose, found.partition, found.timestamp, found.key, found.value, tuple(found.headers))


def main() -> None:
    """Record the version that is installed."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if not given:
            given = stack.enter_context(EmbeddedBroker(Path(folder), 29_500, on_progress=print)).bootstrap
        found = asyncio.run(record(given))
    lines = b"\n".join(map(msgspec.json.encode, found))
    (STATES / f"{version('presetwatch')}.ndjson").write_bytes(lines + b"\n")


if __name__ == "__main__":
    main()
