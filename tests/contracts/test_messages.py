"""The bytes that others depend on: alert events, rates, rejected headers and their schemas.

A change here is a change of contract: it needs a version and a note, not only a new golden file.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas import AlertEvent, AlertKind, Rate, RejectedHeaders, ResolveReason, RuleKind, json_schemas

GOLDEN = Path(__file__).parent / "golden"
FIRED = AlertEvent(
    id="b2f0c6d1e7a94c58-1",
    episode="b2f0c6d1e7a94c58",
    sequence=1,
    kind=AlertKind.FIRED,
    rule="high-error-rate",
    rule_kind=RuleKind.THRESHOLD,
    severity="critical",
    preset="summarize",
    at=1_711_402_410_000,
    started_at=1_711_402_410_000,
    window_start=1_711_402_110_000,
    window_end=1_711_402_410_000,
    errors=14,
    finished=46,
    total=60,
    error_rate=14 / 60,
    error_rate_low=0.14440098,
    error_rate_high=0.35421217,
    threshold=0.1,
    reasons={"other": 2, "invalid_media": 5, "input_forbidden": 5, "timeout": 2},
    parties={"unknown": 2, "daily": 2, "customer": 10},
    sample_jobs=("bcb9f15d-2b00-4d98-be5f-23888e2df2ca", "1dae15c5-6a85-4d65-ab00-4b19bb054b84"),
    labels={"team": "média", "env": "prod"},
    annotations={"summary": "summarize: 14 of 60 jobs failed", "runbook_url": "https://wiki.example/runbook"},
)
RESOLVED = FIRED.model_copy(
    update={
        "id": "b2f0c6d1e7a94c58-2",
        "sequence": 2,
        "kind": AlertKind.RESOLVED,
        "at": 1_711_402_800_250,
        "window_start": 1_711_402_500_250,
        "window_end": 1_711_402_800_250,
        "errors": 0,
        "finished": 0,
        "total": 0,
        "error_rate": None,
        "error_rate_low": None,
        "error_rate_high": None,
        "reasons": {},
        "parties": {},
        "sample_jobs": (),
        "resolve_reason": ResolveReason.NO_DATA,
    }
)
RATE = Rate(
    preset="transcript",
    window_start=0,
    window_end=300_000,
    errors=1,
    finished=2,
    total=3,
    error_rate=1 / 3,
    error_rate_low=0.0615,
    error_rate_high=0.7923,
    reasons={"timeout": 1},
    parties={"daily": 1},
    stages={"transcript": 1},
    root_stages={"transcript": 1},
)
NO_RATE: dict[str, Any] = {"error_rate": None, "error_rate_low": None, "error_rate_high": None}
HEADERS = RejectedHeaders(
    reason="not_json",
    detail="not readable as JSON",
    source_topic="batch-processor-events",
    source_partition=3,
    source_offset=42,
)


@pytest.mark.parametrize(("name", "alert"), [("fired", FIRED), ("resolved", RESOLVED)])
def test_an_alert_event_is_these_bytes(name: str, alert: AlertEvent) -> None:
    assert alert.to_json() == (GOLDEN / "alerts" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("alert", [FIRED, RESOLVED])
def test_an_alert_event_fits_its_schema_and_reads_back_equal(alert: AlertEvent) -> None:
    Draft202012Validator(json_schemas()["alert.schema.json"]).validate(json.loads(alert.to_json()))
    assert AlertEvent.model_validate_json(alert.to_json()).to_json() == alert.to_json()


def test_the_order_in_which_counts_and_labels_were_gathered_does_not_show() -> None:
    backwards = {
        name: dict(reversed(getattr(FIRED, name).items())) for name in ("reasons", "parties", "labels", "annotations")
    }
    assert AlertEvent.model_validate(FIRED.model_dump() | backwards).to_json() == FIRED.to_json()


def test_an_alert_event_carries_binary_cloudevents_headers() -> None:
    assert RESOLVED.cloudevent_headers("/presetwatch/eu") == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"b2f0c6d1e7a94c58-2"),
        ("ce_type", b"dev.presetwatch.alert.resolved"),
        ("ce_source", b"/presetwatch/eu"),
        ("ce_time", b"2024-03-25T21:40:00.250Z"),
        ("content-type", b"application/json"),
    ]


@pytest.mark.parametrize("alert", [FIRED, RESOLVED])
def test_an_alert_is_the_event_that_the_sdk_of_cloudevents_reads(alert: AlertEvent) -> None:
    message = KafkaMessage(dict(alert.cloudevent_headers()), b"summarize", alert.to_json())
    event = from_binary(message, JSONFormat())
    assert (event.get_id(), event.get_source(), event.get_specversion()) == (alert.id, "/presetwatch", "1.0")
    assert event.get_type() == f"dev.presetwatch.alert.{alert.kind}"
    assert event.get_time() == datetime.fromtimestamp(alert.at / 1000, UTC)
    assert event.get_data() == json.loads(alert.to_json())


def test_an_alert_that_cannot_be_written_as_utf8_is_written_with_marks_in_its_place() -> None:
    odd = FIRED.model_copy(update={"preset": "half \ud83d"})
    assert json.loads(odd.to_json())["preset"] == "half ?"


def test_a_rate_fits_its_schema_and_keeps_six_decimals() -> None:
    shown = json.loads(RATE.model_dump_json())
    Draft202012Validator(json_schemas()["rate.schema.json"]).validate(shown)
    assert shown["error_rate"] == 0.333333
    assert (shown["window_start"], shown["window_end"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:05:00Z")
    assert list(shown) == [*Rate.model_fields]


@pytest.mark.parametrize("made_up", [0.0, 1.0])
def test_a_rate_over_zero_jobs_is_null(made_up: float) -> None:
    empty = RATE.model_dump() | {"errors": 0, "finished": 0, "total": 0}
    assert Rate.model_validate(empty | NO_RATE).error_rate is None
    with pytest.raises(ValidationError, match="null"):
        Rate.model_validate(empty | NO_RATE | {"error_rate_high": made_up})
    with pytest.raises(ValidationError, match="null"):
        AlertEvent.model_validate(FIRED.model_dump() | {"total": 0})


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_rate_is_a_share(rate: float) -> None:
    with pytest.raises(ValidationError):
        Rate.model_validate(RATE.model_dump() | {"error_rate": rate})


def test_rejected_headers_survive_kafka() -> None:
    carried = HEADERS.to_kafka()
    assert carried == [
        ("reason", b"not_json"),
        ("detail", b"not readable as JSON"),
        ("source-topic", b"batch-processor-events"),
        ("source-partition", b"3"),
        ("source-offset", b"42"),
    ]
    assert RejectedHeaders.from_kafka([("trace", b"\xff"), ("empty", None), *carried]) == HEADERS


@pytest.mark.parametrize("missing", range(5))
def test_rejected_headers_that_are_not_whole_are_refused(missing: int) -> None:
    carried = HEADERS.to_kafka()
    del carried[missing]
    with pytest.raises(ValueError, match="Field required"):
        RejectedHeaders.from_kafka(carried)


def test_every_schema_is_a_schema_with_an_identity_of_its_own() -> None:
    schemas = json_schemas().values()
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert len({schema["$id"] for schema in schemas}) == len(schemas)
