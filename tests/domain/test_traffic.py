"""The demo's traffic: repeatable to the byte, realistic, and with each planned incident visible where the plan says.

The rates here are counted by a model of their own, a few lines that share nothing with the product.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from stream.domain.routing import partition_of, record_key
from stream.local.incidents import DEMO_EPOCH_MS, Incident, plan
from stream.local.traffic import Delivery, generate

SEED, MINUTES = 7, 30
MINUTE_MS = 60_000


@cache
def deliver(seed: int = SEED, minutes: int = MINUTES) -> tuple[Delivery, ...]:
    return tuple(generate(seed, minutes))


@cache
def read_events(seed: int = SEED, minutes: int = MINUTES) -> tuple[tuple[int, dict[str, Any], Delivery], ...]:
    """The time, in epoch ms, and body of each delivery that is a webhook event."""
    return tuple(parse_events(deliver(seed, minutes)))


def parse_events(deliveries: tuple[Delivery, ...]) -> Iterator[tuple[int, dict[str, Any], Delivery]]:
    for delivery in deliveries:
        try:
            body = json.loads(delivery.value)
        except ValueError:
            continue
        if isinstance(body, dict) and "event_ts" in body:
            sent_at = float(body["event_ts"])
            yield round(sent_at if sent_at > 1e11 else sent_at * 1000), body, delivery


@cache
def read_jobs(seed: int = SEED, minutes: int = MINUTES) -> tuple[tuple[int, str, dict[str, Any]], ...]:
    """Each job once: the time of the first report to arrive, its preset, and its payload."""
    jobs: dict[str, tuple[int, str, dict[str, Any]]] = {}
    for at_ms, body, _ in read_events(seed, minutes):
        if body["type"].startswith("batch-processor.") and body["version"].startswith("1."):
            payload = body["payload"]
            jobs.setdefault(payload["id"], (at_ms, payload.get("preset", "unknown"), payload))
    return tuple(jobs.values())


def measure_rate(seed: int, minutes: int, preset: str, covers: Callable[[int], bool]) -> tuple[float, int]:
    """The error rate of a preset's jobs at the times covered, and how many those are."""
    jobs = read_jobs(seed, minutes)
    failed = [payload["status"] == "error" for at_ms, name, payload in jobs if name == preset and covers(at_ms)]
    return sum(failed) / len(failed), len(failed)


def find_planned(kind: str, seed: int, minutes: int) -> Incident:
    return next(incident for incident in plan(seed, minutes) if incident.kind == kind)


def digest(deliveries: tuple[Delivery, ...]) -> str:
    return sha256(repr([(one.arrives_at_ms, one.key, one.value) for one in deliveries]).encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_on_every_python() -> None:
    assert digest(deliver()[:5000]) == "cb27119fa7803dce57007cab7663a49dcaf069c6a8cba507b1b9996dc49ceadc"


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    assert digest(deliver()) == digest(tuple(generate(SEED, MINUTES))) != digest(deliver(SEED + 1))


def test_deliveries_come_in_order_of_arrival_and_within_the_run() -> None:
    times = [delivery.arrives_at_ms for delivery in deliver()]
    assert times == sorted(times)
    assert times[0] >= DEMO_EPOCH_MS
    assert times[-1] < DEMO_EPOCH_MS + MINUTES * MINUTE_MS


def test_every_key_is_a_function_of_the_body() -> None:
    assert all(delivery.key == record_key(delivery.value) for delivery in deliver())


def test_no_event_is_from_the_future() -> None:
    assert all(at_ms <= delivery.arrives_at_ms for at_ms, _, delivery in read_events())


@pytest.mark.parametrize("seed", [1, SEED, 99])
@pytest.mark.parametrize("partitions", [1, 2, 4, 8])
def test_every_partitions_clock_moves_at_least_every_30_seconds(seed: int, partitions: int) -> None:
    heard: dict[int, list[int]] = defaultdict(lambda: [DEMO_EPOCH_MS])
    for at_ms, body, delivery in read_events(seed):
        if not body["type"].startswith("batch-processor."):
            heard[partition_of(delivery.key, delivery.value, partitions)].append(at_ms)
    gaps = [after - before for times in heard.values() for before, after in pairwise(sorted(times))]
    assert len(heard) == partitions
    assert max(gaps) < 30_000


def test_half_an_hour_holds_about_five_thousand_jobs_of_every_preset() -> None:
    presets = Counter(preset for _, preset, _ in read_jobs())
    assert 4_000 < presets.total() < 6_000
    assert set(presets) == {"transcript", "summarize", "soap-notes", "action-items", "unknown"}
    assert presets["unknown"] < presets["action-items"] < presets["soap-notes"]


def test_the_rate_follows_the_hour_of_the_day() -> None:
    night_ms = DEMO_EPOCH_MS + 17 * 60 * MINUTE_MS
    assert len(tuple(generate(SEED, 4, night_ms))) < 0.8 * len(deliver(SEED, 4))


def test_all_kinds_of_input_and_time_occur() -> None:
    sources = {payload["input"]["sourceType"] for _, _, payload in read_jobs()}
    times = {type(body["event_ts"]) for _, body, _ in read_events()}
    assert sources == {"uri", "recordingId", "transcriptUri"}
    assert times == {float, int, str}


def test_duplicates_disorder_and_late_events_occur() -> None:
    values = Counter(delivery.value for delivery in deliver() if delivery.value.startswith(b'{"version"'))
    envelopes = [body["id"] for _, body, _ in read_events()]
    delays = [delivery.arrives_at_ms - at_ms for at_ms, _, delivery in read_events()]
    assert 50 < sum(count > 1 for count in values.values()) < 200
    assert 20 < sum(name.startswith("3431-") for name in envelopes) < 100
    assert 0.01 < sum(delay > 10_000 for delay in delays) / len(delays) < 0.05
    assert sum(second < first for first, second in pairwise(at_ms for at_ms, _, _ in read_events())) > 1000


def test_pings_junk_and_unsupported_versions_occur_now_and_then() -> None:
    values = Counter(delivery.value for delivery in deliver())
    assert {b"", b"{not json", b"[]", b'{"test":"test"}'} < set(values)
    assert any(value.startswith(b'{"version"') and not value.endswith(b"}") for value in values)
    assert 0 < sum(body["version"] == "2.0.0" for _, body, _ in read_events()) < 50


def test_a_run_of_no_minutes_is_empty() -> None:
    assert list(generate(SEED, 0)) == []


@pytest.mark.parametrize("seed", [1, SEED, 99])
@pytest.mark.parametrize("minutes", [5, 20, MINUTES])
def test_outside_incidents_less_than_five_percent_of_each_presets_jobs_fail(seed: int, minutes: int) -> None:
    for preset in ("transcript", "summarize", "soap-notes"):
        own = [one for one in plan(seed, minutes) if one.preset == preset]
        rate, _ = measure_rate(seed, minutes, preset, lambda at_ms: not any(one.covers(at_ms) for one in own))  # noqa: B023 - called at once
        assert rate < 0.05


@pytest.mark.parametrize("seed", [1, SEED, 99])
@pytest.mark.parametrize("minutes", [1, 5, 20, MINUTES])
def test_in_the_outage_every_job_of_its_preset_fails_at_daily(seed: int, minutes: int) -> None:
    outage = find_planned("outage", seed, minutes)
    jobs = read_jobs(seed, minutes)
    hit = [payload for at_ms, preset, payload in jobs if preset == outage.preset and outage.covers(at_ms)]
    assert len(hit) >= 20
    assert all(payload["status"] == "error" and re.search("50[23]", payload["error"]) for payload in hit)


@pytest.mark.parametrize("seed", [1, SEED, 99])
@pytest.mark.parametrize("minutes", [20, MINUTES])
def test_in_the_slow_rise_the_rate_climbs_from_the_usual_to_a_third(seed: int, minutes: int) -> None:
    rise = find_planned("slow_rise", seed, minutes)
    early, _ = measure_rate(seed, minutes, "transcript", lambda at: 0 <= at - rise.starts_at_ms < MINUTE_MS)
    late, jobs = measure_rate(seed, minutes, "transcript", lambda at: 0 < rise.ends_at_ms - at <= MINUTE_MS)
    healed, _ = measure_rate(seed, minutes, "transcript", lambda at: 0 <= at - rise.ends_at_ms < 2 * MINUTE_MS)
    assert jobs >= 40
    assert early < 0.12
    assert 0.18 < late < 0.45
    assert healed < 0.05


@pytest.mark.parametrize("seed", [1, SEED, 99])
@pytest.mark.parametrize("minutes", [20, MINUTES])
def test_in_the_customers_burst_nearly_half_fail_and_all_by_403(seed: int, minutes: int) -> None:
    burst = find_planned("customer_burst", seed, minutes)
    rate, jobs = measure_rate(seed, minutes, "soap-notes", burst.covers)
    failed = [
        payload
        for at_ms, preset, payload in read_jobs(seed, minutes)
        if preset == burst.preset and burst.covers(at_ms) and payload["status"] == "error"
    ]
    assert jobs >= 40
    assert 0.35 < rate < 0.60
    assert all(payload["error"].endswith(": 403 Forbidden") for payload in failed)


@pytest.mark.parametrize("seed", [1, SEED, 99])
@pytest.mark.parametrize("minutes", [20, MINUTES])
def test_in_the_silence_no_batch_event_is_sent_or_arrives_and_all_others_go_on(seed: int, minutes: int) -> None:
    silence = find_planned("silence", seed, minutes)
    inside = [
        body["type"].startswith("batch-processor.")
        for at_ms, body, delivery in read_events(seed, minutes)
        if silence.covers(at_ms) or silence.covers(delivery.arrives_at_ms)
    ]
    assert not any(inside)
    assert len(inside) > 200
    assert silence.ends_at_ms - silence.starts_at_ms > 90_000


def test_batch_events_are_never_silent_for_long_otherwise() -> None:
    silence = find_planned("silence", SEED, MINUTES)
    times = sorted(at_ms for at_ms, _, _ in read_jobs())
    gaps = [after - before for before, after in pairwise(times) if not before < silence.starts_at_ms < after]
    assert max(gaps) < 30_000


def test_a_webhook_that_comes_back_is_pinged_first() -> None:
    silence = find_planned("silence", SEED, MINUTES)
    pings = [one.arrives_at_ms for one in deliver() if one.value == b'{"test":"test"}']
    assert silence.ends_at_ms in pings
