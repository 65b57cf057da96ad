"""Tallies are a commutative monoid, so that logs may be split, cut and folded in any way."""

from collections import Counter
from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.tally import SAMPLES_KEPT, Cell, Tally, add_counts, merged
from tests.domain.drawn_tallies import CELLS, JOBS, KEPT, TALLIES, Job, tally_of

FINISHED, TIMED_OUT = Cell("uri"), Cell("uri", "timeout")


def total(*tallies: Tally) -> Tally:
    return merged(tallies, KEPT)


@given(TALLIES, TALLIES)
def test_two_tallies_may_be_merged_either_way_round(one: Tally, other: Tally) -> None:
    assert total(one, other) == total(other, one)


@given(TALLIES, TALLIES, TALLIES)
def test_three_tallies_may_be_merged_from_either_end(one: Tally, two: Tally, three: Tally) -> None:
    assert total(total(one, two), three) == total(one, total(two, three))


@given(TALLIES)
def test_the_empty_tally_changes_nothing(tally: Tally) -> None:
    assert total(tally) == total(tally, Tally()) == total(Tally(), tally) == tally


@given(st.lists(JOBS, max_size=4), st.randoms(use_true_random=False))
def test_jobs_counted_apart_and_in_any_order_are_jobs_counted_together(parts: list[list[Job]], shuffle: Random) -> None:
    together = [job for part in parts for job in part]
    assert total(*map(tally_of, parts)) == tally_of(together)
    shuffle.shuffle(together)
    assert tally_of(together) == total(*map(tally_of, parts))


@given(TALLIES, TALLIES)
def test_what_is_merged_into_another_stays_as_it_is(one: Tally, other: Tally) -> None:
    kept = deepcopy(other)
    total(one, other).see(FINISHED)
    assert other == kept


@given(JOBS)
def test_jobs_are_seen_always_and_decided_only_when_rules_may_use_them(jobs: list[Job]) -> None:
    tally = tally_of(jobs)
    assert tally.seen == Counter(job.cell for job in jobs)
    assert tally.decided == Counter(job.cell for job in jobs if job.decided_ms is not None)
    assert tally.last_decided_ms == max((job.decided_ms for job in jobs if job.decided_ms is not None), default=-1)


@pytest.mark.parametrize(
    ("jobs", "named"),
    [
        ([(TIMED_OUT, 3), (TIMED_OUT, 1), (FINISHED, 4), (TIMED_OUT, 2), (TIMED_OUT, 5)], ["2", "3", "5"]),
        ([(FINISHED, 1)], []),
        ([(TIMED_OUT, 1)], ["1"]),
    ],
)
def test_the_newest_failed_jobs_are_the_evidence_oldest_first(jobs: list[tuple[Cell, int]], named: list[str]) -> None:
    tally = tally_of(Job(cell, at_ms, str(at_ms), at_ms) for cell, at_ms in jobs)
    assert [sample.job_id for sample in tally.samples] == named
    assert len(tally.samples) <= SAMPLES_KEPT


COUNTS = st.dictionaries(st.sampled_from(CELLS), st.integers(1, 10**9))


@given(COUNTS, COUNTS)
def test_counts_are_added_cell_by_cell(held: dict[Cell, int], added: dict[Cell, int]) -> None:
    after = dict(held)
    add_counts(after, added)
    assert after == Counter(held) + Counter(added)
