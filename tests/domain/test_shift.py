"""The shift rule: as seldom wrong as it promises at any traffic, quick, and quiet about what has become usual."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stream.domain.alerting import Signal
from stream.domain.bank import PARTS, bank_of
from stream.domain.panes import HOUR_MS
from stream.domain.recency import Recency
from stream.domain.rule_base import BaseRule
from stream.domain.shift import SHIFT, advance, changed_rate, jobs_between_alarms
from stream.domain.shift_rule import LEARNS_FROM_MS, ShiftRule
from stream.domain.sight import EVERYTHING, Counted, Shift, Sight, Sum
from stream.domain.tally import Cell

PANE_MS = 10_000
DAY_MS = 24 * HOUR_MS
RULE = {"name": "worse", "baseline": 0.02, "detect": 0.10, "false_alarms": "1 per 90d"}


def rule(**keys: Any) -> ShiftRule:
    return ShiftRule.model_validate(RULE | keys)


class Preset:
    """A preset that one shift rule watches; its weekly traffic is what has been given so far."""

    def __init__(self, shift_rule: ShiftRule, hours: Iterable[Sum] = ()) -> None:
        self.rule, self.hours, self.total = shift_rule, tuple(hours), 0
        self.state: Shift | None = None
        self.born_ms: int | None = None

    def says(self) -> Signal:
        assert self.state is not None
        sight = replace(self._sight(0, Sum(0, 0)), shifts={self.rule.name: self.state})
        return SHIFT.signal(self.rule, sight, EVERYTHING)

    def see(self, at_ms: int, jobs: Sum) -> Shift:
        self.total += jobs.total
        self.born_ms = at_ms if self.born_ms is None else self.born_ms
        self.state = advance(self.rule, self.state, self._sight(at_ms, jobs), EVERYTHING)
        return self.state

    def _sight(self, at_ms: int, jobs: Sum) -> Sight:
        known = min(1.0, LEARNS_FROM_MS / max(1, at_ms - (self.born_ms or 0)))

        def week(_: BaseRule, length_ms: int) -> Sum:
            assert length_ms == LEARNS_FROM_MS
            return Sum(0, int(self.total * known))

        def hours(_: int, counted: Counted) -> Iterable[Sum]:
            return self.hours

        closed = {Cell("uri", "timeout"): jobs.errors, Cell("uri"): jobs.total - jobs.errors}
        return Sight(at_ms, PANE_MS, closed, week, lambda start_ms: closed, Recency(), at_ms, hours)


def alarms(shift_rule: ShiftRule, panes: Iterator[tuple[int, Sum]]) -> int:
    """Count how often a preset is said to have become worse."""
    preset, count, before = Preset(shift_rule), 0, False
    for at_ms, jobs in panes:
        worse = preset.see(at_ms, jobs).top_ms is not None
        count, before = count + (worse and not before), worse
    return count


def traffic(days: float, every_ms: int, jobs: int, rate: float, seed: int) -> Iterator[tuple[int, Sum]]:
    """Yield panes with so many jobs each, at regular times."""
    times = range(PANE_MS, int(days * DAY_MS), every_ms)
    for at_ms, errors in zip(times, np.random.default_rng(seed).binomial(jobs, rate, len(times)).tolist(), strict=True):
        yield at_ms, Sum(errors, jobs)


@pytest.mark.parametrize(("every_ms", "jobs", "days"), [(HOUR_MS // 5, 1, 700), (PANE_MS, 833, 4), (60_000, 7, 40)])
def test_false_alarms_are_as_seldom_as_was_asked_for_at_any_traffic(every_ms: int, jobs: int, days: int) -> None:
    # Ten times over the budget's length; with 1 alarm expected in each, more than 19 come by chance once in 300 times.
    told = rule(false_alarms=f"1 per {max(1, days * 24 // 10)}h")
    assert alarms(told, traffic(days, every_ms, jobs, 0.02, seed=1)) <= 19


@pytest.mark.parametrize(("every_ms", "jobs"), [(HOUR_MS // 5, 1), (PANE_MS, 1), (PANE_MS, 833)])
def test_a_rise_is_noticed_in_hundreds_of_jobs_however_long_those_take(every_ms: int, jobs: int) -> None:
    preset, at_ms = Preset(rule()), 0
    for at_ms, seen in traffic(2, every_ms, jobs, 0.02, seed=2):
        preset.see(at_ms, seen)
    rise_ms, taken = at_ms, 0
    for later_ms, seen in traffic(30, every_ms, jobs, 0.10, seed=3):
        taken += jobs
        state = preset.see(rise_ms + later_ms, seen)
        if state.top_ms is not None:
            break
    assert state.top_ms is not None
    assert taken <= max(500, jobs)
    assert abs(state.since_ms - rise_ms) <= 100 * every_ms


def test_jobs_in_one_pane_have_no_order_and_an_unlucky_one_is_no_alarm() -> None:
    preset = Preset(rule())
    assert preset.see(PANE_MS, Sum(2, 60)).top_ms is None
    # One by one, its failures last, the same jobs would have been an alarm under a budget this large.
    preset = Preset(rule(false_alarms="1 per 1h"))
    assert preset.see(PANE_MS, Sum(0, 58)).top_ms is None
    assert preset.see(2 * PANE_MS, Sum(2, 2)).top_ms is not None
    assert Preset(rule(false_alarms="1 per 1h")).see(PANE_MS, Sum(2, 60)).top_ms is None


def test_a_preset_recovers_when_its_jobs_say_so_and_the_sum_begins_anew() -> None:
    preset = Preset(rule())
    preset.see(PANE_MS, Sum(50, 100))
    assert preset.says() is Signal.BREACH
    told = [preset.see((2 + n) * PANE_MS, Sum(0, 10)) for n in range(30)]
    cleared = [state.top_ms is None for state in told]
    assert cleared == sorted(cleared)
    # 1,000 times likelier takes log(1000) / log(0.98 / 0.90) = 82 successes.
    assert cleared.index(True) == 8, "the ninth pane brings the 82nd"
    assert told[8].score == 0
    assert told[8].better_ms == PANE_MS


RISE_MS = HOUR_MS


def worse_by_a_little() -> tuple[Preset, int]:
    """Return a preset of which a lower sum has just told that it is worse, and when."""
    preset = Preset(rule())
    for at_ms, seen in traffic(RISE_MS / DAY_MS, PANE_MS, 50, 0.02, seed=4):
        assert preset.see(at_ms, seen).top_ms is None
    for after_ms, seen in traffic(0.1, PANE_MS, 50, 0.04, seed=4):
        if preset.see(RISE_MS + after_ms, seen).top_ms is not None:
            return preset, RISE_MS + after_ms
    raise AssertionError("nothing was told")


def test_a_small_worsening_is_told_of_by_a_lower_sum_and_is_told_of_while_it_lasts() -> None:
    preset, at_ms = worse_by_a_little()
    state = preset.state
    assert state is not None
    assert state.found == -len(PARTS)
    assert at_ms - RISE_MS < HOUR_MS / 3
    assert abs(state.since_ms - RISE_MS) < HOUR_MS / 12
    after = [preset.see(at_ms + later_ms, seen) for later_ms, seen in traffic(0.05, PANE_MS, 50, 0.04, seed=5)]
    assert sum(state.top_ms is not None for state in after) > 0.8 * len(after)


def test_once_it_is_as_bad_as_the_rate_to_detect_it_has_recovered_as_soon_as_if_that_had_been_found_first() -> None:
    preset, at_ms = worse_by_a_little()
    began_ms = preset.state.since_ms if preset.state else None
    state = preset.see(at_ms + PANE_MS, Sum(50, 100))
    assert (state.found, state.since_ms) == (-1, began_ms), "it is worse than was found; when it began stays as it was"
    told = [preset.see(at_ms + (2 + n) * PANE_MS, Sum(0, 10)) for n in range(30)]
    assert [state.top_ms is None for state in told].index(True) == 8, "the ninth pane brings the 82nd success"


def test_sums_begin_anew_when_another_baseline_is_learned() -> None:
    preset = Preset(rule(baseline="learn"), [Sum(2, 100)] * 24)
    for hour in range(1, 27):
        preset.see(hour * HOUR_MS + PANE_MS, Sum(0, 1))
    state = preset.see(26 * HOUR_MS + 2 * PANE_MS, Sum(1, 8))
    # A run of successes has the sum for the rate to detect at zero before that for a lower rate.
    state = preset.see(26 * HOUR_MS + 3 * PANE_MS, Sum(0, 12))
    assert state.charts[0].score > 0 == state.charts[-1].score
    preset.hours = (Sum(4, 100),) * 24
    after = preset.see(27 * HOUR_MS + 2 * PANE_MS, Sum(1, 1))
    assert after.baseline != state.baseline
    assert [chart.score for chart in after.charts] == [each.error for each in bank_of(after.baseline or 0, 0.10).steps]


def test_state_without_sums_counts_on_from_zero() -> None:
    preset = Preset(rule())
    preset.state = Shift(preset.rule.fingerprint, 0, PANE_MS, baseline=0.02, score=40)
    state = preset.see(2 * PANE_MS, Sum(1, 1))
    assert [(chart.score, chart.since_ms) for chart in state.charts] == [
        (each.error, PANE_MS) for each in bank_of(0.02, 0.10).steps
    ]


def test_nothing_is_said_before_a_day_has_taught_what_is_usual() -> None:
    preset = Preset(rule(baseline="learn"), [Sum(2, 100)] * 24)
    assert [preset.see(hour * HOUR_MS, Sum(9, 10)).baseline for hour in range(1, 25)] == [None] * 24
    assert preset.says() is Signal.CLEAR
    assert preset.see(25 * HOUR_MS + PANE_MS, Sum(0, 1)).baseline == pytest.approx(0.02, rel=0.3)
    assert preset.see(25 * HOUR_MS + 2 * PANE_MS, Sum(50, 60)).top_ms is not None


def test_while_there_are_signs_of_a_change_nothing_is_learned_from_it_unless_it_stays_for_a_week() -> None:
    preset = Preset(rule(baseline="learn"), [Sum(2, 100)] * 24)
    for hour in range(1, 27):
        state = preset.see(hour * HOUR_MS + PANE_MS, Sum(0, 1))
    usual = state.baseline
    preset.hours = (Sum(40, 100),) * 24
    learned = [preset.see(27 * HOUR_MS + n * HOUR_MS, Sum(20, 50)) for n in range(8 * 24)]
    assert learned[100].baseline == usual
    assert learned[100].top_ms is not None
    assert (learned[-1].baseline or 0) > 0.3
    assert learned[-1].top_ms is None


def test_a_baseline_that_was_learned_to_be_bad_must_double_before_it_is_a_change() -> None:
    learning = rule(baseline="learn", detect=0.10)
    assert [changed_rate(learning, rate) for rate in (0.01, 0.05, 0.2, 0.6)] == [0.10, 0.10, 0.4, 0.8]
    assert changed_rate(rule(detect=0.10), 0.02) == 0.10


def test_a_rule_that_has_changed_knows_nothing_yet() -> None:
    preset = Preset(rule())
    assert preset.see(PANE_MS, Sum(50, 100)).top_ms == PANE_MS
    preset.rule = rule(detect=0.2)
    assert preset.see(2 * PANE_MS, Sum(0, 1)).top_ms is None


@pytest.mark.parametrize(
    ("total", "at_ms", "least", "most"),
    [
        (1, PANE_MS, 2_160, 2_560),  # nothing is known of a new preset: a job an hour
        (700, 7 * DAY_MS, 9_000, 10_240),  # 100 a day
        (60, HOUR_MS, 129_600, 131_072),  # 60 an hour
    ],
)
def test_jobs_between_alarms_follow_from_traffic_rounded_up(total: int, at_ms: int, least: int, most: int) -> None:
    preset = Preset(rule())
    preset.total, preset.born_ms = total, 0
    jobs = jobs_between_alarms(preset.rule, Shift("", 0, 0), preset._sight(at_ms, Sum(0, 0)))
    assert least <= jobs <= most
    assert jobs.bit_count() <= 3
