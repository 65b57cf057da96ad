"""The demo's verdict.

incident      |=========|
may fire      |--------------------|   five minutes past its end
must resolve  only if the run goes on for 200 s
"""

from typing import Any

import pytest

from schemas.alert import AlertEvent
from stream.cli.verdict import FIRES_WITHIN_MS, differences, judge
from stream.local.incidents import Incident
from tests.cli.commands import alert

STARTS, ENDS, RUN_ENDS = 1_000_000, 1_180_000, 2_000_000
OUTAGE = Incident("down", "outage", "summarize", STARTS, ENDS, ("high-error-rate",))
SILENCE = Incident("silent", "silence", None, STARTS, ENDS, ("no-events",))


def fired(at_ms: int, **given: Any) -> AlertEvent:
    return alert(at_ms, **given)


def resolved(at_ms: int, fired_at_ms: int) -> AlertEvent:
    return alert(at_ms, id=f"e{fired_at_ms}-2", episode=f"e{fired_at_ms}", sequence=2, kind="resolved")


@pytest.mark.parametrize(
    ("events", "miss"),
    [
        ([fired(STARTS + 1), resolved(ENDS, STARTS + 1)], None),
        ([fired(ENDS + FIRES_WITHIN_MS), resolved(ENDS + FIRES_WITHIN_MS + 1, ENDS + FIRES_WITHIN_MS)], None),
        ([], "high-error-rate did not fire for down"),
        ([fired(STARTS - 1)], "high-error-rate did not fire for down"),
        ([fired(ENDS + FIRES_WITHIN_MS + 1)], "high-error-rate did not fire for down"),
        ([fired(STARTS + 1, preset="transcript")], "high-error-rate did not fire for down"),
        ([fired(STARTS + 1, rule="slow-rise")], "high-error-rate did not fire for down"),
        ([fired(STARTS + 1)], "high-error-rate did not resolve after down"),
        ([fired(STARTS + 1), resolved(ENDS, STARTS + 2)], "high-error-rate did not resolve after down"),
    ],
)
def test_an_incident_is_found_when_its_rule_fires_in_time_and_resolves(
    events: list[AlertEvent], miss: str | None
) -> None:
    assert [finding.miss for finding in judge([OUTAGE], events, RUN_ENDS)] == [miss]


@pytest.mark.parametrize(("run_ends", "must"), [(ENDS + 199_999, False), (ENDS + 200_000, True)])
def test_an_alert_need_not_resolve_when_the_run_ends_first(run_ends: int, must: bool) -> None:
    [finding] = judge([OUTAGE], [fired(STARTS + 1)], run_ends)
    assert (finding.miss is not None) == must


def test_a_silence_is_found_by_an_alert_on_the_whole_topic() -> None:
    [finding] = judge([SILENCE], [fired(STARTS + 90_500, rule="no-events", preset="*")], ENDS)
    assert (finding.miss, finding.delay) == (None, "1m30s")


def test_every_expected_rule_is_judged() -> None:
    incident = Incident("down", "outage", "summarize", STARTS, ENDS, ("a", "b"))
    assert [finding.rule for finding in judge([incident], [], RUN_ENDS)] == ["a", "b"]


@pytest.mark.parametrize(
    ("expected", "seen", "sentence"),
    [
        (["a", "b"], ["b"], "1 are missing (a)"),
        (["a"], ["a", "c", "d"], "2 are not in the replay (c, d)"),
        (["a"], ["b"], "1 are missing (a); 1 are not in the replay (b)"),
        (["a"], ["a"], "the bytes differ"),
    ],
)
def test_a_difference_is_named(expected: list[str], seen: list[str], sentence: str) -> None:
    assert differences(expected, seen) == sentence
