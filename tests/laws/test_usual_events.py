"""What is read the short way is what `parse` makes of the same bytes."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.domain.causes import Causes
from stream.domain.columns import ONLY_TIME, read
from stream.domain.fast_parse import read_usual
from stream.domain.parse import Outcome, parse
from stream.domain.records import Run
from stream.domain.tally import Cell
from tests.webhooks import FORBIDDEN, T0_MS, body

CAUSES = Causes()
USUAL = body("bcb9f15d-2b00-4d98-be5f-23888e2df2ca", "summarize", T0_MS, FORBIDDEN)
ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))
FIELDS = ("version", "type", "id", "payload", "event_ts")
IN_PAYLOAD = ("id", "preset", "status", "input", "output", "error")


def as_parsed(value: bytes, record_ms: int) -> object:
    outcome = parse(value, record_ms, CAUSES)
    if not isinstance(outcome, Outcome):
        return None
    cell = Cell(outcome.source_type)
    if outcome.cause is not None:
        cell = Cell(outcome.source_type, outcome.cause.reason, outcome.cause.stage, outcome.cause.root_stage)
    return outcome.job_id, outcome.preset, cell, outcome.at_ms


def by_columns(value: bytes, record_ms: int) -> object:
    columns = read(Run([0], [record_ms], [value], [None]), CAUSES)
    if not len(columns.codes) or columns.codes[0] == ONLY_TIME:
        return None
    kind = columns.kinds[columns.codes[0]]
    return columns.job_ids[0], kind.preset, kind.cell, int(columns.at_ms[0])


def with_field(path: tuple[str, ...], odd: Any) -> bytes:
    event = json.loads(USUAL)
    holder = event
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = odd
    return json.dumps(event).encode()


@given(st.sampled_from([*((name,) for name in FIELDS), *(("payload", name) for name in IN_PAYLOAD)]), ODD)
def test_a_field_of_any_value_reads_alike(path: tuple[str, ...], odd: Any) -> None:
    value = with_field(path, odd)
    assert by_columns(value, T0_MS) == as_parsed(value, T0_MS)


@given(st.lists(st.tuples(st.integers(0, len(USUAL)), st.binary(max_size=2), st.integers(0, 2)), max_size=4))
def test_any_edit_of_the_bytes_reads_alike(edits: list[tuple[int, bytes, int]]) -> None:
    value = USUAL
    for place, inserted, removed in edits:
        value = value[:place] + inserted + value[place + removed :]
    assert by_columns(value, T0_MS) == as_parsed(value, T0_MS)


@given(st.floats(allow_nan=False, min_value=0), st.sampled_from([-1, 0, T0_MS]))
@example(1e11, T0_MS)
@example(T0_MS / 1000 + 300, T0_MS)
@example(T0_MS / 1000 + 300.0006, T0_MS)
def test_any_time_reads_alike(event_ts: float, record_ms: int) -> None:
    value = with_field(("event_ts",), event_ts)
    assert by_columns(value, record_ms) == as_parsed(value, record_ms)


@pytest.mark.parametrize(
    "unread",
    [
        pytest.param(b'"\xff"', id="bytes that are no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="half a surrogate pair in UTF-8"),
        pytest.param(b"[" * 300 + b"]" * 300, id="too deep"),
        pytest.param(b'{"a":' * 300 + b"1" + b"}" * 300, id="too deep in objects"),
        pytest.param(b"9" * 5_000, id="a number of too many digits"),
        pytest.param(b"NaN", id="not a number"),
        pytest.param(b'"\\ud83d"', id="half a surrogate pair"),
        pytest.param(b'"\\x"', id="an unknown escape"),
    ],
)
def test_what_is_odd_in_a_field_nobody_reads_still_counts(unread: bytes) -> None:
    value = USUAL.replace(b'"output": {}', b'"output": ' + unread)
    assert value != USUAL
    assert by_columns(value, T0_MS) == as_parsed(value, T0_MS)


def test_the_usual_event_is_read_the_short_way() -> None:
    assert list(read_usual([USUAL]).rows) == [0]
