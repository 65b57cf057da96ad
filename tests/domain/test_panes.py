"""Pane arithmetic: every instant lies in one pane, and a pane ends where the next one starts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.panes import HOUR_MS, next_boundary, pane_end, pane_start

INSTANTS = st.integers(-(10**13), 10**13)
LENGTHS = st.sampled_from([1_000, 5_000, 10_000, 60_000, HOUR_MS])


@pytest.mark.parametrize(
    ("at_ms", "start_ms", "end_ms", "boundary_ms"),
    [
        # panes  |0 ....... 9 999|10 000 ....... 19 999|20 000
        (0, 0, 10_000, 0),
        (1, 0, 10_000, 10_000),
        (9_999, 0, 10_000, 10_000),
        (10_000, 10_000, 20_000, 10_000),
        (19_999, 10_000, 20_000, 20_000),
        (-1, -10_000, 0, 0),
    ],
)
def test_a_pane_holds_its_start_and_not_its_end(at_ms: int, start_ms: int, end_ms: int, boundary_ms: int) -> None:
    assert (pane_start(at_ms, 10_000), pane_end(at_ms, 10_000)) == (start_ms, end_ms)
    assert next_boundary(at_ms, 10_000) == boundary_ms


@given(INSTANTS, LENGTHS)
def test_an_instant_lies_in_its_pane_and_in_no_other(at_ms: int, pane_ms: int) -> None:
    start, end = pane_start(at_ms, pane_ms), pane_end(at_ms, pane_ms)
    assert start <= at_ms < end == start + pane_ms
    assert start % pane_ms == 0
    assert pane_start(start - 1, pane_ms) == start - pane_ms
    assert pane_start(end, pane_ms) == end


@given(INSTANTS, LENGTHS)
def test_the_next_boundary_is_here_or_at_the_end_of_the_pane(at_ms: int, pane_ms: int) -> None:
    is_boundary = at_ms % pane_ms == 0
    assert next_boundary(at_ms, pane_ms) == (at_ms if is_boundary else pane_end(at_ms, pane_ms))


@given(st.lists(INSTANTS, min_size=2, max_size=2), LENGTHS)
def test_later_instants_never_lie_in_earlier_panes(instants: list[int], pane_ms: int) -> None:
    earlier, later = sorted(instants)
    assert pane_start(earlier, pane_ms) <= pane_start(later, pane_ms)
    assert next_boundary(earlier, pane_ms) <= next_boundary(later, pane_ms)


@given(INSTANTS, LENGTHS, st.integers(1, 100))
def test_a_window_of_whole_panes_holds_so_many_of_them(at_ms: int, pane_ms: int, panes: int) -> None:
    end = pane_start(at_ms, pane_ms)
    starts = {pane_start(instant, pane_ms) for instant in range(end - panes * pane_ms, end, pane_ms // 2)}
    assert len(starts) == panes
