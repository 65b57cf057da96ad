"""What a worker tells Prometheus: named as Prometheus asks, there from the start, and bounded whatever is sent."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from schemas.rejected import RejectedReason
from stream.health import Health
from stream.meters import MOST_NAMES, Latencies, Meters
from stream.web.metrics import COUNTERS, GAUGES, PREFIX, registry


def told(health: Health) -> dict[str, dict[tuple[str, ...], float]]:
    """Return every sample, by its name and the values of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry(health)).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_names_say_units_and_kinds_as_prometheus_asks() -> None:
    for each in (*COUNTERS, *GAUGES):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", each.name), each.name
        assert not each.name.endswith(("_total", "_count", "_sum", "_bucket", "_ms", "_milliseconds"))
        assert each.says.endswith(".")
    names = [each.name for each in (*COUNTERS, *GAUGES)]
    assert len(names) == len(set(names))


def test_what_is_counted_is_there_at_zero_from_the_start(health: Health) -> None:
    metrics = told(health)
    for each in COUNTERS:
        values = metrics[f"{PREFIX}{each.name}_total"]
        assert values
        assert set(values.values()) == {0.0}
    assert metrics[f"{PREFIX}records_rejected_total"].keys() == {(str(reason),) for reason in RejectedReason}
    assert metrics[f"{PREFIX}ready"] == {(): 0.0}
    assert set(metrics[f"{PREFIX}fault"].values()) == {0.0}
    assert metrics[f"{PREFIX}event_to_count_seconds_count"] == {(): 0.0}


def test_what_the_stages_note_is_told(health: Health) -> None:
    meters = {"counted": 5, "rejected:not_json": 2, "ignored:other_type:meeting.started": 3, "ignored:ping:": 1}
    health.pipeline.counting.meters.add(meters)
    health.pipeline.counting.waits.observe([0.02, 0.2, 5_000.0, -1.0])
    metrics = told(health)
    assert metrics[f"{PREFIX}jobs_counted_total"] == {(): 5}
    assert metrics[f"{PREFIX}records_rejected_total"]["not_json",] == 2
    assert metrics[f"{PREFIX}records_ignored_total"]["other_type", "meeting.started"] == 3
    assert metrics[f"{PREFIX}records_ignored_total"]["ping", ""] == 1
    buckets = metrics[f"{PREFIX}event_to_count_seconds_bucket"]
    assert [buckets[bound,] for bound in ("0.01", "0.025", "0.25", "3600", "+Inf")] == [1, 2, 3, 3, 4]
    assert metrics[f"{PREFIX}event_to_count_seconds_sum"] == {(): pytest.approx(5_000.22)}


@given(st.lists(st.text(max_size=20), max_size=1_000))
def test_names_that_senders_choose_are_bounded_and_no_count_is_lost(types: list[str]) -> None:
    meters = Meters()
    for each in types:
        meters.add({f"ignored:other_type:{each}": 1})
    assert len(meters) <= MOST_NAMES + 1
    assert sum(meters.values()) == len(types)


@given(st.lists(st.floats(-10, 10_000), max_size=50))
def test_buckets_are_cumulative_and_hold_everything(seconds: list[float]) -> None:
    bounds = (0.1, 1, 10)
    latencies = Latencies(bounds)
    latencies.observe(np.array(seconds))
    assert latencies.cumulative() == [
        *((f"{bound:g}", sum(max(each, 0) <= bound for each in seconds)) for bound in bounds),
        ("+Inf", len(seconds)),
    ]


def test_a_thousand_types_end_up_under_one_name() -> None:
    meters = Meters()
    for number in range(1_000):
        meters.add({f"ignored:other_type:t{number}": 1})
    assert meters["ignored:other_type:(other)"] == 1_000 - MOST_NAMES
    # Whoever floods a topic with types must not hide what is wrong with it.
    meters.add({"rejected:not_json": 3, "lost": 1})
    assert (meters["rejected:not_json"], meters["lost"]) == (3, 1)
