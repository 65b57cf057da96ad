"""The tally that workers write is the public model's, both ways."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.tally import TallyMessage
from stream.domain.packing import CellCount, PackedPane, PackedTally, pack, read_tally, unpack
from stream.domain.tally import FailedJob

NAMES = st.text(st.characters(codec="utf-8"), max_size=3)
NUMBERS = st.integers(0, 2**53)
CELLS = st.lists(st.builds(CellCount, NAMES, NAMES, NAMES, NAMES, NUMBERS), max_size=3).map(tuple)
PANES = st.builds(
    PackedPane,
    NUMBERS,
    CELLS,
    st.none() | CELLS,
    st.integers(-1, 2**53),
    st.integers(-1, 2**53),
    st.dictionaries(NAMES, st.lists(NUMBERS, max_size=3).map(tuple), max_size=2),
    st.lists(st.builds(FailedJob, NUMBERS, NAMES, NAMES), max_size=2).map(tuple),
)
TALLIES = st.builds(
    PackedTally, NUMBERS, st.integers(-1, 2**53), st.none() | NUMBERS, st.none() | NAMES, st.lists(PANES).map(tuple)
)


@given(TALLIES)
def test_what_is_written_is_what_the_public_model_writes(tally: PackedTally) -> None:
    public = TallyMessage.model_validate_json(tally.to_json())
    assert public.to_json() == tally.to_json()
    assert read_tally(public.to_json()) == tally


@given(PANES)
def test_what_was_unpacked_packs_again_to_what_unpacks_alike(packed: PackedPane) -> None:
    tally = unpack(packed)
    assert unpack(pack(packed.start_ms, tally)) == tally


def test_what_is_no_tally_is_none() -> None:
    assert [read_tally(value) for value in (None, b"", b"{}", b"[]", b'{"source_partition":"x","offset":1}')] == [
        None
    ] * 5
