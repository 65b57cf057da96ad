"""What people ask of a board: jobs by event time, late ones included, up to the newest pane heard of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.deciding import Board
from stream.domain.queries import (
    Window,
    alerts,
    describe_preset,
    internal_name,
    known_presets,
    last_window,
    newest_end,
    rate_in,
    series,
)
from stream.domain.rates import wilson
from stream.domain.rules import RuleSet
from stream.domain.tally import ALL_PRESETS, Tally, merged
from tests.laws.logs import (
    LATENESS_MS,
    PANE_MS,
    PRESETS,
    RETENTION_MS,
    Story,
    counting_policy,
    folded,
    new_replay,
    stories,
    write,
)
from tests.laws.reference import Reference
from tests.webhooks import FORBIDDEN, STRANGE, T0_MS, TIMEOUT, body, log_of, meeting

MINUTE_MS = 60_000
RULES = RuleSet.model_validate(
    {
        "rules": (
            {"name": "rate", "kind": "threshold", "window": "1m", "min_jobs": 3, "keep_firing_for": "0s"},
            {"name": "run", "kind": "consecutive", "errors": 2, "for": "5m"},
        )
    }
)
Ended = tuple[int, str, str | None]
"""Seconds after the start, preset and error of a job."""

#  seconds  0    5    10   15   20   25   30
#  panes    |---------|---------|---------|--
ENDED: tuple[Ended, ...] = (
    (0, "summarize", None),
    (9, "summarize", TIMEOUT),
    (10, "summarize", FORBIDDEN),
    (15, "transcript", None),
    (25, "summarize", STRANGE),
)


def board_of(ended: tuple[Ended, ...], *more: tuple[int, bytes]) -> Board:
    """Return a board that has heard of jobs, and then of `more`, and has decided up to them."""
    jobs = [
        (T0_MS + 1000 * at, body(f"{at}-{preset}", preset, T0_MS + 1000 * at, error)) for at, preset, error in ended
    ]
    replay = new_replay(RULES, 1)
    list(replay.take(0, log_of([*jobs, *more])))
    return replay.board


def counted(board: Board, preset: str, start: int, end: int) -> tuple[int, int]:
    rate = rate_in(board, preset, Window(T0_MS + 1000 * start, T0_MS + 1000 * end))
    return rate.errors, rate.total


@pytest.mark.parametrize(
    ("preset", "start", "end", "expected"),
    [
        ("summarize", 0, 30, (3, 4)),
        ("summarize", 0, 10, (1, 2)),
        ("summarize", 10, 20, (1, 1)),
        ("summarize", 10, 30, (2, 2)),
        ("summarize", 30, 60, (0, 0)),
        ("summarize", -60, 0, (0, 0)),
        ("transcript", 0, 30, (0, 1)),
        ("nobody", 0, 30, (0, 0)),
        (internal_name("*"), 0, 30, (3, 5)),
    ],
)
def test_a_window_holds_the_jobs_from_its_start_up_to_its_end(
    preset: str, start: int, end: int, expected: tuple[int, int]
) -> None:
    assert counted(board_of(ENDED), preset, start, end) == expected


def test_a_preset_by_the_name_of_all_presets_is_asked_for_and_told_of_by_a_name_of_its_own() -> None:
    board = board_of((*ENDED, (26, "*", TIMEOUT), (27, "*", TIMEOUT)), (T0_MS + 90_000, meeting(T0_MS + 90_000)))
    assert known_presets(board) == ["(*)", "summarize", "transcript"]
    assert counted(board, internal_name("(*)"), 0, 30) == (2, 2)
    assert counted(board, internal_name("*"), 0, 30) == (5, 7)
    assert {alert["preset"] for alert in alerts(board, frozenset(("pending",)))} == {"(*)", "summarize"}


def test_a_rate_names_reasons_parties_and_stages_and_has_its_bounds() -> None:
    rate = rate_in(board_of(ENDED), "summarize", Window(T0_MS, T0_MS + 30_000))
    low, high = (round(bound, 6) for bound in wilson(3, 4))
    assert rate.model_dump() == {
        "preset": "summarize",
        "window_start": T0_MS,
        "window_end": T0_MS + 30_000,
        "errors": 3,
        "finished": 1,
        "total": 4,
        "error_rate": 0.75,
        "error_rate_low": low,
        "error_rate_high": high,
        "reasons": {"input_forbidden": 1, "other": 1, "timeout": 1},
        "parties": {"customer": 1, "daily": 1, "unknown": 1},
        "stages": {"summary": 1},
        "root_stages": {"summary": 1},
    }


@pytest.mark.parametrize("preset", ["nobody", "summarize", ALL_PRESETS])
def test_a_rate_over_zero_jobs_is_null(preset: str) -> None:
    rate = rate_in(board_of(ENDED), preset, Window(T0_MS - 30_000, T0_MS))
    assert (rate.error_rate, rate.error_rate_low, rate.error_rate_high) == (None, None, None)
    assert (rate.total, rate.reasons) == (0, {})


def test_a_job_too_late_for_rules_is_still_counted_where_it_ended() -> None:
    # 90 minutes pass, and then a job of the first pane is heard of.
    now_ms = T0_MS + 90 * MINUTE_MS
    late = body("late", "summarize", T0_MS + 1, TIMEOUT)
    board = board_of(ENDED, (now_ms, meeting(now_ms)), (now_ms, late))
    assert counted(board, "summarize", 0, 10) == (2, 3)


def test_the_newest_window_ends_with_the_newest_pane_though_rules_have_not_come_so_far() -> None:
    board = board_of(ENDED)
    assert board.tick_ms == T0_MS + 20_000
    assert newest_end(board) == T0_MS + 30_000
    assert last_window(board, MINUTE_MS) == Window(T0_MS - 30_000, T0_MS + 30_000)


def test_the_newest_window_moves_on_with_time_when_no_jobs_come() -> None:
    later_ms = T0_MS + 10 * MINUTE_MS
    board = board_of(ENDED, (later_ms, meeting(later_ms)))
    assert newest_end(board) == later_ms - PANE_MS  # as far as nothing that is on time can still change it
    assert later_ms - newest_end(board) >= LATENESS_MS


def test_a_board_that_has_heard_of_nothing_knows_no_preset_and_no_rate() -> None:
    board = new_replay(RULES, 1).board
    assert known_presets(board) == []
    assert rate_in(board, "summarize", last_window(board, MINUTE_MS)).error_rate is None


def test_the_windows_of_a_board_that_has_heard_of_nothing_end_where_a_pane_does() -> None:
    assert newest_end(new_replay(RULES, 1).board) % PANE_MS == 0


def test_presets_are_named_in_order_with_the_end_of_their_newest_pane() -> None:
    board = board_of((*ENDED, (26, "größe", None)))
    assert known_presets(board) == ["größe", "summarize", "transcript"]
    assert describe_preset(board, "transcript") == {"preset": "transcript", "last_seen": "2026-01-05T09:00:20Z"}


@pytest.mark.parametrize(
    ("span_ms", "step_ms", "totals"),
    [
        # jobs   2 . . . 1 . . . 1     the newest pane ends at 30 s, and a step of 20 s at 40 s
        (30_000, 10_000, [2, 1, 1]),
        (40_000, 20_000, [3, 1]),
        (60_000, 20_000, [0, 3, 1]),
        (60_000, 60_000, [4]),
    ],
)
def test_a_series_is_cut_at_multiples_of_its_step_and_ends_with_the_newest_pane(
    span_ms: int, step_ms: int, totals: list[int]
) -> None:
    points = series(board_of(ENDED), "summarize", span_ms, step_ms)
    assert [point.total for point in points] == totals
    assert all(point.window_start % step_ms == 0 for point in points)
    assert all(point.window_end - point.window_start == step_ms for point in points)
    assert [point.window_start for point in points[1:]] == [point.window_end for point in points[:-1]]


def states(board: Board, *asked: str) -> list[tuple[Any, ...]]:
    found = alerts(board, frozenset(asked))
    return sorted((one["state"], one["rule"], one["preset"]) for one in found)


FIRING, PENDING = ("firing", "rate", "summarize"), ("pending", "run", "summarize")
RESOLVED = ("resolved", "rate", "summarize")


def test_alerts_are_listed_by_the_states_asked_for() -> None:
    board = board_of(ENDED, (T0_MS + 36_000, meeting(T0_MS + 36_000)))
    assert states(board, "firing", "pending", "resolved") == [FIRING, PENDING]
    assert states(board, "firing") == [FIRING]
    assert states(board, "pending") == [PENDING]
    assert states(board, "resolved") == states(board) == []


def test_an_alert_that_has_resolved_is_listed_as_resolved_and_no_longer_as_firing() -> None:
    fine_ms = T0_MS + 10 * MINUTE_MS
    fine = (fine_ms, body("fine", "summarize", fine_ms))
    board = board_of(ENDED, fine, (fine_ms + 30_000, meeting(fine_ms + 30_000)))
    assert states(board, "firing", "pending", "resolved") == [RESOLVED, ("resolved", "run", "summarize")]


def test_a_pending_alert_says_since_when() -> None:
    board = board_of(ENDED, (T0_MS + 36_000, meeting(T0_MS + 36_000)))
    [pending] = alerts(board, frozenset({"pending"}))
    assert pending == {
        "state": "pending",
        "rule": "run",
        "rule_kind": "consecutive",
        "severity": "critical",
        "preset": "summarize",
        "group": {},
        "started_at": "2026-01-05T09:00:20Z",
    }


NO_RULE_THAT_MATTERS = RuleSet.model_validate({"rules": ({"name": "run", "kind": "consecutive"},)})
SPANS = st.tuples(st.integers(0, 60), st.integers(1, 60))


@given(stories(), SPANS)
def test_any_window_of_retained_panes_holds_each_job_once_at_its_event_time(
    told: list[Story], panes: tuple[int, int]
) -> None:
    logs = write(told)
    board = folded(logs, NO_RULE_THAT_MATTERS)[0].board
    references = [Reference(counting_policy(NO_RULE_THAT_MATTERS)) for _ in logs]
    for reference, log in zip(references, logs, strict=True):
        reference.take(log)
    ago, length = panes
    end_ms = newest_end(board) - ago * PANE_MS
    window = Window(max(end_ms - length * PANE_MS, newest_end(board) - RETENTION_MS + MINUTE_MS), end_ms)
    for name in (*PRESETS, ALL_PRESETS):
        seen = _seen(references, name, window)
        rate = rate_in(board, name, window)
        assert rate.total == sum(seen.seen.values())
        assert rate.errors == sum(count for cell, count in seen.seen.items() if cell.reason)
        assert sum(rate.reasons.values()) == sum(rate.parties.values()) == rate.errors


def _seen(references: list[Reference], name: str, window: Window) -> Tally:
    return merged(
        (
            tally
            for reference in references
            for (preset, start), tally in reference.panes.items()
            if preset == name and window.start_ms <= start < window.end_ms
        ),
        kept=1,
    )


@given(stories(), st.sampled_from([1, 2, 6]))
def test_a_series_adds_up_to_the_rate_over_its_span(told: list[Story], step_panes: int) -> None:
    board = folded(write(told), NO_RULE_THAT_MATTERS)[0].board
    step_ms, span_ms = step_panes * PANE_MS, 60 * PANE_MS
    for name in known_presets(board):
        points = series(board, name, span_ms, step_ms)
        whole = rate_in(board, name, Window(points[0].window_start, points[-1].window_end))
        assert len(points) == span_ms // step_ms
        assert sum(point.total for point in points) == whole.total
        assert sum(point.errors for point in points) == whole.errors
