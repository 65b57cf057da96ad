"""Tallies as messages: what is packed comes back equal, and equal tallies are equal bytes."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.packing import PackedTally, pack, read_pane, read_tally, unpack
from stream.domain.tally import Tally, merged
from tests.domain.drawn_tallies import CELLS, JOBS, KEPT, TALLIES, Job, tally_of

START_MS = 1_767_603_600_000


def packed(tally: Tally) -> bytes:
    """Return the message about a pane, as it is sent."""
    message = PackedTally(source_partition=1, offset=7, preset="summarize", panes=(pack(START_MS, tally),))
    return message.to_json()


def message(value: bytes) -> PackedTally:
    """Return the message in a record's value."""
    read = read_tally(value)
    assert read is not None
    return read


@given(TALLIES)
def test_what_was_packed_comes_back_equal(tally: Tally) -> None:
    [pane] = message(packed(tally)).panes
    read = read_pane(pane)
    assert (read.start_ms, unpack(read)) == (START_MS, tally)


@given(TALLIES, TALLIES)
def test_tallies_are_equal_bytes_only_if_they_are_equal(one: Tally, other: Tally) -> None:
    assert (packed(one) == packed(other)) == (one == other)


@given(st.lists(JOBS, max_size=3), st.randoms(use_true_random=False))
def test_how_a_tally_came_about_does_not_show_in_its_bytes(parts: list[list[Job]], shuffle: Random) -> None:
    mixed = [job for part in parts for job in part]
    whole = merged(map(tally_of, parts), KEPT)
    shuffle.shuffle(mixed)
    assert packed(tally_of(mixed)) == packed(whole)


@given(TALLIES)
def test_packing_a_tally_once_more_after_unpacking_gives_the_same_bytes(tally: Tally) -> None:
    assert packed(unpack(read_pane(pack(START_MS, tally)))) == packed(tally)


@given(JOBS)
def test_jobs_that_came_in_time_are_not_written_twice(jobs: list[Job]) -> None:
    tally = tally_of(job._replace(decided_ms=job.at_ms) for job in jobs)
    assert read_pane(pack(START_MS, tally)).decided is None


@given(TALLIES)
def test_a_job_seen_after_unpacking_is_not_decided_by_that(tally: Tally) -> None:
    pane = read_pane(pack(START_MS, tally))
    taken = unpack(pane)
    taken.see(CELLS[0])
    assert taken.decided == tally.decided
    assert unpack(pane) == tally


@given(TALLIES, TALLIES)
def test_what_changes_after_packing_is_packed_anew(tally: Tally, other: Tally) -> None:
    pack(START_MS, tally)
    whole = merged((tally, other), KEPT)
    whole.see(CELLS[0])
    assert unpack(read_pane(pack(START_MS, whole))) == whole
