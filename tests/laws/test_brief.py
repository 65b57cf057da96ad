"""What is forwarded of a long webhook reads as the whole does, and fits anywhere."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.domain.brief import WHOLE_BYTES, in_brief
from stream.domain.causes import Causes
from stream.domain.columns import ONLY_TIME, read
from stream.domain.counting import count
from stream.domain.event_time import TimeQuality
from stream.domain.homes import Home
from stream.domain.parse import Outcome, parse
from stream.domain.records import Run
from stream.domain.rules import RuleSet
from stream.domain.sources import CountingPolicy, new_sources
from stream.domain.user_reasons import UserReason
from tests.laws.folds import new_fold, seen
from tests.laws.folds import read as read_log
from tests.laws.test_homes import scatter
from tests.laws.test_usual_events import FIELDS, IN_PAYLOAD, ODD, USUAL
from tests.webhooks import FORBIDDEN, T0_MS, body, log_of

BLANK = UserReason.model_validate({"name": "blank", "party": "daily", "pattern": r"^\s"})
CAUSES = Causes([BLANK])
PATHS = st.sampled_from(
    [*((name,) for name in FIELDS), *(("payload", name) for name in IN_PAYLOAD), ("payload", "input", "sourceType")]
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        ["*", " ", "unknown", "other", "recordingId", "x" * 201, "\x00" * 9_000, "😀" * 9_000, " " * 9_000 + "x"]
    ),
)


def long_body(paths_to: list[tuple[tuple[str, ...], Any]]) -> bytes:
    """Return the usual event with some fields set, made long by what nobody reads."""
    event = json.loads(USUAL)
    for path, value in paths_to:
        holder = event
        for name in path[:-1]:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[path[-1]] = value
    return json.dumps({**event, "padding": "x" * WHOLE_BYTES}).encode()


def brief_of(value: bytes, record_ms: int) -> bytes | None:
    """Return a record in brief, None if it is no job."""
    columns = read(Run([0], [record_ms], [value], [None]), CAUSES)
    if not len(columns.codes) or columns.codes[0] == ONLY_TIME:
        return None
    return in_brief(value, columns.job_ids[0], columns.kinds[columns.codes[0]], int(columns.at_ms[0]))


def told(value: bytes, record_ms: int) -> object:
    parsed = parse(value, record_ms, CAUSES)
    return replace(parsed, time_quality=TimeQuality.OK) if isinstance(parsed, Outcome) else None


@given(st.lists(st.tuples(PATHS, ODD | TEXTS), max_size=4), st.sampled_from([-1, T0_MS, T0_MS + 1, 4_102_444_800_000]))
@example([(("payload", "error"), " " * 9_000 + "x")], T0_MS)
@example([(("payload", "error"), {"code": "😀" * 9_000})], T0_MS)
@example([(("payload", "id"), "\x00" * 199 + "1"), (("payload", "preset"), "\x00" * 200)], T0_MS)
@example([(("event_ts",), T0_MS + 300_000)], T0_MS)
@example([(("event_ts",), "1" * 40)], T0_MS)
def test_a_brief_reads_as_the_whole_does_and_is_never_long(
    fields: list[tuple[tuple[str, ...], Any]], record_ms: int
) -> None:
    value = long_body(fields)
    brief = brief_of(value, record_ms)
    assert (brief is None) == (told(value, record_ms) is None)
    if brief is not None:
        assert told(brief, record_ms) == told(value, record_ms)
        assert len(brief) <= WHOLE_BYTES < len(value)


@pytest.mark.parametrize(("length", "is_whole"), [(WHOLE_BYTES, True), (WHOLE_BYTES + 1, False)])
def test_only_what_is_long_is_forwarded_in_brief(length: int, is_whole: bool) -> None:
    value = USUAL.ljust(length)
    log = scatter(log_of([(T0_MS, value)] * 2), 2, [0, 1])
    counted = [
        count(new_sources(CountingPolicy(), Home(number, 2)).own, Run.of([log[number]]), CAUSES) for number in (0, 1)
    ]
    [sent] = [each.value for batch in counted for each in batch.forwarded]
    assert (sent == value) is is_whole


@pytest.mark.parametrize("error", [None, FORBIDDEN, "word " * 20_000])
def test_long_bodies_scattered_over_partitions_count_as_in_one(error: str | None) -> None:
    values = [(T0_MS + n, body(f"job-{n}", "summarize", T0_MS + n, error) + b" " * WHOLE_BYTES) for n in range(20)]
    whole, parts = new_fold(RuleSet(rules=()), 1), new_fold(RuleSet(rules=()), 3)
    read_log(whole, log_of(values))
    read_log(parts, scatter(log_of(values), 3, [0, 1, 2]))
    assert seen(parts.board) == seen(whole.board)
    assert parts.meters["forwarded"] > 0
