"""The life cycle of an alert, drawn tick by tick.

    seen   !  the condition is met            ~  neither met nor over       .  over
           b  still met, with no data         _  no data
    phase  -  inactive                        p  pending                    F  firing

One column is one tick, ten seconds after the one before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.alerting import Alert, IllegalTransition, Phase, Reading, Signal, Trigger, move, observe
from stream.domain.conditions import CONDITIONS
from stream.domain.recency import Recency
from stream.domain.rule_base import BaseRule
from stream.domain.rules import ThresholdRule
from stream.domain.sight import EVERYTHING, Sight, Sum

TICK_MS = 10_000
SEEN = {
    "!": Reading(Signal.BREACH),
    "~": Reading(Signal.ELEVATED),
    ".": Reading(Signal.CLEAR),
    "b": Reading(Signal.BREACH, has_data=False),
    "_": Reading(Signal.CLEAR, has_data=False),
}
DRAWN = {Phase.INACTIVE: "-", Phase.PENDING: "p", Phase.FIRING: "F"}


@dataclass(frozen=True, slots=True)
class Timed:
    """The timing of a rule, in ticks."""

    waits: int = 0
    keeps: int = 0
    on_no_data: Literal["hold", "resolve"] | int = "hold"

    @property
    def for_ms(self) -> int:
        return self.waits * TICK_MS

    @property
    def keep_firing_for_ms(self) -> int:
        return self.keeps * TICK_MS


AT_ONCE = Timed()
WAITS = Timed(waits=2)
KEEPS = Timed(keeps=2)
RESOLVES = Timed(keeps=2, on_no_data="resolve")
PATIENT = Timed(keeps=2, on_no_data=3 * TICK_MS)


def live(readings: list[Reading], timing: Timed) -> Iterator[tuple[Alert, Trigger | None]]:
    alert = Alert()
    for tick, reading in enumerate(readings):
        alert, moved_by = observe(alert, reading, timing, tick * TICK_MS)
        yield alert, moved_by


def phases(seen: str, timing: Timed) -> str:
    return "".join(DRAWN[alert.phase] for alert, _ in live([SEEN[mark] for mark in seen], timing))


def last_trigger(seen: str, timing: Timed) -> Trigger | None:
    return [moved_by for _, moved_by in live([SEEN[mark] for mark in seen], timing)][-1]


@pytest.mark.parametrize(
    ("timing", "seen", "expected"),
    [
        pytest.param(AT_ONCE,  "..!!..",
                               "--FF--", id="without a wait it fires and resolves at once"),
        pytest.param(AT_ONCE,  ".~~.__",
                               "------", id="what is elevated, or nothing at all, fires nothing"),
        pytest.param(AT_ONCE,  "!~~~.",
                               "FFFF-", id="what is elevated keeps it firing"),
        pytest.param(AT_ONCE,  ".bb!bb",
                               "---FFF", id="what was met before there was data fires nothing"),
        pytest.param(WAITS,    ".!!!!.",
                               "-ppFF-", id="for: it fires when the condition has lasted"),
        pytest.param(WAITS,    "!!.!!~!!!",
                               "pp-pp-ppF", id="for: whatever is not met starts the wait anew"),
        pytest.param(WAITS,    "!!_!!!",
                               "pp-ppF", id="for: no data ends the wait"),
        pytest.param(WAITS,    "!bb",
                               "ppF", id="for: a condition that still stands without data goes on waiting"),
        pytest.param(KEEPS,    "!...!",
                               "FFF-F", id="keep_firing_for: it resolves when the condition has been over for so long"),
        pytest.param(KEEPS,    "!..!..!..~..~...",
                               "FFFFFFFFFFFFFFF-", id="keep_firing_for: a relapse starts the time anew"),
        pytest.param(KEEPS,    "!.__",
                               "FFF-", id="keep_firing_for: what was over stays over without data"),
        pytest.param(KEEPS,    "!!______",
                               "FFFFFFFF", id="hold: no data is no recovery"),
        pytest.param(KEEPS,    "!___..___",
                               "FFFFFF---", id="hold: the time begins with the first data that are clear"),
        pytest.param(RESOLVES, "!!_!",
                               "FF-F", id="resolve: the first tick without data ends it"),
        pytest.param(RESOLVES, "!b!",
                               "F-F", id="resolve: no data ends it though the condition stands"),
        pytest.param(PATIENT,  "!____",
                               "FFFF-", id="a duration: so long without data ends it"),
        pytest.param(PATIENT,  "!___~___!___bb",
                               "FFFFFFFFFFFF--", id="a duration: any data start the time anew"),
        pytest.param(PATIENT,  "!.______",
                               "FFF-----", id="a duration: a recovery that began before goes on"),
    ],
)  # fmt: skip
def test_the_life_of_an_alert_is_as_drawn(timing: Timed, seen: str, expected: str) -> None:
    assert phases(seen, timing) == expected


@pytest.mark.parametrize(
    ("timing", "seen", "why"),
    [
        (WAITS, "!", Trigger.BREACHED),
        (WAITS, "!!", None),
        (WAITS, "!!!", Trigger.HELD),
        (WAITS, "!.", Trigger.RELIEVED),
        (AT_ONCE, "!", Trigger.HELD),
        (AT_ONCE, "!.", Trigger.RECOVERED),
        (RESOLVES, "!_", Trigger.NO_DATA),
        (PATIENT, "!___", None),
        (PATIENT, "!____", Trigger.NO_DATA),
        (Timed(on_no_data="resolve", keeps=1), "!._", Trigger.NO_DATA),
    ],
)
def test_what_moved_an_alert_is_named(timing: Timed, seen: str, why: Trigger | None) -> None:
    assert last_trigger(seen, timing) is why


LIVING = {
    Phase.INACTIVE: Alert(),
    Phase.PENDING: Alert(Phase.PENDING, started_at_ms=20_000),
    Phase.FIRING: Alert(Phase.FIRING, started_at_ms=20_000, clear_since_ms=40_000, no_data_since_ms=50_000),
}
#             breached   held      relieved   recovered   no_data    rule removed
LEGAL = {
    Phase.INACTIVE: "pending    firing    -          -           -          -",
    Phase.PENDING: " -          firing    inactive   -           -          inactive",
    Phase.FIRING: "  -          -         -          inactive    inactive   inactive",
}
STEPS = [
    (phase, moved_by, Phase(to) if to != "-" else None)
    for phase in Phase
    for moved_by, to in zip(Trigger, LEGAL[phase].split(), strict=True)
]
AT_MS = 60_000


@pytest.mark.parametrize(("phase", "moved_by", "to"), [step for step in STEPS if step[2] is not None])
def test_a_legal_step_leads_where_the_table_says(phase: Phase, moved_by: Trigger, to: Phase) -> None:
    moved = move(LIVING[phase], moved_by, AT_MS)
    assert moved.phase is to
    # What has ended leaves no times behind; what goes on keeps its start.
    starts = {Phase.INACTIVE: AT_MS, Phase.PENDING: 20_000, Phase.FIRING: 20_000}
    assert moved == Alert() if to is Phase.INACTIVE else moved.started_at_ms == starts[phase]


@pytest.mark.parametrize(("phase", "moved_by"), [(phase, moved_by) for phase, moved_by, to in STEPS if to is None])
def test_an_illegal_step_raises_and_leaves_the_alert_as_it_was(phase: Phase, moved_by: Trigger) -> None:
    alert = replace(LIVING[phase])
    with pytest.raises(IllegalTransition, match=f"an alert that is {phase} cannot be {moved_by}"):
        move(alert, moved_by, AT_MS)
    assert alert == LIVING[phase]


READINGS = st.lists(st.sampled_from(list(SEEN.values())), max_size=40)
TIMINGS = st.builds(
    Timed,
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from(["hold", "resolve"]) | st.integers(0, 4).map(lambda ticks: ticks * TICK_MS),
)


@given(READINGS, TIMINGS)
def test_no_readings_lead_to_an_illegal_step_and_a_phase_changes_only_by_a_trigger(
    readings: list[Reading], timing: Timed
) -> None:
    lived = [(Alert(), None), *live(readings, timing)]
    for (before, _), (after, moved_by) in pairwise(lived):
        assert (before.phase is after.phase) == (moved_by is None)


@given(READINGS, TIMINGS)
def test_an_alert_fires_only_when_its_condition_has_been_met_for_long_enough(
    readings: list[Reading], timing: Timed
) -> None:
    for tick, (alert, moved_by) in enumerate(live(readings, timing)):
        if moved_by is Trigger.HELD:
            lasted = readings[tick - timing.waits : tick + 1]
            assert [reading.signal for reading in lasted] == [Signal.BREACH] * (timing.waits + 1)
            assert alert.started_at_ms == (tick - timing.waits) * TICK_MS


@given(READINGS, TIMINGS)
def test_an_alert_recovers_only_when_its_condition_has_been_over_for_long_enough(
    readings: list[Reading], timing: Timed
) -> None:
    for tick, (_, moved_by) in enumerate(live(readings, timing)):
        if moved_by is Trigger.RECOVERED:
            told = [reading.signal for reading in readings[tick - timing.keeps : tick + 1] if reading.has_data]
            assert set(told) <= {Signal.CLEAR}


@given(READINGS, TIMINGS, st.integers(1, 10**6))
def test_an_alert_that_waits_for_nothing_is_left_as_it_is_however_long_nothing_comes(
    readings: list[Reading], timing: Timed, later: int
) -> None:
    for alert, _ in live(readings, timing):
        if not alert.is_waiting(timing):
            assert observe(alert, SEEN["_"], timing, (len(readings) + later) * TICK_MS) == (alert, None)


BANDED = ThresholdRule.model_validate(
    {
        "name": "banded",
        "error_rate": 0.10,
        "resolve_below": 0.05,
        "min_jobs": 1,
        "confidence": 0,
        "keep_firing_for": "10s",
    }
)


def sight(jobs: Sum) -> Sight:
    def sum_over(rule: BaseRule, length_ms: int) -> Sum:
        return jobs

    return Sight(0, TICK_MS, {}, sum_over, lambda start_ms: {}, Recency(), 0)


def test_a_rate_between_resolve_below_and_error_rate_neither_fires_nor_resolves() -> None:
    # per cent  0  9 10 11  9 11  5  4  5  4  4  9
    expected = "-  -  -  F  F  F  F  F  F  F  -  -".replace(" ", "")
    threshold, alert, drawn = CONDITIONS[ThresholdRule], Alert(), ""
    for tick, percent in enumerate([0, 9, 10, 11, 9, 11, 5, 4, 5, 4, 4, 9]):
        signal = threshold.signal(BANDED, sight(Sum(percent, 100)), EVERYTHING)
        alert, _ = observe(alert, Reading(signal), BANDED, tick * TICK_MS)
        drawn += DRAWN[alert.phase]
    assert drawn == expected


@pytest.mark.parametrize(("resolve_below", "least"), [("0.08", 8), ("0.05", 5)])
def test_what_resolves_is_below_resolve_below_and_not_at_it(resolve_below: str, least: int) -> None:
    rule = BANDED.model_copy(update={"resolve_below": float(resolve_below)})
    signals = [CONDITIONS[ThresholdRule].signal(rule, sight(Sum(errors, 100)), EVERYTHING) for errors in range(11)]
    assert signals == [Signal.CLEAR] * least + [Signal.ELEVATED] * (11 - least)


@pytest.mark.parametrize(("phase", "on_no_data"), list(product(Phase, ["hold", "resolve", TICK_MS])))
def test_time_alone_may_move_what_is_pending_what_is_clear_and_what_may_end_without_data(
    phase: Phase, on_no_data: Literal["hold", "resolve"] | int
) -> None:
    alert, timing = Alert(phase, None if phase is Phase.INACTIVE else 0), Timed(on_no_data=on_no_data)
    expected = {Phase.INACTIVE: False, Phase.PENDING: True, Phase.FIRING: on_no_data != "hold"}
    assert alert.is_waiting(timing) is expected[phase]
    assert phase is not Phase.FIRING or replace(alert, clear_since_ms=0).is_waiting(timing)
