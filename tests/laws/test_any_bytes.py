"""Any bytes on the events topic give an outcome, something ignored, or something rejected: never an exception."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from schemas import ErrorEvent, FinishedEvent, RejectedReason
from stream.domain.causes import Causes
from stream.domain.event_time import EARLIEST_MS, LATEST_MS, MAX_AHEAD_MS, MAX_BEHIND_MS
from stream.domain.parse import SOURCE_TYPES, Ignored, IgnoredReason, Outcome, Rejected, parse

RECORD_MS = 1_711_402_410_000
TYPES = ["batch-processor.error", "batch-processor.job-finished", "transcript.error", "Batch-Processor.ERROR"]

Events = st.SearchStrategy[dict[str, Any]]


def events_of(text: st.SearchStrategy[str]) -> Events:
    """Events as Daily sends them, where any part may also be anything else that JSON can say."""
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text)
    trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=8)

    def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(usual, usual, usual, trees)

    inputs = {"sourceType": mostly(st.sampled_from([*SOURCE_TYPES, "x"])), "uri": trees, "recordingId": trees}
    job = {
        "preset": mostly(text),
        "status": trees,
        "input": mostly(st.fixed_dictionaries({}, optional=inputs)),
        "output": trees,
        "error": mostly(text),
    }
    envelope = {
        "version": mostly(st.sampled_from(["1.0.0", "1.9", "2.0.0", ""])),
        "id": trees,
        "event_ts": mostly(st.floats(1.6e9, 1.8e9)),
        "test": trees,
    }
    payloads = mostly(st.fixed_dictionaries({"id": mostly(text)}, optional=job))
    return st.fixed_dictionaries({"type": mostly(st.sampled_from(TYPES)), "payload": payloads}, optional=envelope)


@st.composite
def broken(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """Draw a body with a piece of it replaced."""
    body = draw(bodies)
    start, end = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
    return body[:start] + draw(st.binary(max_size=8)) + body[end:]


any_text = st.text(st.characters(exclude_categories=()), max_size=300)
wild_bodies = events_of(any_text).map(lambda event: json.dumps(event).encode())
plain_bodies = events_of(st.text(max_size=100)).map(lambda event: json.dumps(event).encode())
values = st.one_of(st.none(), st.binary(), wild_bodies, broken(wild_bodies))
record_times = st.one_of(st.just(RECORD_MS), st.none(), st.just(-1), st.integers(-(2**63), 2**63 - 1))


@given(values, record_times)
def test_any_bytes_are_read_without_an_exception_and_always_alike(value: bytes | None, record_ms: int | None) -> None:
    parsed = parse(value, record_ms, Causes())
    assert isinstance(parsed, Outcome | Ignored | Rejected)
    assert parse(value, record_ms, Causes()) == parsed


@given(values, record_times)
def test_what_is_kept_of_any_bytes_is_bounded_and_can_be_written(value: bytes | None, record_ms: int | None) -> None:
    match parse(value, record_ms, Causes()):
        case Outcome() as outcome:
            assert 0 < len(outcome.job_id.encode()) <= 4 * 200
            assert 0 < len(outcome.preset.encode()) <= 4 * 200
            assert outcome.source_type in {*SOURCE_TYPES, "other", "unknown"}
            assert EARLIEST_MS - MAX_BEHIND_MS <= outcome.at_ms <= LATEST_MS + MAX_AHEAD_MS
            assert outcome.failed == (outcome.cause is not None)
        case Ignored() as ignored:
            assert ignored.reason in IgnoredReason
            assert len(ignored.event_type) <= 64
            assert ignored.event_type.isascii()
        case Rejected() as rejected:
            assert rejected.reason in RejectedReason
            assert 0 < len(rejected.detail.encode()) <= 200


@given(plain_bodies)
def test_the_public_models_read_every_job_that_the_parser_reads_and_agree_with_it(body: bytes) -> None:
    causes = Causes()
    outcome = parse(body, RECORD_MS, causes)
    if not isinstance(outcome, Outcome):
        return
    event = (ErrorEvent if outcome.failed else FinishedEvent).model_validate(from_json(body))
    source = event.payload.input and event.payload.input.source_type
    assert event.payload.id == outcome.job_id
    assert outcome.preset in {event.payload.preset, "unknown"}
    assert outcome.source_type in {source, "other", "unknown"}
    if isinstance(event, ErrorEvent):
        assert outcome.cause == causes.classify(event.payload.error)


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"type":"batch-processor.error","payload":' + b'{"error":[' * 98 + b"]}" * 98 + b"}",
        b'{"type":"batch-processor.error","payload":{"id":1' + b"0" * 4299 + b"}}",
        b'{"type":"batch-processor.error","payload":{"id":"x"},"event_ts":1' + b"0" * 9999 + b"}",
        b'{"type":"batch-processor.error","payload":{"id":"x","error":"' + b"a: " * 1_700_000 + b'"}}',
        b'{"type":"batch-processor.error","payload":{"id":"' + b"x" * 5_000_000 + b'"}}',
        b'{"type":"' + b"t" * 5_000_000 + b'"}',
        b'{"type":"batch-processor.error","version":"' + b"9" * 5_000_000 + b'"}',
        b" " * 20_000_000,
        b"\\ud83d" * 1_000_000,
        b'"' + b"\\ud83d" * 1_000_000 + b'"',
    ],
    ids=lambda value: value[:20].decode(),
)
def test_bytes_made_to_be_costly_are_read_like_any_other(value: bytes) -> None:
    assert isinstance(parse(value, RECORD_MS, Causes()), Outcome | Ignored | Rejected)
