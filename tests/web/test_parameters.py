"""What a request asks for: it fits, or it is a 400 whose sentence says what would."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.panes import HOUR_MS
from stream.web.parameters import MOST_POINTS, STATES, check_points, read_span, read_states
from stream.web.problems import ProblemError

PANE_MS, KEPT_MS = 10_000, 25 * HOUR_MS


def span(text: str | None) -> int:
    return read_span({} if text is None else {"window": text}, "window", "5m", PANE_MS, KEPT_MS)


@pytest.mark.parametrize(
    ("text", "ms"),
    [(None, 300_000), ("10s", 10_000), ("90s", 90_000), ("1h", HOUR_MS), ("1d", 24 * HOUR_MS), ("25h", KEPT_MS)],
)
def test_a_span_is_a_number_of_whole_panes_up_to_what_is_kept(text: str | None, ms: int) -> None:
    assert span(text) == ms


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("5", "window: '5' is not a duration: write numbers with units, as in 10s, 5m, 24h, 3d or 1h30m"),
        ("", "window: '' is not a duration: write numbers with units, as in 10s, 5m, 24h, 3d or 1h30m"),
        ("-10s", "window: '-10s' is not a duration: write numbers with units, as in 10s, 5m, 24h, 3d or 1h30m"),
        ("0s", "window must be a multiple of the pane, 10s, and at most 1d1h, which is kept; got 0s"),
        ("15s", "window must be a multiple of the pane, 10s, and at most 1d1h, which is kept; got 15s"),
        ("25h10s", "window must be a multiple of the pane, 10s, and at most 1d1h, which is kept; got 25h10s"),
    ],
)
def test_a_span_that_does_not_fit_is_a_400_that_says_what_would(text: str, sentence: str) -> None:
    with pytest.raises(ProblemError) as refused:
        span(text)
    assert (refused.value.status, refused.value.detail) == (HTTPStatus.BAD_REQUEST, sentence)


@given(st.text(max_size=60) | st.from_regex(r"([0-9]{1,5}(d|h|m|s|ms)){1,3}", fullmatch=True))
def test_any_text_is_a_span_that_fits_or_a_400_of_one_short_line(text: str) -> None:
    try:
        ms = span(text)
    except ProblemError as problem:
        refused = problem
    else:
        assert 0 < ms <= KEPT_MS
        assert ms % PANE_MS == 0
        return
    assert refused.status is HTTPStatus.BAD_REQUEST
    assert refused.detail.startswith("window")
    assert len(refused.detail) < 300
    assert "\n" not in refused.detail


@pytest.mark.parametrize(
    ("span_ms", "step_ms"), [(60_000, 10_000), (10_000, 10_000), (MOST_POINTS * 10_000, 10_000), (KEPT_MS, KEPT_MS)]
)
def test_a_series_that_comes_out_even_and_has_not_too_many_points_is_given(span_ms: int, step_ms: int) -> None:
    check_points(span_ms, step_ms)


@pytest.mark.parametrize(
    ("span_ms", "step_ms", "sentence"),
    [
        (60_000, 70_000, "span must be a multiple of step; got 1m by 1m10s"),
        (60_000, 40_000, "span must be a multiple of step; got 1m by 40s"),
        (20_010_000, 10_000, "at most 2000 points are given: take a longer step or a shorter span"),
    ],
)
def test_a_series_that_does_not_fit_is_a_400_that_says_what_would(span_ms: int, step_ms: int, sentence: str) -> None:
    with pytest.raises(ProblemError) as refused:
        check_points(span_ms, step_ms)
    assert (refused.value.status, refused.value.detail) == (HTTPStatus.BAD_REQUEST, sentence)


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ({}, {"firing", "pending", "resolved"}),
        ({"state": "firing"}, {"firing"}),
        ({"state": "pending,firing"}, {"firing", "pending"}),
        ({"state": "resolved,resolved"}, {"resolved"}),
    ],
)
def test_alerts_are_asked_for_by_state_and_without_one_all_are(query: dict[str, str], states: set[str]) -> None:
    assert read_states(query) == states


@pytest.mark.parametrize("state", ["", "Firing", "firing,", "firing pending", "inactive"])
def test_an_unknown_state_is_a_400_that_names_those_there_are(state: str) -> None:
    with pytest.raises(ProblemError, match=r"^state must be one of firing, pending, resolved, or several") as refused:
        read_states({"state": state})
    assert refused.value.status is HTTPStatus.BAD_REQUEST
    assert {"firing", "pending", "resolved"} == STATES
