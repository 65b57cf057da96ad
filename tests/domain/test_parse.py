"""One record of the events topic, read: what the table of golden bodies does not show."""

import json
from typing import Any

import pytest

from schemas import RejectedReason
from stream.domain.causes import Causes
from stream.domain.decoding import MAX_BYTES
from stream.domain.event_time import TimeQuality
from stream.domain.parse import Ignored, IgnoredReason, Outcome, Rejected, parse

RECORD_MS = 1_711_402_410_000
SENT_MS = 1_711_402_402_539
CAUSES = Causes()
DOCUMENTED = (
    b'{"version":"1.0.0","type":"batch-processor.error","id":"bp-je-bcb9f15d-2b00-4d98-be5f-23888e2df2ca",'
    b'"payload":{"id":"bcb9f15d-2b00-4d98-be5f-23888e2df2ca","preset":"summarize","status":"error",'
    b'"input":{"sourceType":"uri","uri":"{{uri}}"},"output":{},"error":"Summary generation job failed: '
    b'BatchProcessorTranscriptError: transcript job failed: Error: Failed to download: 403 Forbidden"},'
    b'"event_ts":1711402402.539}'
)


def read(value: bytes | None, record_ms: int | None = RECORD_MS) -> Outcome | Ignored | Rejected:
    return parse(value, record_ms, CAUSES)


def body(kind: str = "error", envelope: dict[str, Any] | None = None, **payload: Any) -> bytes:
    """A body that is fine but for what is given."""
    event = {"version": "1.0.0", "type": f"batch-processor.{kind}", "event_ts": SENT_MS / 1000}
    return json.dumps(event | {"payload": {"id": "j1", "preset": "summarize"} | payload} | (envelope or {})).encode()


def outcome(value: bytes, record_ms: int | None = RECORD_MS) -> Outcome:
    parsed = read(value, record_ms)
    assert isinstance(parsed, Outcome), parsed
    return parsed


def reason(value: bytes, record_ms: int | None = RECORD_MS) -> str:
    parsed = read(value, record_ms)
    assert isinstance(parsed, Rejected), parsed
    return parsed.reason


def test_the_documented_error_event_is_a_failed_job() -> None:
    assert read(DOCUMENTED) == Outcome(
        job_id="bcb9f15d-2b00-4d98-be5f-23888e2df2ca",
        preset="summarize",
        failed=True,
        cause=CAUSES.classify(json.loads(DOCUMENTED)["payload"]["error"]),
        source_type="uri",
        at_ms=SENT_MS,
        time_quality=TimeQuality.OK,
    )


@pytest.mark.parametrize("status", ["error", "finished", None, 5])
@pytest.mark.parametrize(("kind", "failed"), [("error", True), ("job-finished", False)])
def test_the_type_alone_decides_whether_a_job_failed(kind: str, failed: bool, status: object) -> None:
    parsed = outcome(body(kind, status=status, error="boom"))
    assert parsed.failed is failed
    assert (parsed.cause is not None) is failed


@pytest.mark.parametrize("event_type", ["transcript.error", "batch-processor.error ", "batch-processor", "error"])
def test_any_other_type_is_ignored_whatever_it_carries(event_type: str) -> None:
    parsed = read(body(envelope={"type": event_type}, error="boom", status="error"))
    assert parsed == Ignored(IgnoredReason.OTHER_TYPE, event_type.replace(" ", "_"), SENT_MS)


@pytest.mark.parametrize(
    ("event_ts", "at_ms"),
    [(SENT_MS / 1000, SENT_MS), (SENT_MS, SENT_MS), (str(SENT_MS), SENT_MS), (None, None), ("soon", None), (9e9, None)],
)
def test_an_ignored_event_tells_the_time_only_where_it_can_be_trusted(event_ts: object, at_ms: int | None) -> None:
    assert read(body(envelope={"type": "meeting.ended", "event_ts": event_ts})) == Ignored(
        IgnoredReason.OTHER_TYPE, "meeting.ended", at_ms
    )


def test_the_name_of_another_type_is_bounded() -> None:
    parsed = read(body(envelope={"type": "İ" * 500}))
    assert isinstance(parsed, Ignored)
    assert parsed.event_type == "i_" * 32


@pytest.mark.parametrize(
    "value", [b'{"test":"test"}', b' {"test": true}\n', b'{"test":null,"type":null}', b'\xef\xbb\xbf{"test":"test"}']
)
def test_dailys_ping_is_ignored(value: bytes) -> None:
    assert read(value) == Ignored(IgnoredReason.PING)


def test_a_null_value_is_a_tombstone_and_ignored() -> None:
    assert read(None) == Ignored(IgnoredReason.TOMBSTONE)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", RejectedReason.EMPTY),
        (b" \r\n", RejectedReason.EMPTY),
        (b"\xef\xbb\xbf", RejectedReason.EMPTY),
        (b"<html>", RejectedReason.NOT_JSON),
        (b"\xff\xfe", RejectedReason.NOT_JSON),
        (b'{"test":"\xff"}', RejectedReason.NOT_JSON),
        (b'{"test":"test"} {"test":"test"}', RejectedReason.NOT_JSON),
        (b'{"type":"batch-processor.error"', RejectedReason.NOT_JSON),
        (b"[" * 1000, RejectedReason.TOO_DEEP),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, RejectedReason.TOO_DEEP),
        (b"null", RejectedReason.NOT_AN_OBJECT),
        (b"true", RejectedReason.NOT_AN_OBJECT),
        (b"NaN", RejectedReason.NOT_AN_OBJECT),
        (b"17", RejectedReason.NOT_AN_OBJECT),
        (b'"batch-processor.error"', RejectedReason.NOT_AN_OBJECT),
        (b'[{"test":"test"}]', RejectedReason.NOT_AN_OBJECT),
        (b"{}", RejectedReason.NO_TYPE),
        (b'{"type":7,"test":"test"}', RejectedReason.NO_TYPE),
        (b'{"type":["batch-processor.error"]}', RejectedReason.NO_TYPE),
        (b'{"type":""}', RejectedReason.NO_TYPE),
        (b" " * (MAX_BYTES + 1), RejectedReason.TOO_LARGE),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_bytes_that_hold_no_event_are_rejected_with_a_reason(value: bytes, why: str) -> None:
    assert reason(value) == why


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0", "1.99", "1", " 1.0.0 ", 1, 1.2, None, ""])
def test_any_version_1_is_understood(version: object) -> None:
    assert outcome(body(envelope={"version": version})).job_id == "j1"


@pytest.mark.parametrize("version", ["2.0.0", "0.9", "10.0.0", "v1", "one", 2, True, float("nan"), [], {}, "9" * 999])
def test_any_other_version_is_rejected(version: object) -> None:
    assert reason(body(envelope={"version": version})) == RejectedReason.UNSUPPORTED_VERSION


@pytest.mark.parametrize("payload", [None, [], "lost", 7])
def test_an_event_without_a_payload_is_rejected(payload: object) -> None:
    assert reason(body(envelope={"payload": payload})) == RejectedReason.NO_PAYLOAD


@pytest.mark.parametrize("job_id", [None, "", " \t", True, 1.5, [], {}, 10**40])
def test_a_job_without_an_id_is_rejected(job_id: object) -> None:
    assert reason(body(id=job_id)) == RejectedReason.NO_JOB_ID


def test_a_number_names_the_same_job_as_its_text() -> None:
    assert outcome(body(id=42)).job_id == outcome(body(id="42")).job_id == "42"


def test_a_job_with_no_time_anywhere_is_rejected() -> None:
    assert reason(body(envelope={"event_ts": None}), record_ms=-1) == RejectedReason.NO_TIME
    assert outcome(body(envelope={"event_ts": None})).at_ms == RECORD_MS
    assert outcome(body(), record_ms=None).at_ms == SENT_MS


@pytest.mark.parametrize("preset", [None, "", "  ", 7, True, [], {"name": "x"}])
def test_a_preset_that_is_no_name_is_unknown(preset: object) -> None:
    assert outcome(body(preset=preset)).preset == "unknown"


@pytest.mark.parametrize(
    ("preset", "kept"), [("*", "(*)"), ("**", "**"), (" *", " *"), ("*x", "*x"), ("(*)", "(*)"), ("[*]", "[*]")]
)
def test_a_preset_by_the_name_of_all_presets_goes_by_another(preset: str, kept: str) -> None:
    assert outcome(body(preset=preset)).preset == kept


@pytest.mark.parametrize("field", ["preset", "id"])
def test_a_name_of_up_to_200_characters_is_kept_and_a_longer_one_told_apart_by_a_digest(field: str) -> None:
    def name(text: str) -> str:
        parsed = outcome(body(preset=text) if field == "preset" else body(id=text))
        return parsed.preset if field == "preset" else parsed.job_id

    assert name("p" * 200) == "p" * 200
    assert name("p" * 201).startswith("p" * 180 + "~")
    assert len(name("p" * 5000)) == 197
    assert len({name("p" * 201), name("p" * 202), name("p" * 200 + "é")}) == 3


def test_half_an_emoji_is_replaced_and_a_whole_one_kept() -> None:
    assert outcome(body(preset="cut \ud83d")).preset == "cut \ufffd"
    assert outcome(body(preset="whole \U0001f600, half \udc00")).preset == "whole \U0001f600, half \ufffd"
    assert outcome(body(preset=r"no escape \ud83d, half " + "\ud83d")).preset == "no escape \\ud83d, half \ufffd"


@pytest.mark.parametrize(
    ("given", "source_type"),
    [
        ({"sourceType": "uri"}, "uri"),
        ({"sourceType": "recordingId"}, "recordingId"),
        ({"sourceType": "transcriptUri"}, "transcriptUri"),
        ({"sourceType": "URI"}, "other"),
        ({"sourceType": 7}, "other"),
        ({"sourceType": ["uri"]}, "other"),
        ({"sourceType": None}, "unknown"),
        ({"sourceType": ""}, "unknown"),
        ({"uri": "https://x.example"}, "unknown"),
        (None, "unknown"),
        ("uri", "unknown"),
        ([], "unknown"),
    ],
)
def test_the_source_type_is_one_of_a_closed_set(given: object, source_type: str) -> None:
    assert outcome(body(input=given)).source_type == source_type


@pytest.mark.parametrize("error", [None, "", "  ", [], {}])
def test_an_error_without_a_text_is_unspecified(error: object) -> None:
    assert outcome(body(error=error)).cause == CAUSES.classify("")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"message": "Failed to download", "status": 403}, '{"message":"Failed to download","status":403}'),
        (["429 Too Many Requests"], '["429 Too Many Requests"]'),
        (503, "503"),
        (False, "false"),
        (float("nan"), "NaN"),
    ],
)
def test_an_error_that_is_no_text_is_read_as_its_json(error: object, text: str) -> None:
    assert outcome(body(error=error)).cause == CAUSES.classify(text)


def test_of_equal_names_the_last_counts() -> None:
    assert outcome(body()[:-1] + b',"payload":{"id":"j2"}}').job_id == "j2"


def test_what_a_rejection_tells_holds_no_credentials() -> None:
    parsed = read(body(envelope={"version": "https://x.example/?sig=0123456789"}))
    assert isinstance(parsed, Rejected)
    assert "0123" not in parsed.detail
