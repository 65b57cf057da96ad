"""Rules left out at a tick would have said nothing, and it does not matter how many ticks are decided at once."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.alert import AlertEvent
from stream.domain.alerting import Signal
from stream.domain.conditions import CONDITIONS
from stream.domain.deciding import Board
from stream.domain.outlook import MOST_TICKS
from stream.domain.preset import Stamped
from stream.domain.recency import Recency
from stream.domain.rule_base import BaseRule
from stream.domain.rules import RuleSet
from stream.domain.sight import Sight, Sum
from stream.domain.tally import Cell, Tally
from stream.domain.windows import WindowKey
from tests.laws.logs import PANE_MS, deciding_policy

FINISHED, FAILED = Cell("uri"), Cell("uri", "timeout", "summary", "summary")
RATES = st.sampled_from([0.01, 0.1, 0.3, 0.5])
THRESHOLDS = st.fixed_dictionaries(
    {
        "kind": st.just("threshold"),
        "window": st.sampled_from(["1m", "1h"]),
        "error_rate": RATES,
        "min_jobs": st.integers(1, 12),
        "confidence": st.sampled_from([0, 0.95]),
    }
)
BURN_RATES = st.fixed_dictionaries(
    {"kind": st.just("burn_rate"), "objective": st.sampled_from([0.95, 0.99]), "min_jobs": st.integers(1, 12)}
)
SUM = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda jobs: Sum(jobs[0], sum(jobs)))


def rules_of(*kinds: dict[str, Any]) -> RuleSet:
    return RuleSet.model_validate({"rules": tuple({"name": f"rule-{n}"} | keys for n, keys in enumerate(kinds))})


@given(st.lists(st.one_of(THRESHOLDS, BURN_RATES), min_size=1, max_size=4), st.data())
def test_a_rule_that_breaches_is_never_left_out(kinds: list[dict[str, Any]], data: st.DataObject) -> None:
    policy = deciding_policy(rules_of(*kinds), 1)
    watch = policy.watch("summarize")
    sums = {key: data.draw(SUM) for key in watch.windows}

    def sum_over(rule: BaseRule, length_ms: int) -> Sum:
        return sums[WindowKey(length_ms, policy.counted_of[rule.key])]

    sight = Sight(0, PANE_MS, {}, sum_over, lambda start_ms: {}, Recency(), 0)
    asked = watch.screen.passed(np.array([list(sums.values())], np.int64))[0]
    for (rule, _, counted), is_asked in zip(watch.watched, asked.tolist(), strict=True):
        assert is_asked or CONDITIONS[type(rule)].signal(rule, sight, counted) is not Signal.BREACH


def test_a_rule_is_asked_above_its_rate_and_not_at_it() -> None:
    screen = deciding_policy(rules_of({"kind": "threshold", "error_rate": 0.3}), 1).watch("summarize").screen
    assert screen.passed(np.array([[[30, 100]], [[31, 100]], [[3_001, 10_000]]])).tolist() == [[False], [True], [True]]


@given(BURN_RATES)
def test_nobody_is_asked_about_windows_without_errors(burn_rate: dict[str, Any]) -> None:
    screen = deciding_policy(rules_of({"kind": "threshold"}, burn_rate), 1).watch("summarize").screen
    assert not screen.passed(np.tile(np.array([0, 1_000]), (1, len(screen.key_at), 1))).any()


def test_what_windows_cannot_tell_of_is_always_asked() -> None:
    kinds = ({"kind": "consecutive"}, {"kind": "shift"}, {"kind": "silence"}, {"kind": "threshold", "window": "2d"})
    screen = deciding_policy(rules_of(*kinds), 1).watch("summarize").screen
    assert screen.passed(np.zeros((2, len(screen.key_at), 2), np.int64)).tolist() == [[True] * 4] * 2


RULES = rules_of(
    {"kind": "threshold", "window": "2h", "min_jobs": 2, "error_rate": 0.3, "confidence": 0},
    {"kind": "threshold", "window": "1m", "min_jobs": 1, "error_rate": 0.1, "confidence": 0, "on_no_data": "resolve"},
    {"kind": "consecutive", "errors": 2},
    {"kind": "silence", "after": "30m"},
)
LAST = 4 * MOST_TICKS
PANES = st.dictionaries(st.integers(0, LAST - 1), st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12)


def board_of(panes: dict[int, tuple[int, int]], rules: RuleSet) -> Board:
    """Return a board that knows all panes and has yet to be told the time."""
    board = Board(deciding_policy(rules, 1))
    for number, (finished, failed) in panes.items():
        at_ms, counts = number * PANE_MS, {FINISHED: finished, FAILED: failed}
        held = {cell: count for cell, count in counts.items() if count}
        recency = Recency(at_ms if finished else -1, {"timeout": (at_ms + 1,) * failed} if failed else {})
        if held:
            tally = Tally(held, held, at_ms + 1, recency, {"uri": recency})
            for name in ("summarize", "transcript")[: 1 + number % 2]:
                board.preset(name).take(at_ms, 0, Stamped.of(0, tally))
                board.preset(name).due_ms = min(board.preset(name).ahead) + PANE_MS
    return board


def decided(panes: dict[int, tuple[int, int]], ticks: Iterable[int], rules: RuleSet = RULES) -> list[AlertEvent]:
    """Return what a board says that knows all panes and is told the time at some ticks."""
    board, events = board_of(panes, rules), list[AlertEvent]()
    for tick in ticks:
        board.clocks.watermarks = {0: tick * PANE_MS}
        events += board.decide()
    return events


def decided_at_all(panes: dict[int, tuple[int, int]], ticks: range, rules: RuleSet) -> list[AlertEvent]:
    """Return what a board says that passes no tick over."""
    board, events = board_of(panes, rules), list[AlertEvent]()
    for tick in ticks:
        for preset in board.presets.values():
            preset.due_ms = tick * PANE_MS
        board.clocks.watermarks = {0: tick * PANE_MS}
        events += board.decide()
    return events


@given(PANES, st.sets(st.integers(1, LAST), max_size=4))
@example({0: (0, 2), MOST_TICKS: (0, 2), MOST_TICKS + 1: (1, 0), 3 * MOST_TICKS: (0, 1)}, set())
def test_all_ticks_at_once_are_decided_as_each_by_itself(panes: dict[int, tuple[int, int]], stops: set[int]) -> None:
    assert decided(panes, sorted({*stops, LAST})) == decided(panes, range(1, LAST + 1))


TIMES = st.sampled_from(["0s", "20s", "2m"])
SHARED = st.fixed_dictionaries(
    {"for": TIMES, "keep_firing_for": TIMES, "severity": st.sampled_from(["critical", "warning"])},
    optional={"inhibit": st.booleans()},
)
OTHERS: list[dict[str, Any]] = [
    {"kind": "consecutive", "errors": 2, "on_no_data": "resolve"},
    {"kind": "threshold", "window": "1d", "group_by": ["preset", "reason"], "on_no_data": "1m"},
    {"kind": "shift", "baseline": 0.05},
    {"kind": "silence", "after": "10m"},
]
ANY_RULE = st.builds(lambda shared, keys: {**shared, **keys}, SHARED, THRESHOLDS | BURN_RATES | st.sampled_from(OTHERS))


@settings(max_examples=40)
@given(
    PANES.map(lambda panes: {n % 300: jobs for n, jobs in panes.items()}), st.lists(ANY_RULE, min_size=1, max_size=5)
)
def test_a_tick_that_is_passed_over_would_have_changed_nothing(
    panes: dict[int, tuple[int, int]], kinds: list[dict[str, Any]]
) -> None:
    rules, ticks = rules_of(*kinds), range(1, 500)
    assert decided(panes, ticks, rules) == decided_at_all(panes, ticks, rules)


def test_a_rule_may_breach_once_what_inhibits_it_has_ended_though_nothing_comes() -> None:
    rules = rules_of(
        {"kind": "threshold", "window": "2h", "min_jobs": 2, "confidence": 0, "severity": "warning", "inhibit": True},
        {"kind": "consecutive", "errors": 1, "on_no_data": "resolve", "severity": "critical", "inhibit": True},
    )
    events = decided({0: (0, 1), 1: (0, 1)}, [LAST], rules)
    assert [(event.kind, event.rule, event.at) for event in events if event.preset == "summarize"] == [
        ("fired", "rule-1", 10_000),
        ("resolved", "rule-1", 30_000),
        ("fired", "rule-0", 40_000),
    ]


@settings(max_examples=30)
@given(PANES, st.integers(1, 400))
def test_some_ticks_at_a_time_are_decided_as_all_at_once(panes: dict[int, tuple[int, int]], looks: int) -> None:
    at_once = decided(panes, [LAST])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream.domain.deciding.SOME_LOOKS", looks)
        assert decided(panes, [LAST]) == at_once


def test_what_takes_long_to_decide_is_decided_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.domain.deciding.SOME_LOOKS", 20)
    board = board_of({0: (1, 0), 1: (0, 2), 100: (1, 0)}, RULES)
    board.clocks.watermarks = {0: LAST * PANE_MS}
    first = board.decide_some()
    assert (len(board.presets), board.tick_ms, board.is_due()) == (2, 11 * PANE_MS, True)
    assert [*first, *board.decide()] == decided({0: (1, 0), 1: (0, 2), 100: (1, 0)}, [LAST])
    assert (board.tick_ms, board.is_due(), board.decide_some()) == (LAST * PANE_MS, False, [])


def test_events_of_several_presets_come_in_the_order_of_ticks() -> None:
    panes = {1: (0, 2), MOST_TICKS: (2, 0), 2 * MOST_TICKS + 1: (0, 2)}
    order = [(event.at, event.preset) for event in decided(panes, [LAST])]
    assert order == sorted(order)
    assert len({preset for _, preset in order}) == 2


def test_a_rate_may_rise_since_finished_jobs_leave_the_window_while_nothing_comes() -> None:
    rules = rules_of({"kind": "threshold", "window": "1m", "min_jobs": 1, "error_rate": 0.6, "confidence": 0})
    assert [(event.kind, event.at) for event in decided({0: (1, 0), 2: (0, 1)}, [LAST], rules)] == [("fired", 70_000)]
