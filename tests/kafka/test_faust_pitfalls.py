"""What stock faust-streaming 0.15.3 was seen to get wrong on a broker, one test each, against presetwatch.

Others stand where they belong: a second worker that joins (test_exactness), routing and owners that are gone
(test_owners), times in milliseconds and undecodable records (test_end_to_end), a changelog record that cannot be read
(test_command_line), and what is remembered in memory (tests/laws/test_constant_cost).
"""

import asyncio
import signal
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from schemas.rejected import RejectedHeaders
from stream.clients import LARGEST_REQUEST
from stream.domain.panes import HOUR_MS
from stream.topics import changelog_of
from tests.kafka.chaos.broker import limit_records
from tests.kafka.chaos.moments import RAISE, Trigger, arm
from tests.kafka.chaos.run import ENTRY
from tests.kafka.chaos.verdict import expected, found, read_log
from tests.kafka.harness import Delivery, Deployment, deploy, eventually
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.webhooks import FORBIDDEN, T0_MS, TIMEOUT, body, meeting

PRESETS = ["transcript", "summarize", "soap-notes", "chapters", "minutes"]
ANY_FAILURE = """
[[rule]]
name = "any"
kind = "threshold"
window = "10s"
min_jobs = 1
confidence = 0
on_no_data = "resolve"
"""
RESTARTS = 11


def delivery(job: str, preset: str, at_ms: int, error: str | None = None) -> Delivery:
    return Delivery(body(job, preset, at_ms, error), job.encode(), at_ms)


def every_partition(at_ms: int) -> list[Delivery]:
    """Tell the time on every partition of a topic."""
    return [Delivery(meeting(at_ms), b"%d" % number, at_ms) for number in range(40)]


async def assert_as_folded(deployment: Deployment, with_panes: bool = True) -> None:
    """Compare every pane, rejected record and alert with the pure fold of the log."""
    log = await read_log(deployment)
    wanted = expected(deployment, log)
    await deployment.counted(len(log))

    async def look() -> bool | None:
        got = await found(deployment)
        panes = not with_panes or got.panes == wanted.panes
        return (panes and (got.rejected, got.alerts) == (wanted.rejected, wanted.alerts)) or None

    await eventually(look, "what the fold says")


async def test_restarts_with_events_waiting_count_each_once(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        worker = deployment.start()
        for number in range(RESTARTS):
            await worker.ready()
            worker.kill(signal.SIGTERM)
            jobs = range(number * 40, number * 40 + 40)
            await deployment.produce([delivery(f"job-{job}", "summarize", T0_MS + job * 1_000) for job in jobs])
            worker = deployment.start()
        await worker.ready()
        await assert_as_folded(deployment)
        assert (await worker.rate("summarize", total=40 * RESTARTS, query="?window=25m"))["errors"] == 0


async def test_every_preset_of_a_pane_is_decided_on_once(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, ANY_FAILURE) as deployment:
        await deployment.start().ready()
        failures = [delivery(f"{preset}-{n}", preset, T0_MS + n, FORBIDDEN) for preset in PRESETS for n in range(9)]
        await deployment.produce([*failures, *every_partition(T0_MS + 60_000)])
        await assert_as_folded(deployment)
        sent = [(event.preset, event.kind, event.errors) for event in await deployment.alerts()]
        once_each = [(preset, *moved) for preset in PRESETS for moved in (("fired", 9), ("resolved", 0))]
        assert sorted(sent) == sorted(once_each)


async def test_a_window_that_expires_after_a_restart_closes_once_and_leaves_nothing(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, ANY_FAILURE) as deployment:
        worker = await deployment.start().ready()
        await deployment.produce([delivery("job-1", "summarize", T0_MS, TIMEOUT)])
        await worker.rate("summarize", total=1)
        worker.kill(signal.SIGTERM)
        worker = await deployment.start().ready()
        # All at once, and then nothing more: what has expired must not wait for somebody to send something.
        later_ms = T0_MS + 30 * HOUR_MS
        await deployment.produce(every_partition(later_ms))
        await worker.decided_to(later_ms - 10_000)
        await assert_as_folded(deployment, with_panes=False)
        assert [event.kind for event in await deployment.alerts()] == ["fired", "resolved"]

        async def look() -> bool | None:
            rows: dict[bytes, bytes | None] = {}
            for record in await deployment.read(changelog_of(deployment.settings.app_id, "rates")):
                rows[record.key] = record.value
            return all(value is None for key, value in rows.items() if not key.startswith(b"claim:")) or None

        await eventually(look, "no row of the expired window left")
        assert (await worker.get("/api/rates/summarize"))[0] in {200, 404}


async def test_events_of_years_ago_count_like_any(bootstrap: str, unique: str, tmp_path: Path) -> None:
    long_ago_ms, minute_ms = T0_MS - 2 * 365 * 24 * HOUR_MS, 60_000
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()
        times = range(long_ago_ms, long_ago_ms + 72 * HOUR_MS, minute_ms)
        jobs = [delivery(f"job-{at_ms}", PRESETS[at_ms // minute_ms % 5], at_ms) for at_ms in times]
        await deployment.produce(jobs)
        await assert_as_folded(deployment, with_panes=False)
        assert (await found(deployment)).counted == len(jobs)


async def test_alerts_sent_before_a_crash_are_the_ones_sent_after_it(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, ANY_FAILURE) as deployment:
        deployment.entry = ENTRY
        worker = await deployment.start().ready()
        arm(worker.trigger, Trigger("after alerts", signal.SIGKILL))
        failures = [delivery(f"{preset}-{n}", preset, T0_MS + n, TIMEOUT) for preset in PRESETS for n in range(3)]
        await deployment.produce([*failures, *every_partition(T0_MS + 60_000)])
        assert await asyncio.to_thread(worker.process.wait, 30) == -signal.SIGKILL
        await deployment.start().ready()
        await deployment.caught_up()
        sent = await deployment.read(deployment.settings.alerts_topic)
        await assert_as_folded(deployment)
        assert len({record.value for record in sent}) == len(deployment.expected()) < len(sent)


async def committed(deployment: Deployment) -> int:
    """Return how far the worker's group has committed the events topic."""
    admin = AdminClient({"bootstrap.servers": deployment.settings.bootstrap})
    asked = [ConsumerGroupTopicPartitions(deployment.settings.app_id)]
    [answer] = (await asyncio.to_thread(admin.list_consumer_group_offsets, asked)).values()
    group = await asyncio.to_thread(answer.result, 10)
    return sum(tp.offset for tp in group.topic_partitions if tp.topic == deployment.settings.events_topic)


async def test_nothing_is_committed_before_it_is_in_the_journal(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        deployment.entry = ENTRY
        worker = await deployment.start().ready()
        arm(worker.trigger, Trigger("before journal", signal.SIGSTOP))
        await deployment.produce([delivery(f"job-{n}", "summarize", T0_MS + n) for n in range(100)])

        async def look() -> bool | None:
            return (not worker.trigger.exists()) or None

        await eventually(look, "the worker stands still before it writes its journal")
        assert await committed(deployment) <= 0
        worker.process.send_signal(signal.SIGCONT)
        await assert_as_folded(deployment)


async def test_whatever_is_counted_together_is_committed_of_every_partition(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()
        await deployment.produce([delivery(f"job-{n}", "summarize", T0_MS + n) for n in range(100)])

        async def look() -> bool | None:
            return await committed(deployment) == 100 or None

        await eventually(look, "all 100 jobs committed")


async def test_a_send_that_is_refused_is_not_taken_for_sent(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()
        topics = [deployment.settings.tallies_topic, changelog_of(deployment.settings.app_id, "journal")]
        await asyncio.to_thread(limit_records, bootstrap, topics, 1)
        await deployment.produce([delivery(f"job-{n}", "summarize", T0_MS + n) for n in range(100)])
        await asyncio.sleep(3)  # for as long as a commit would take, had the refusal been overlooked
        assert await committed(deployment) <= 0
        await asyncio.to_thread(limit_records, bootstrap, topics, LARGEST_REQUEST)

        async def look() -> bool | None:
            # What is refused is tried in ever smaller steps; when one record alone is, the worker ends.
            if deployment.workers[-1].process.poll() is not None:
                deployment.start()
            status, answer = await deployment.workers[-1].get("/healthz")
            return (status == 200 and sum(answer["source_positions"].values()) == 100) or None

        await eventually(look, "100 jobs counted")
        await assert_as_folded(deployment)


async def test_a_rejected_record_larger_than_its_topic_takes_stops_nobody(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()
        await asyncio.to_thread(limit_records, bootstrap, [deployment.settings.rejected_topic], 100_000)
        large, small = b"x" * 200_000, b"{not json"
        rubbish = [Delivery(value, b"job-1", T0_MS) for value in (small, large, small)]
        await deployment.produce([*rubbish, delivery("job-1", "summarize", T0_MS)])
        await assert_as_folded(deployment)
        parked = await deployment.read(deployment.settings.rejected_topic)
        left_out = {RejectedHeaders.from_kafka(record.headers).value_left_out: record.value for record in parked}
        assert left_out == {None: small, len(large): b""}


@pytest.mark.parametrize("asked_to", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_is_asked_to_end_under_load_ends_soon(
    bootstrap: str, unique: str, tmp_path: Path, asked_to: signal.Signals
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.produce([delivery(f"job-{n}", PRESETS[n % 5], T0_MS + n * 100) for n in range(30_000)])
        worker = await deployment.start().ready()
        asked_at = monotonic()
        await asyncio.to_thread(worker.kill, asked_to)
        assert monotonic() - asked_at < 15
        await deployment.start().ready()
        await assert_as_folded(deployment)


async def test_what_an_agent_raises_stops_the_worker_and_loses_nothing(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        deployment.entry = ENTRY
        worker = await deployment.start().ready()
        arm(worker.trigger, Trigger("before tallies", RAISE))
        await deployment.produce([delivery(f"job-{n}", "summarize", T0_MS + n) for n in range(100)])
        assert await asyncio.to_thread(worker.process.wait, 30) not in {0, -signal.SIGKILL}
        await deployment.start().ready()
        await assert_as_folded(deployment)
