"""A window holds the panes that start within its length, whichever tick it ends at."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.sight import EVERYTHING, NOTHING, Counted, Counts, Sum, sum_counts
from stream.domain.tally import Cell
from stream.domain.windows import NEVER_MS, WindowKey, Windows

PANE_MS = 10
FINISHED, FAILED, RECORDED = Cell("uri"), Cell("uri", "timeout", "summary", "summary"), Cell("recordingId", "other")
ONE_SOURCE = Counted(bool, frozenset({"uri"}))
KEYS = (WindowKey(30, EVERYTHING), WindowKey(200, EVERYTHING), WindowKey(30, ONE_SOURCE))
COUNTS = st.dictionaries(st.sampled_from([FINISHED, FAILED, RECORDED]), st.integers(1, 5))
PANES = st.dictionaries(st.integers(0, 60).map(lambda number: number * PANE_MS), COUNTS, max_size=30)


def opened(panes: dict[int, Counts], at_ms: int | None = None) -> Windows:
    windows = Windows()
    windows.open(KEYS, panes, at_ms)
    return windows


def naive(panes: dict[int, Counts], key: WindowKey, at_ms: int) -> Sum:
    inside = [counts for start, counts in panes.items() if at_ms - key.length_ms <= start < at_ms]
    sums = [sum_counts(counts, key.counted) for counts in inside]
    return Sum(sum(each.errors for each in sums), sum(each.total for each in sums))


@given(PANES, st.integers(0, 60), st.integers(1, 90))
def test_sums_are_those_of_the_panes_wherever_the_windows_were_opened(
    panes: dict[int, Counts], opens_at: int, ticks: int
) -> None:
    opens_ms = opens_at * PANE_MS
    windows = opened(panes, opens_ms)
    windows.close({start: panes[start] for start in sorted(panes) if start >= opens_ms})
    ends = np.arange(ticks) * PANE_MS
    sums = windows.sums_at(ends)
    for tick, at_ms in enumerate(ends.tolist()):
        wanted = [naive(panes, key, at_ms) for key in KEYS]
        assert [Sum(*each) for each in sums[tick].tolist()] == wanted
        assert [windows.sum_at(at_ms, key) for key in KEYS] == wanted
        assert windows.is_empty_at(at_ms) == (not any(each.total for each in wanted))


@given(PANES, st.integers(0, 90))
def test_windows_stay_as_they_are_until_one_of_them_loses_jobs(panes: dict[int, Counts], number: int) -> None:
    windows, at_ms = opened(panes, 10**6), number * PANE_MS
    before = {start: counts for start, counts in panes.items() if start < at_ms}
    held = [
        (start, key) for start, counts in before.items() if counts for key in KEYS if start >= at_ms - key.length_ms
    ]
    sums, lost_ms = windows.sums_and_losses_at(np.array([at_ms]))
    assert (sums == windows.sums_at(np.array([at_ms]))).all()
    assert lost_ms.tolist() == [min((start + key.length_ms for start, key in held), default=NEVER_MS)]


@given(PANES, st.integers(0, 60))
def test_what_no_window_reaches_back_to_can_be_forgotten(panes: dict[int, Counts], number: int) -> None:
    oldest_ms, windows = number * PANE_MS, opened(panes, 10**6)
    windows.expire(oldest_ms)
    assert windows.size == sum(1 for start, counts in panes.items() if counts and start >= oldest_ms)
    for at_ms in range(oldest_ms + 200, 1_000, PANE_MS):
        assert [windows.sum_at(at_ms, key) for key in KEYS] == [naive(panes, key, at_ms) for key in KEYS]


def test_a_window_that_no_rule_asked_for_holds_nothing() -> None:
    assert opened({0: {FAILED: 1}}, 10).sum_at(10, WindowKey(50, EVERYTHING)) == NOTHING
