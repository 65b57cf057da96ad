"""The tally that workers write is the public model's, both ways."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.tally import TallyMessage
from stream.domain.packing import PackedTally, PaneForm, pack, read_pane, read_panes, read_tally, unpack
from stream.domain.recency import Recency
from stream.domain.tally import Cell, FailedJob, Tally

NAMES = st.text(st.characters(codec="utf-8"), max_size=3)
NUMBERS = st.integers(0, 2**53)
CELLS = st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES, NUMBERS), max_size=3).map(tuple)
FAILURES = st.dictionaries(NAMES, st.lists(NUMBERS, max_size=3).map(tuple), max_size=2)
PANES = st.builds(
    PaneForm,
    NUMBERS,
    CELLS,
    st.none() | CELLS,
    st.integers(-1, 2**53),
    st.integers(-1, 2**53),
    FAILURES,
    st.lists(st.tuples(NUMBERS, NAMES, NAMES), max_size=2).map(tuple),
    st.dictionaries(NAMES, st.none() | st.tuples(st.integers(-1, 2**53), FAILURES), max_size=2),
)
WRITTEN = st.lists(PANES.map(msgspec.json.encode).map(msgspec.Raw)).map(tuple)
TALLIES = st.builds(PackedTally, NUMBERS, st.integers(-1, 2**53), st.none() | NUMBERS, st.none() | NAMES, WRITTEN)


@given(TALLIES)
def test_what_is_written_is_what_the_public_model_writes(tally: PackedTally) -> None:
    public = TallyMessage.model_validate_json(tally.to_json())
    assert public.to_json() == tally.to_json()
    read = read_tally(public.to_json())
    assert read is not None
    assert read.to_json() == tally.to_json()


@given(PANES)
def test_what_was_unpacked_packs_again_to_what_unpacks_alike(packed: PaneForm) -> None:
    tally = unpack(packed)
    assert unpack(read_pane(pack(packed.start_ms, tally))) == tally


def test_a_sample_keeps_its_source_type() -> None:
    packed = PaneForm(0, samples=((1, "a", "timeout"), (2, "b", "other")), sample_sources=("uri", ""))
    assert [job.source_type for job in unpack(packed).samples] == ["uri", ""]
    assert read_pane(pack(0, unpack(packed))) == packed


def test_what_an_earlier_version_has_counted_is_read_and_has_no_known_source_type() -> None:
    earlier = read_tally(
        b'{"source_partition":0,"offset":7,"preset":"summarize","panes":[{"start_ms":0,"seen":[["uri","timeout","","",2]],'
        b'"last_decided_ms":2,"failures":{"timeout":[1,2]},"samples":[[1,"a","timeout"],[2,"b","timeout"]]}]}'
    )
    assert earlier is not None
    tally = unpack(read_pane(earlier.panes[0]))
    assert (tally.recency, tally.recency_by_source) == (Recency(-1, {"timeout": (1, 2)}), {})
    assert [job.source_type for job in tally.samples] == ["", ""]


def test_an_earlier_version_reads_of_a_tally_what_it_knew_before() -> None:
    tally = Tally()
    tally.decide(Cell("uri", "timeout"), FailedJob(1, "a", "timeout", "uri"), 1, kept=5)
    tally.decide(Cell("recordingId"), FailedJob(2, "b", "", "recordingId"), 2, kept=5)
    told = json.loads(msgspec.json.encode(pack(0, tally)))
    assert (told["last_finished_ms"], told.get("failures"), told["samples"]) == (2, None, [[1, "a", "timeout"]])


def test_of_a_message_with_a_pane_that_is_none_no_pane_is_read() -> None:
    tally = read_tally(b'{"source_partition":0,"offset":7,"preset":"a","panes":[{"start_ms":0},{"start_ms":"x"}]}')
    assert tally is not None
    assert read_panes(tally) is None


def test_what_is_nested_without_end_is_none() -> None:
    endless = b"[" * 100_000
    assert read_tally(b'{"source_partition":0,"offset":1,"x":' + endless) is None
    assert read_tally(b'{"source_partition":0,"offset":1,"panes":[{"start_ms":0,"x":' + endless) is None


def test_what_is_no_tally_is_none() -> None:
    assert [read_tally(value) for value in (None, b"", b"{}", b"[]", b'{"source_partition":"x","offset":1}')] == [
        None
    ] * 5
