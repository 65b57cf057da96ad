"""Hours are sums of panes, whenever they are looked at and wherever a restart falls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.hours import Hours
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.preset import Preset, Stamped
from stream.domain.sight import EVERYTHING, Counted, Sum, sum_counts, window_start
from stream.domain.tally import Cell, Tally
from stream.domain.windows import WindowKey

PANE_MS = 7 * 60_000 + 1_000
"""A pane that does not divide the hour."""
KEYS = tuple(WindowKey(hours * HOUR_MS, EVERYTHING) for hours in (25, 30))
SPAN_MS = 30 * HOUR_MS
FINISHED, FAILED = Cell("uri"), Cell("uri", "timeout", "summary", "summary")
PANES = st.dictionaries(st.integers(0, 700), st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30)


def new(panes: dict[int, dict[Cell, int]], past: Hours, at_ms: int | None) -> Hours:
    hours = Hours(past=past.past)
    hours.open(KEYS, SPAN_MS, panes, at_ms)
    return hours


@given(PANES, st.sets(st.integers(0, 700), max_size=5))
def test_windows_hold_the_panes_of_their_hours_and_a_restart_changes_nothing(
    drawn: dict[int, tuple[int, int]], restarts: set[int]
) -> None:
    panes = {n * PANE_MS: {FINISHED: ok, FAILED: bad} for n, (ok, bad) in drawn.items() if ok + bad}
    hours = new({}, Hours(), None)
    for number in range(701):
        start, at_ms = number * PANE_MS, (number + 1) * PANE_MS
        closed = panes.get(start, {})
        # A tick at which nothing can change is passed over.
        if closed or (hours.is_waiting() and at_ms >= hours.hour_ms + HOUR_MS):
            list(hours.close(start, at_ms, closed))
        if number in restarts:
            hours = new({known: counts for known, counts in panes.items() if known < at_ms}, hours, at_ms)
        if not closed:
            continue
        for key in KEYS:
            begins = window_start(at_ms, key.length_ms)
            inside = [sum_counts(counts, EVERYTHING) for known, counts in panes.items() if begins <= known < at_ms]
            assert hours.sum_over(key) == Sum(sum(each.errors for each in inside), sum(each.total for each in inside))


def test_nothing_is_kept_when_no_rule_looks_back_so_far() -> None:
    hours = Hours()
    hours.open((), 0, {}, None)
    assert list(hours.close(0, PANE_MS, {FINISHED: 1})) == []
    assert list(hours.close(HOUR_MS, HOUR_MS + PANE_MS, {FINISHED: 1})) == []
    assert (hours.past, hours.is_waiting()) == ({}, False)


def test_hours_that_no_rule_asked_for_before_are_known_by_their_panes() -> None:
    panes = {0: {FAILED: 1}, PANE_MS: {FINISHED: 1}, 2 * HOUR_MS: {FINISHED: 1}}
    hours = new(panes, Hours(), 2 * HOUR_MS + PANE_MS)
    assert hours.past == {0: {Cell("uri", "timeout"): 1, Cell("uri"): 1}}
    assert hours.sum_over(KEYS[0]) == Sum(1, 3)


def test_what_was_asked_before_other_hours_were_known_is_asked_anew() -> None:
    hours = new({0: {FAILED: 1}}, Hours(), 2 * HOUR_MS)
    assert hours.sum_over(KEYS[0]) == Sum(1, 1)
    hours.past = {0: {FAILED: 2}, HOUR_MS: {FINISHED: 1}}
    hours.open(KEYS, SPAN_MS, {}, 2 * HOUR_MS)
    assert hours.sum_over(KEYS[0]) == Sum(2, 3)


@pytest.mark.parametrize("hours_ms", [0, SPAN_MS])
def test_a_row_that_is_newer_than_the_tick_counts_nothing_twice(hours_ms: int) -> None:
    at_ms = 26 * HOUR_MS + 20_000
    preset = Preset(10_000, 5)
    for start in (0, at_ms - 10_000):
        preset.take(start, 0, Stamped.of(0, Tally(decided={FAILED: 1})))
    preset.decided_to_ms = at_ms
    preset.hours.past |= {0: {FAILED: 1}, 26 * HOUR_MS: {FAILED: 7}}
    preset.open_windows((), hours_ms)
    assert sum(preset.counts_since(0, at_ms).values()) == 2


def test_an_hour_is_settled_at_the_first_tick_that_leaves_it_behind_and_forgets_stages() -> None:
    hours = new({}, Hours(), None)
    assert list(hours.close(0, PANE_MS, {FINISHED: 2, FAILED: 1})) == []
    last = pane_start(HOUR_MS, PANE_MS)
    assert list(hours.close(last, last + PANE_MS, {FAILED: 1})) == [0]
    assert hours.past == {0: {Cell("uri"): 2, Cell("uri", "timeout"): 2}}
    assert hours.expire(HOUR_MS) == [0]
    assert not hours.past


def test_a_rule_knows_a_period_since_there_are_jobs_that_it_looks_at() -> None:
    hours = new({}, Hours(past={HOUR_MS: {FINISHED: 9}, 3 * HOUR_MS: {Cell("recordingId"): 1}}), 5 * HOUR_MS)
    recordings, others = (Counted(bool, frozenset({source})) for source in ("recordingId", "transcriptUri"))
    assert hours.first_since(0, EVERYTHING) == HOUR_MS
    assert hours.first_since(2 * HOUR_MS, EVERYTHING) == hours.first_since(0, recordings) == 3 * HOUR_MS
    assert hours.first_since(0, others) == 5 * HOUR_MS
