"""Rates over a window that rolls: each is that of its window, and the last is the one a list shows."""

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.queries import internal_name, last_window, newest_end, rate_in
from stream.domain.rolling import rolling_series, rolling_windows, thresholds
from tests.domain.test_queries import MINUTE_MS, board_of
from tests.laws.logs import PANE_MS
from tests.webhooks import T0_MS, TIMEOUT

ENDED = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["summarize", "transcript"]), st.sampled_from([None, TIMEOUT])),
    max_size=30,
    unique_by=lambda ended: ended[:2],
)
PANES = st.integers(1, 12)


@given(ENDED, PANES, PANES, PANES, st.sampled_from(["summarize", "transcript", "*", "unheard-of"]))
def test_every_point_is_the_rate_of_its_window(
    ended: list[tuple[int, str, str | None]], steps: int, step: int, window: int, preset: str
) -> None:
    board, name = board_of(tuple(sorted(ended))), internal_name(preset)
    span_ms, step_ms, window_ms = steps * step * PANE_MS, step * PANE_MS, window * PANE_MS
    points = rolling_series(board, name, span_ms, step_ms, window_ms)
    windows = list(rolling_windows(newest_end(board), span_ms, step_ms, window_ms))
    assert points == [rate_in(board, name, window) for window in windows]
    assert len(points) == steps
    assert points[-1] == rate_in(board, name, last_window(board, window_ms))


#  minutes  0    1    2    3
#  steps    |----|----|--              the newest pane ends at 2:10
#  windows       |---------|           each 2m long, the last not past the newest pane
def test_windows_end_with_their_steps_and_never_past_the_newest_pane() -> None:
    end_ms = T0_MS - T0_MS % MINUTE_MS + 2 * MINUTE_MS + PANE_MS
    windows = list(rolling_windows(end_ms, 3 * MINUTE_MS, MINUTE_MS, 2 * MINUTE_MS))
    assert [window.end_ms - end_ms for window in windows] == [-MINUTE_MS - PANE_MS, -PANE_MS, 0]
    assert {window.end_ms - window.start_ms for window in windows} == {2 * MINUTE_MS}


def test_a_presets_thresholds_are_those_of_its_rules() -> None:
    everything = {"parties": [], "reasons": [], "source_types": [], "group_by": ["preset"]}
    assert thresholds(board_of(()), "summarize") == [
        {"rule": "rate", "severity": "critical", "error_rate": 0.1, "window": "1m"} | everything
    ]
    assert thresholds(board_of(()), internal_name("*")) == []
