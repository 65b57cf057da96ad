"""Jobs are told apart by their whole names, and cheaply whatever their ids have in common."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.dedupe import SPREAD, Jobs, RememberedJobs, first_times, sort_keys
from stream.domain.job_names import Names, names
from stream.domain.panes import HOUR_MS

HALVES = st.integers(0, 2**64 - 1)
NOTE = 1_000_000


def jobs(of: Names) -> Jobs:
    return Jobs(of, np.full(len(of), NOTE, np.uint32))


def first(remembered: RememberedJobs, given: Jobs) -> list[bool]:
    found, conflicts = first_times(remembered, given, np.zeros(len(given), np.int64), np.ones(len(given), np.bool_))
    assert not conflicts
    return [bool(each) for each in found]


@given(st.tuples(HALVES, HALVES), st.lists(HALVES, min_size=1, max_size=5, unique=True))
def test_jobs_whose_keys_are_equal_are_told_apart(one: tuple[int, int], lows: list[int]) -> None:
    high, low = np.array(one, np.uint64)
    others = np.array(lows, np.uint64)
    crafted = np.unique(np.stack((high + (low - others) * SPREAD, others), axis=1), axis=0)
    assert len(set(sort_keys(crafted).tolist())) == 1
    remembered, half = RememberedJobs(24 * HOUR_MS), len(crafted) // 2
    remembered.remember(jobs(crafted[:half]))
    assert first(remembered, jobs(crafted)) == [False] * half + [True] * (len(crafted) - half)


def test_ids_that_differ_in_one_half_only_do_not_share_keys() -> None:
    counted_up = [f"{number:08x}-0000-4000-8000-{other:012x}" for number in (0, 1) for other in range(5_000)]
    assert len(np.unique(sort_keys(names(counted_up)))) == len(counted_up)
