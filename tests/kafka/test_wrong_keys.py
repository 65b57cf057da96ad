"""Records under keys that are not their job's id: each job counts once, wherever its records lie."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from stream.domain.panes import HOUR_MS
from stream.domain.routing import record_key
from stream.topics import wanted
from tests.kafka.chaos.broker import limit_records
from tests.kafka.harness import Delivery, deploy
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.kafka.test_exactness import HALF, TRAFFIC, assert_exact
from tests.webhooks import FORBIDDEN, T0_MS, body

JOBS = 200
LARGEST_BYTES = 200_000
ENVELOPE_BYTES = 80
"""What Kafka adds to a record that comes alone, and a few bytes."""


def under_wrong_key(delivery: Delivery, salt: int = 0) -> Delivery:
    """Key a record by nothing, by garbage, or by what many jobs share; all records of a job alike."""
    job = crc32(record_key(delivery.value or b"") or b"") + salt
    return replace(delivery, key=(None, b"\x00\xff%d" % job, b"summarize", b"transcript", b"soap")[job % 5])


async def test_jobs_under_wrong_keys_count_as_under_right_ones_and_their_copies_elsewhere_do_not(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        worker = await deployment.start().ready()
        await deployment.start().ready()
        await deployment.produce([under_wrong_key(delivery) for delivery in TRAFFIC[:HALF]])
        worker.kill()
        await deployment.produce([under_wrong_key(delivery) for delivery in TRAFFIC[HALF:]])
        await deployment.start().ready()
        await assert_exact(deployment)
        said = [event.to_json() for event in await deployment.alerts()]
        rates = await deployment.workers[1].answer("/api/rates?window=25m")
        await deployment.produce([under_wrong_key(delivery, salt=1) for delivery in TRAFFIC])
        await deployment.produce(TRAFFIC)
        await deployment.counted(len(deployment.log))
        assert [event.to_json() for event in await deployment.alerts()] == said
        assert await deployment.workers[1].answer("/api/rates?window=25m") == rates


async def test_what_is_forwarded_is_not_dropped_for_its_age(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        worker = await deployment.start().ready()
        # Years older than what brokers keep for a week.
        jobs = [Delivery(body(f"job-{number}", "summarize", T0_MS), b"any", T0_MS) for number in range(JOBS)]
        await deployment.produce(jobs)
        await deployment.counted(JOBS)
        await worker.rate("summarize", JOBS, "?window=1h")
        forwarded = await deployment.read(deployment.settings.rekeyed_topic)
        assert len(forwarded) > JOBS // 2
        assert min(record.timestamp for record in forwarded) > time.time() * 1_000 - HOUR_MS


async def test_a_body_that_only_just_fits_counts_where_every_topic_takes_no_more(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await asyncio.to_thread(limit_records, bootstrap, [*wanted(deployment.settings)], LARGEST_BYTES)
        worker = await deployment.start().ready()
        told = [body(f"job-{number}", "summarize", T0_MS + number, FORBIDDEN) for number in range(20)]
        await deployment.produce([Delivery(each.ljust(LARGEST_BYTES - ENVELOPE_BYTES), b"any", T0_MS) for each in told])
        await deployment.counted(len(told))
        rate = await worker.rate("summarize", len(told), "?window=1h")
        assert rate["reasons"] == {"input_forbidden": len(told)}
        assert await deployment.read(deployment.settings.rekeyed_topic)
        assert not await deployment.read(deployment.settings.rejected_topic)
