"""What the benchmark of incidents relies on: that its numbers are what the real rules say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.alerting import silences, spikes
from benchmarks.alerting.__main__ import WEEK
from benchmarks.alerting.charts import save
from benchmarks.alerting.healthy import gaps
from benchmarks.alerting.incidents import Found, Row, chart, figures, text
from benchmarks.alerting.simulated import MINUTE_MS, START_MS, Case, Ends, Outcome, outcome, strike, told
from benchmarks.alerting.traffic import HEALTHY, TRAFFIC, Jobs, Traffic
from benchmarks.alerting.tuned import LOADS, WINDOWED, in_a_row, rate_for, tune
from schemas.alert import AlertKind
from stream.domain.causes import Causes
from stream.domain.episodes import Episode, Incident
from stream.domain.replay import Replay
from stream.domain.rules import ConsecutiveRule, RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings

TRAFFIC_TRIED = Traffic("2 a minute", 2, 1, (20,))
WINDOW = TRAFFIC_TRIED.windows[0]
KEEPS_FIRING = ("threshold", "burn-rate")


def seeded(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def rules(**named: dict[str, object]) -> RuleSet:
    return RuleSet.model_validate({"rules": tuple({"name": name, **keys} for name, keys in named.items())})


def in_panes(ends: Ends, panes: int) -> Jobs:
    """Return one preset's jobs as contenders see them that are not rules."""
    of = ends.times // MINUTE_MS
    counts = (np.bincount(each, minlength=panes).astype(float)[np.newaxis] for each in (of[ends.fails], of))
    return Jobs(*counts)


def spans(marks: np.ndarray) -> list[tuple[int, int]]:
    """Return from which tick to which there is an alarm, in panes."""
    edges = np.diff(np.concatenate([[0], marks.astype(int), [0]]))
    return list(zip((np.flatnonzero(edges == 1) + 1).tolist(), (np.flatnonzero(edges == -1) + 1).tolist(), strict=True))


@pytest.mark.parametrize("name", WINDOWED)
def test_a_rule_fires_where_the_number_that_its_level_was_found_by_reaches_it(name: str) -> None:
    contender, keys = WINDOWED[name]
    # The bound of so few jobs lies lower than their rate.
    at, panes = 0.05 if name in KEEPS_FIRING else 0.1501, 1200
    ends = Case("", lambda minutes: np.full(len(minutes), 0.12), panes, 0, 0).draw(TRAFFIC_TRIED, 1, seeded())
    reached = spans(contender.statistic(in_panes(ends, panes), WINDOW)[0] >= at)
    it, ends_at_ms = rules(it=dict(keys(at, WINDOW, TRAFFIC_TRIED))), START_MS + panes * MINUTE_MS
    fired = [
        ((one.fired_at_ms - START_MS) // MINUTE_MS, (one.ends_at_ms - START_MS) // MINUTE_MS)
        for one in told(it, ends.records(), MINUTE_MS, ends_at_ms)
    ]
    assert len(fired) > 5
    if name in KEEPS_FIRING:
        # What begins while it fires is no news.
        assert [at for at, _ in fired] == [at for at, _ in reached if not any(a < at <= b for a, b in fired)]
    else:
        # Before the window is full, what has held for how long is not known.
        assert [span for span in fired if span[0] > WINDOW] == [span for span in reached if span[0] > WINDOW]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("held", "alarms"), [("8m", 0), ("2m", 1)])
def test_a_spike_that_is_over_and_out_of_the_window_before_for_has_passed_never_alarms(
    seed: int, held: str, alarms: int
) -> None:
    # A spike of 3 minutes in a window of 5 keeps the rate up for less than 8 minutes, and for more than 2.
    spike = Case("", lambda at: np.where((at >= 0) & (at < 3), 1.0, 0.0), 3, 10, 20)
    given = {**rate_for(0.05, 5, TRAFFIC_TRIED), "for": held}
    busy = replace(TRAFFIC_TRIED, jobs_per_minute=30)
    ends_at_ms = START_MS + 23 * MINUTE_MS
    found = told(rules(it=given), spike.draw(busy, 1, seeded(seed)).records(), MINUTE_MS, ends_at_ms)
    assert len(found) == alarms


def test_alerts_are_counted_as_the_alerts_topic_would_get_them() -> None:
    tried, case = tune(TRAFFIC_TRIED, presets=4), Case("", lambda at: np.where(at >= 0, 0.15, 0.0), 240, 0, 60)
    counted = strike(case, tried, TRAFFIC_TRIED, 1, seeded())
    settings, causes = Settings(_env_file=None, pane=MINUTE_MS), Causes()
    replay = Replay(counting_policy(settings, tried), deciding_policy(settings, tried, causes, 1), causes)
    events = list(replay.run(case.draw(TRAFFIC_TRIED, 1, seeded()).records()))
    fired = {
        rule.name: sum(each.rule == rule.name and each.kind is AlertKind.FIRED for each in events)
        for rule in tried.rules
    }
    assert {name: each.episodes or 0 for name, each in counted.items()} == fired
    assert max(fired.values()) > 3


def test_burn_rate_left_alone_tells_of_an_outage_with_few_jobs_half_as_often_as_with_two_minutes() -> None:
    alone = {"kind": "burn_rate", "objective": 0.99}
    tried = rules(alone=alone, hasty={**alone, "keep_firing_for": "2m"})
    tenth = Case("", lambda at: np.where((at >= 0) & (at < 480), 0.10, HEALTHY), 480, 120, 60)
    found = strike(tenth, tried, replace(TRAFFIC_TRIED, jobs_per_minute=1), 4, seeded())
    assert (found["alone"].delay_minutes, found["alone"].noticed) == (found["hasty"].delay_minutes, 1)
    assert (found["alone"].episodes or 0) < (found["hasty"].episodes or 0) / 2


def test_a_preset_that_a_rule_fires_for_before_the_incident_is_left_out() -> None:
    def fired(*at: tuple[int, int]) -> list[Episode]:
        return [Episode("it", "critical", "a", begin * MINUTE_MS, end * MINUTE_MS) for begin, end in at]

    incident = Incident("*", 10 * MINUTE_MS, 20 * MINUTE_MS)
    before, twice, late, never = fired((5, 15)), fired((2, 3), (12, 13), (30, 31)), fired((26, 27)), fired()
    found = outcome(incident, [before, twice, late, never])
    assert found == Outcome(1 / 3, 2, 2)
    assert outcome(incident, [late, never]).delay_minutes is None


@pytest.mark.parametrize("traffic", LOADS, ids=lambda traffic: traffic.name)
def test_failures_in_a_row_are_as_few_as_once_a_week_allows(traffic: Traffic) -> None:
    def a_week(errors: int) -> float:
        return WEEK * min(traffic.jobs_per_minute, 1 / traffic.pane_minutes) * (1 - HEALTHY) * HEALTHY**errors

    assert a_week(in_a_row(traffic)) <= 1 < a_week(in_a_row(traffic) - 1)


def test_runs_of_failures_are_found_by_the_real_rule_as_seldom_as_was_worked_out() -> None:
    busy, hours, share = replace(TRAFFIC_TRIED, jobs_per_minute=10), 40, 0.3
    case = Case("", lambda at: np.full(len(at), share), hours * 60, 0, 0)
    rule = ConsecutiveRule(name="it", errors=3)
    found = told(RuleSet(rules=(rule,)), case.draw(busy, 1, seeded()).records(), MINUTE_MS, START_MS)
    # Looked for once a minute, whatever came in between.
    assert len(found) == pytest.approx(hours * 60 * share**3 * (1 - share**3), rel=0.3)


@pytest.mark.parametrize("has_rhythm", [False, True])
def test_jobs_fail_to_come_by_chance_as_often_as_was_worked_out(has_rhythm: bool) -> None:
    flow, weeks = silences.Flow(TRAFFIC[1], has_rhythm), 200
    patience = flow.patience()
    assert flow.false_alarms(patience) <= 1 < flow.false_alarms(patience - 1)
    total = seeded().poisson(np.tile(flow.per_pane(0, 1440), 7 * weeks))
    # Whole panes are counted, which are empty for a little longer than jobs are missing.
    assert flow.false_alarms(patience + 1) < gaps(patience, total) / weeks < flow.false_alarms(patience)


def test_a_stop_is_noticed_once_and_as_soon_as_patience_is_over() -> None:
    for at in (0.25, 0.75):
        flow, quiet = silences.Flow(TRAFFIC[1], True), silences.silences(TRAFFIC[1])
        found = silences.struck(flow, silences.Stop("", at), RuleSet(rules=quiet), 5, seeded())
        for rule in quiet:
            told_of = found[rule.name]
            assert (told_of.noticed, told_of.episodes) == (1, 1)
            assert (told_of.delay_minutes or 0) <= rule.after_ms / MINUTE_MS + 1


def small() -> Found:
    tried, random = tune(TRAFFIC_TRIED, presets=2), seeded()
    rows = [Row("", *each) for each in spikes.found(TRAFFIC_TRIED, tried, random, presets=1)]
    stops = [Row("", one.stop, one.outcomes) for one in silences.found(TRAFFIC_TRIED, tried, random, 1, 1)]
    return Found([("", rule) for rule in tried.rules], rows, rows, stops)


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = small(), small()
    assert (text(first), figures(first)) == (text(second), figures(second))
    for name, found in (("first", first), ("second", second)):
        (tmp_path / name).mkdir()
        save(chart(found), tmp_path / name / "chart.svg")
    assert (tmp_path / "first/chart.svg").read_bytes() == (tmp_path / "second/chart.svg").read_bytes()
