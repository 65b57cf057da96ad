"""Any bytes on the events topic give an outcome, something ignored, or something rejected: never an exception."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from schemas import ErrorEvent, FinishedEvent, RejectedReason
from stream.domain.causes import Causes
from stream.domain.event_time import EARLIEST_MS, LATEST_MS, MAX_BEHIND_MS
from stream.domain.parse import Ignored, IgnoredReason, Outcome, Rejected, parse

RECORD_MS = 1_711_402_410_000

any_text = st.text(st.characters(exclude_categories=()), max_size=300)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text)
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=12)


def maybe(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what belongs there, else anything JSON can say."""
    return st.one_of(usual, usual, usual, trees)


inputs = st.fixed_dictionaries(
    {}, optional={"sourceType": maybe(st.sampled_from(["uri", "recordingId", "x"])), "uri": trees, "recordingId": trees}
)
payloads = st.fixed_dictionaries(
    {"id": maybe(any_text)},
    optional={
        "preset": maybe(any_text),
        "status": trees,
        "input": maybe(inputs),
        "output": trees,
        "error": maybe(any_text),
    },
)
types = st.sampled_from(
    ["batch-processor.error", "batch-processor.job-finished", "transcript.error", "Batch-Processor.ERROR"]
)
events = st.fixed_dictionaries(
    {"type": maybe(types), "payload": maybe(payloads)},
    optional={
        "version": maybe(st.sampled_from(["1.0.0", "1.9", "2.0.0", ""])),
        "id": trees,
        "event_ts": maybe(st.floats(1.6e9, 1.8e9)),
        "test": trees,
    },
)
bodies = events.map(lambda event: json.dumps(event).encode())


@st.composite
def nearly_bodies(draw: st.DrawFn) -> bytes:
    """A body with a piece of it replaced, as by a broken proxy."""
    body = draw(bodies)
    start, end = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
    return body[:start] + draw(st.binary(max_size=8)) + body[end:]


record_times = st.one_of(st.just(RECORD_MS), st.none(), st.just(-1), st.integers(-(2**63), 2**63 - 1))
values = st.one_of(st.none(), st.binary(), bodies, nearly_bodies())


@given(values, record_times)
def test_any_bytes_give_an_outcome_or_an_ignored_or_a_rejected_record(
    value: bytes | None, record_ms: int | None
) -> None:
    parsed = parse(value, record_ms, Causes())
    assert isinstance(parsed, Outcome | Ignored | Rejected)
    assert parse(value, record_ms, Causes()) == parsed


@given(values, record_times)
def test_what_is_kept_of_any_bytes_is_bounded_and_can_be_written(value: bytes | None, record_ms: int | None) -> None:
    match parse(value, record_ms, Causes()):
        case Outcome() as outcome:
            assert 0 < len(outcome.job_id.encode()) <= 4 * 200
            assert 0 < len(outcome.preset.encode()) <= 4 * 200
            assert outcome.source_type in {"uri", "recordingId", "transcriptUri", "other", "unknown"}
            assert EARLIEST_MS - MAX_BEHIND_MS <= outcome.at_ms <= LATEST_MS + 300_000
            assert outcome.failed == (outcome.cause is not None)
        case Ignored() as ignored:
            assert ignored.reason in IgnoredReason
            assert len(ignored.event_type) <= 64
            assert ignored.event_type.isascii()
        case Rejected() as rejected:
            assert rejected.reason in RejectedReason
            assert 0 < len(rejected.detail.encode()) <= 200


@given(bodies)
def test_the_public_models_read_every_body_that_the_parser_reads_and_agree_with_it(body: bytes) -> None:
    outcome = parse(body, RECORD_MS, Causes())
    if not isinstance(outcome, Outcome) or len(outcome.job_id) >= 180 or b"\\ud" in body:
        return
    model = ErrorEvent if outcome.failed else FinishedEvent
    payload = model.model_validate(from_json(body)).payload
    assert payload.id == outcome.job_id
    assert (payload.preset or "").strip() in {outcome.preset[:180], outcome.preset.strip(), ""} or len(
        outcome.preset
    ) > 180
