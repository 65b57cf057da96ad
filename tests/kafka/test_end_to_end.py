"""From a record on the events topic to rates over HTTP and alerts on their topic, through a real worker."""

import json
from collections import Counter
from pathlib import Path
from time import time

import pytest

from stream.local.traffic import generate
from stream.rules_file import default_rules_path
from tests.kafka.harness import Delivery, Deployment, body, deploy, eventually

DEFAULT_RULES = default_rules_path().read_text()
DEMO_RULES = (Path(str(default_rules_path())).parent / "local" / "demo_rules.toml").read_text()


async def test_replay_prints_byte_for_byte_what_the_topic_got_of_the_same_lines(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    # Of the recent past: the demo's own day will one day be too long ago to be believed.
    ago_ms = int(time()) * 1000 - 20 * 60_000
    lines = [one.value for one in generate(7, 6, ago_ms) if one.value.strip() and b"\n" not in one.value]
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(lines))
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        replayed = deployment.run("replay", str(file)).stdout.splitlines()
        assert len(replayed) == 4
        worker = await deployment.start().ready()
        assert deployment.run("produce", str(file)).returncode == 0

        async def look() -> bool | None:
            return len(await deployment.read(deployment.settings.alerts_topic)) >= len(replayed) or None

        await eventually(look, f"{len(replayed)} alert events")
        await worker.decided_to(ago_ms + 5 * 60_000)
        sent = [record.value for record in await deployment.read(deployment.settings.alerts_topic)]
        assert sorted(sent) == sorted(replayed)


async def test_the_topic_gets_what_a_replay_of_the_same_records_gives_byte_for_byte(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        await deployment.start().ready()
        await deployment.produce([Delivery(d.value, d.key, d.arrives_at_ms) for d in generate(7, 20)])
        await deployment.caught_up()
        assert [event.to_json() for event in await deployment.alerts()] == [
            event.to_json() for event in deployment.expected()
        ]


ODD_VALUES: list[bytes | None] = [
    None,
    b"",
    b"{not json",
    b"[]",
    b"[" * 100_000,
    json.dumps({"test": "test"}).encode(),
    body("a-large-one", error="x" * 5_000_000),
    json.dumps({"version": "1.0.0", "type": "meeting.started", "payload": {}}).encode(),
    body("new-preset", preset="never-heard-of"),
    body("no-preset", preset=""),
    b'{"version":"1.0.0","type":"batch-processor.error","id":"x","payload":{"id":null}}',
    b'{"version":"1.0.0","type":"batch-processor.error","id":"x"}',
    b'{"version":"2.0.0","type":"batch-processor.error","id":"x","payload":{"id":"v2"}}',
    b'{"version":"1.0.0","type":"batch-processor.error","id":"x","payload":[{"id":"in a list"}]}',
    b'{"version":"1.0.0","type":7,"id":"x","payload":{"id":"of no type"}}',
    b'{"type":"batch-processor.error","payload":{"id":"odd-1","preset":"odd","error":null,"input":null}}',
    b'{"type":"batch-processor.error","id":3,"payload":{"id":2,"preset":"odd","status":5,"error":{"a":[1]},"input":[]}}',
    b'{"version":null,"type":"batch-processor.job-finished","payload":{"id":"odd-3","preset":"odd","output":"none"}}',
]
DAY_SECONDS = 24 * 3600


def odd_times(now: float) -> list[tuple[str, str]]:
    """Return values of `event_ts` with what is counted of each."""
    return [
        ("milliseconds", str(int(now * 1000))),
        ("text", f'"{now:.3f}"'),
        ("negative", "-5"),
        ("not_a_number", "NaN"),
        ("not_a_number", "[]"),
        ("missing", "null"),
        ("future", f"{now + DAY_SECONDS:.3f}"),
        ("future", "99999999999"),
        ("ancient", "1.5"),
    ]


def with_time(job: str, event_ts: str) -> bytes:
    return body(job, preset="timed", at=1.0).replace(b'"event_ts": 1.0', b'"event_ts": ' + event_ts.encode())


async def test_junk_leaves_counts_right_and_every_rejected_record_says_why(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=500) as deployment:
        worker = await deployment.start().ready()
        odd = [Delivery(value, b"any key") for value in ODD_VALUES]
        times = odd_times(time())
        timed = [Delivery(with_time(f"timed-{number}", text)) for number, (_, text) in enumerate(times)]
        await deployment.produce([*odd, *timed, Delivery(body("good")), Delivery(body("bad", error="Error: no"))])
        await deployment.counted(len(deployment.log))
        await worker.rate("timed", total=len(times))
        await worker.rate("never-heard-of", total=1)
        await worker.rate("unknown", total=1)
        strange = await worker.rate("odd", total=3)
        assert strange["reasons"] == {"unspecified": 1, "other": 1}
        summarize = await worker.rate("summarize", total=3)
        assert (summarize["errors"], summarize["finished"]) == (2, 1)
        await assert_rejected_as_folded(deployment)
        assert_counted(await worker.text("/metrics"), Counter(quality for quality, _ in times))
        assert worker.process.poll() is None


def assert_counted(metrics: str, times: Counter[str]) -> None:
    """See that what was ignored, and times that make no sense, are counted by why."""
    for quality in times.keys() - {"missing"}:  # many of the records here have no time
        assert f'presetwatch_event_times_total{{quality="{quality}"}} {times[quality]:.1f}' in metrics
    for reason, kind in (("ping", ""), ("tombstone", ""), ("other_type", "meeting.started")):
        assert f'presetwatch_records_ignored_total{{reason="{reason}",type="{kind}"}} 1.0' in metrics


async def assert_rejected_as_folded(deployment: Deployment) -> None:
    rejected = await deployment.read(deployment.settings.rejected_topic)
    reasons = Counter(dict(record.headers)["reason"].decode() for record in rejected)
    assert reasons == {
        "empty": 1, "not_json": 1, "too_deep": 1, "not_an_object": 1, "no_job_id": 1, "no_payload": 2,
        "unsupported_version": 1, "no_type": 1,
    }  # fmt: skip
    sources = {(r.partition, r.offset): r.value for r in deployment.log}
    for record in rejected:
        headers = {name: value.decode() for name, value in record.headers}
        assert headers["detail"]
        assert headers["source-topic"] == deployment.settings.events_topic
        assert record.value == sources[int(headers["source-partition"]), int(headers["source-offset"])]


FAST = {"pane": 1_000, "allowed_lateness": 500, "idle_after": 300}


async def test_an_alert_resolves_on_a_topic_that_has_gone_idle(bootstrap: str, unique: str, tmp_path: Path) -> None:
    rules = """
        [[rule]]
        name = "high"
        kind = "threshold"
        window = "3s"
        min_jobs = 5
        keep_firing_for = "0s"
        on_no_data = "resolve"
    """
    async with deploy(bootstrap, unique, tmp_path, rules, **FAST) as deployment:
        await deployment.start().ready()
        await deployment.produce([Delivery(body(f"job-{n}", error="Error: down")) for n in range(10)])

        async def look() -> list[str] | None:
            kinds = [f"{event.kind} {event.resolve_reason}" for event in await deployment.alerts()]
            return kinds if len(kinds) >= 2 else None

        assert await eventually(look, "fired and resolved") == ["fired None", "resolved no_data"]


@pytest.mark.parametrize("jobs", [0, 1])
async def test_a_silent_topic_alerts_even_if_nothing_ever_came(
    bootstrap: str, unique: str, tmp_path: Path, jobs: int
) -> None:
    rules = """
        [[rule]]
        name = "no-events"
        kind = "silence"
        presets = []
        after = "2s"
    """
    async with deploy(bootstrap, unique, tmp_path, rules, **FAST) as deployment:
        await deployment.start().ready()
        await deployment.produce([Delivery(body(f"job-{n}")) for n in range(jobs)])

        async def look() -> bool | None:
            return [event.preset for event in await deployment.alerts()] == ["*"] or None

        await eventually(look, "a silence alert")


async def test_empty_topics_answer_without_inventing_zeros(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300) as deployment:
        worker = await deployment.start().ready()
        assert await worker.get("/api/presets") == (200, {"presets": []})
        assert await worker.get("/api/rates") == (200, {"window": "5m", "rates": []})
        status, problem = await worker.get("/api/rates/summarize")
        assert (status, problem["title"]) == (404, "Not Found")


async def test_no_traffic_in_the_window_gives_no_rate(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, **FAST) as deployment:
        worker = await deployment.start().ready()
        await deployment.produce([Delivery(body("job"))])

        await worker.rate("summarize", total=1)
        rate = await worker.rate("summarize", total=0, query="?window=1s")
        assert (rate["error_rate"], rate["error_rate_low"], rate["error_rate_high"]) == (None, None, None)
