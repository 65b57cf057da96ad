"""Events that are read by what they have in common are what `parse` makes of the same bytes."""

import json
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain import fast_parse
from stream.domain.causes import Causes
from stream.domain.columns import read
from stream.domain.fast_parse import FEW_PRESETS, read_usual
from stream.domain.job_names import JobIds, characters, chosen, names
from stream.domain.moulds import BLOCK, FEW, SAMPLE
from stream.domain.parse import Outcome, parse
from stream.domain.records import Run
from stream.domain.tally import Cell
from tests.webhooks import FORBIDDEN, T0_MS, body

CAUSES = Causes()
JOB = "bcb9f15d-2b00-4d98-be5f-23888e2df2ca"
OTHER_JOB = "0f2b6f0e-77aa-4c33-9d6e-1f3a5b7c9d2e"
ODD_BYTES = b'"\\ \t\x00\x1f~\x7f\x80\xff09.aA-e{}[]:,'


def finished(job_id: str = JOB, event_ts: object = T0_MS / 1000, preset: object = "summarize", **more: Any) -> bytes:
    payload = {
        "id": job_id,
        "preset": preset,
        "status": "finished",
        "input": {"sourceType": "uri", "uri": "https://x/y"},
    }
    envelope = {"version": "1.0.0", "type": "batch-processor.job-finished", "id": f"bp-jf-{job_id}"}
    return json.dumps({**envelope, "payload": {**payload, **more}, "event_ts": event_ts}).encode()


def compact(value: bytes) -> bytes:
    return json.dumps(json.loads(value), separators=(",", ":")).encode()


def reordered(value: bytes) -> bytes:
    return json.dumps(dict(reversed(json.loads(value).items()))).encode()


FAILED = body(JOB, "summarize", T0_MS, FORBIDDEN)
EVENTS = [
    pytest.param(FAILED, id="failed"),
    pytest.param(finished(), id="finished"),
    pytest.param(compact(FAILED), id="failed, without spaces"),
    pytest.param(reordered(finished()), id="finished, another order"),
    pytest.param(finished(event_ts=1_711_402_402), id="whole seconds"),
    pytest.param(finished(event_ts=1_711_402_402.5489998), id="seconds with all the digits of a float"),
]


def one_by_one(values: Sequence[bytes]) -> list[object]:
    found: list[object] = []
    for value in values:
        outcome = parse(value, T0_MS, CAUSES)
        if isinstance(outcome, Outcome):
            cause = outcome.cause
            more = (cause.reason, cause.stage, cause.root_stage) if cause else ()
            found.append((outcome.job_id, outcome.preset, Cell(outcome.source_type, *more), outcome.at_ms))
    return found


def by_moulds(values: Sequence[bytes]) -> list[object]:
    size = len(values)
    columns = read(Run(range(size), [T0_MS] * size, values, [None] * size, read_usual(values, few=1)), CAUSES)
    kinds = [columns.kinds[code] if code >= 0 else None for code in columns.codes.tolist()]
    rows = zip(columns.job_ids, kinds, columns.at_ms.tolist(), strict=True)
    return [(job_id, kind.preset, kind.cell, at_ms) for job_id, kind, at_ms in rows if kind is not None]


@pytest.mark.parametrize("event", EVENTS)
def test_with_any_one_byte_changed_an_event_among_its_like_reads_as_it_does_alone(event: bytes) -> None:
    for at in range(len(event)):
        changed = [event[:at] + bytes([byte]) + event[at + 1 :] for byte in ODD_BYTES]
        # More of its like than of the others, or it would be no mould for them.
        values = [event] * (len(changed) + 1) + changed
        assert by_moulds(values) == one_by_one(values)


def usual(values: Sequence[bytes | None], few: int) -> list[object]:
    rows, job_ids, sent, codes, said = read_usual(values, few)
    return list(zip(rows.tolist(), job_ids, sent.tolist(), [said[code] for code in codes], strict=True))


@pytest.mark.parametrize("event", [FAILED, finished()], ids=["failed", "finished"])
def test_with_any_one_byte_changed_it_reads_among_its_like_as_it_does_decoded(event: bytes) -> None:
    for at in range(len(event)):
        for byte in ODD_BYTES:
            values = [event, event[:at] + bytes([byte]) + event[at + 1 :]]
            assert usual(values, few=1) == usual(values, few=3)


@given(
    st.sampled_from([event.values[0] for event in EVENTS]),
    st.lists(st.lists(st.tuples(st.integers(0, 600), st.sampled_from(ODD_BYTES)), max_size=4), max_size=5),
)
def test_with_any_bytes_changed_events_read_among_their_like_as_they_do_alone(
    event: Any, edits: list[list[tuple[int, int]]]
) -> None:
    values = [event] * (len(edits) + 1)
    for changes in edits:
        changed = bytearray(event)
        for at, byte in changes:
            changed[at % len(changed)] = byte
        values.append(bytes(changed))
    assert by_moulds(values) == one_by_one(values)
    assert usual(values, few=1) == usual(values, few=100)


TEXTS = st.sampled_from(
    ["summarize", "transcript", "soap-notes", "", "   ", JOB, "*", "event_ts", "é", '"', "\\", ": 1"]
)
TIMES = st.one_of(
    st.floats(1.7e9, 1.8e9), st.integers(1_711_402_390, 1_711_402_420), st.just("1711402402.5"), st.just(1.7e300)
)


@given(st.lists(st.tuples(st.sampled_from([JOB, OTHER_JOB, OTHER_JOB.upper(), " " * 36, "7"]), TIMES, TEXTS, TEXTS)))
def test_events_of_one_shape_read_together_as_they_do_one_by_one(told: list[tuple[str, object, str, str]]) -> None:
    values = [
        finished(job_id, event_ts, preset, output={"id": text, text: preset}) for job_id, event_ts, preset, text in told
    ]
    assert by_moulds(values) == one_by_one(values)


WHOLE = st.one_of(st.integers(1, 9_999_999_999), st.integers(2**30 - 9, 2**30 + 9), st.integers(2**31 - 9, 2**31 + 9))


@given(st.lists(WHOLE, min_size=1), st.integers(0, 8), st.integers(0))
def test_digits_make_the_numbers_that_they_say(wholes: list[int], places: int, number: int) -> None:
    fraction = f".{number % 10**places:0{places}}" if places else ""
    texts = [f"{whole}{fraction}" for whole in wholes]
    values = [finished().replace(b"%r" % (T0_MS / 1000), text.encode()) for text in texts]
    assert read_usual(values, few=1).sent.tolist() == [float(text) for text in texts]


def test_of_more_presets_than_are_compared_each_is_read() -> None:
    presets = [f"preset-{number:02}" for number in range(10 * FEW_PRESETS)]
    values = [finished(preset=preset) for preset in [*presets, *reversed(presets)]]
    read = read_usual(values, few=1)
    assert [read.said[code][0] for code in read.codes] == [*presets, *reversed(presets)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(finished(), finished(" " * 36), id="an id of spaces"),
        pytest.param(finished("7"), finished("8"), id="short ids"),
        pytest.param(finished(output={"event_ts": 1.5}), finished(output={"event_ts": 2.5}), id="two times"),
        pytest.param(reordered(finished(output={"event_ts": 1.5})), reordered(finished()), id="two times, reordered"),
        pytest.param(finished(error="7"), finished(error="8"), id="an error of a job that finished"),
        pytest.param(finished(output={"preset": "a"}), finished(output={"preset": "b"}), id="a preset that is none"),
        pytest.param(finished(output={JOB: 1}), finished(OTHER_JOB, output={JOB: 1}), id="an id that is a name"),
        pytest.param(finished(preset="input"), finished(preset="other"), id="a preset that is a name"),
        pytest.param(finished(preset='a"b'), finished(preset='a"c'), id="a quote"),
        pytest.param(finished(preset="*"), finished(preset=" "), id="presets that are called otherwise"),
        pytest.param(finished(event_ts=1e9), finished(event_ts=2e9), id="fractions of zero"),
        pytest.param(finished(event_ts="1711402402.5"), finished(event_ts="1711402402.6"), id="time as text"),
        pytest.param(finished(event_ts=1711402402539), finished(event_ts=1711402402540), id="milliseconds"),
        pytest.param(
            finished().replace(b'{"id"', b'{"output": {"key": "%s"}, "id"' % JOB.encode()),
            finished().replace(b'{"id"', b'{"output": {"key": "%s"}, "id"' % OTHER_JOB.encode()),
            id="an id that stands elsewhere first",
        ),
        pytest.param(
            finished().replace(b'"payload": {', b'"payload": {"id": "%s", ' % OTHER_JOB.encode()),
            finished(OTHER_JOB).replace(b'"payload": {', b'"payload": {"id": "%s", ' % JOB.encode()),
            id="a job's id twice",
        ),
        pytest.param(
            finished().replace(b'"payload": {', b'"payload": {"preset": "transcript", '),
            finished().replace(b'"payload": {', b'"payload": {"preset": "soap-notes", '),
            id="a preset twice",
        ),
        pytest.param(
            finished().replace(b'"payload": {', b'"payload": {"input": {"sourceType": "uri"}, '),
            finished().replace(b'"payload": {', b'"payload": {"input": {"sourceType": "abc"}, '),
            id="an input twice",
        ),
    ],
)
def test_two_of_one_length_read_together_as_they_do_alone(one: bytes, other: bytes) -> None:
    for values in ([one, one, other], [other, other, one]):
        assert by_moulds(values) == one_by_one(values)
        assert usual(values, few=1) == usual(values, few=4)


def test_of_many_alike_one_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = Mock(side_effect=fast_parse._decode)
    monkeypatch.setattr(fast_parse, "_decode", decoded)
    ids = [f"{number:08x}{JOB[8:]}" for number in range(FEW)]
    presets = ["transcript", "soap-notes"] * (FEW // 2)
    values = [finished(job_id, T0_MS / 1000 + 1, preset) for job_id, preset in zip(ids, presets, strict=True)]
    read = read_usual(values)
    assert list(read.job_ids) == ids
    assert [read.said[code][0] for code in read.codes] == presets
    assert decoded.call_count == 1


def alternating(*layouts: bytes, count: int) -> list[bytes]:
    """Return events of one length, each of its own job, in these layouts by turns."""
    ids = [f"{number:08x}{JOB[8:]}" for number in range(count)]
    return [layouts[number % len(layouts)].replace(JOB.encode(), ids[number].encode()) for number in range(count)]


LAYOUTS = [
    finished(preset="summarize", output={"link": "abc"}),
    finished(preset="transcript", output={"link": "ab"}),
    finished(preset="soap-note", output={"lin": "abcd"}),
]
ODD = [
    finished(preset="summarize", output={"link": "a\\"}),
    finished(preset="summarize", output={"link": "abc"}).replace(b"abc", b"a\xc3\xa9"),
    finished(preset="summarize", output={"link": "abc"}).replace(b"abc", b'a":'),
    finished(preset="summarize", output={"link": "abc"}).replace(b"abc", b"ab\x1f"),
]


@pytest.mark.parametrize("odd", ODD, ids=["a backslash", "two bytes for a letter", "a quote", "a control"])
def test_events_past_the_sample_are_read_among_unlike_ones_as_they_are_alone(odd: bytes) -> None:
    values = alternating(LAYOUTS[0], LAYOUTS[1], LAYOUTS[0], count=2 * (SAMPLE + BLOCK))
    for row in (0, SAMPLE, SAMPLE + BLOCK - 1, SAMPLE + BLOCK + 1, len(values) - 1):
        changed = [*values[:row], odd, *values[row + 1 :]]
        assert by_moulds(changed) == one_by_one(changed)
        assert usual(changed, few=1) == usual(changed, few=len(changed) + 1)


def test_a_mould_that_most_of_a_sample_do_not_fit_is_not_held_against_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded = Mock(side_effect=fast_parse._decode)
    monkeypatch.setattr(fast_parse, "_decode", decoded)
    values = alternating(*LAYOUTS, count=FEW)
    assert len(set(map(len, values))) == 1
    read = read_usual(values)
    assert read.rows.tolist() == list(range(FEW))
    fit = -(-SAMPLE // len(LAYOUTS))
    assert decoded.call_count == 1 + FEW - fit


def test_what_is_not_there_often_is_decoded_one_by_one() -> None:
    values = [finished(), None, b"", b"x" * 5_000]
    assert read_usual(values, few=1).rows.tolist() == [0]


def test_ids_as_characters_are_the_ids() -> None:
    text = [JOB, OTHER_JOB]
    chars = characters(text)
    assert chars is not None
    ids = JobIds(chars)
    assert (len(ids), list(ids), ids[1], list(ids[1:])) == (2, text, OTHER_JOB, [OTHER_JOB])
    assert list(chosen(ids, names(ids)[:, 0].argsort())) == list(chosen(text, names(text)[:, 0].argsort()))
