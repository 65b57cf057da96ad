"""What a back-test's page draws: every job once, the limits of the rules that watch, no more charts than fit."""

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.backtest import PaneSums
from stream.domain.episodes import Episode, Incident, score
from stream.domain.evidence import rated
from stream.domain.outcome import Outcome, Verdict
from stream.domain.rules import ConsecutiveRule, RuleSet, ThresholdRule
from stream.report.charts import MOST_CHARTS, POINTS, chart, charted, step_of
from stream.report.page import render

START_MS, PANE_MS = 1_774_000_000_000, 10_000
FAR_MS = 30 * 24 * 3_600_000
COUNTS = st.integers(0, 9).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)).map(list))
PLACES = st.one_of(st.integers(0, 400), st.integers(0, FAR_MS // PANE_MS))
PANES = st.dictionaries(PLACES.map(lambda place: START_MS + place * PANE_MS), COUNTS, min_size=1, max_size=30)
WATCHING = RuleSet(
    rules=(
        ThresholdRule.model_validate({"name": "fast", "presets": ["a"], "window": "2m", "error_rate": 0.3}),
        ThresholdRule.model_validate({"name": "slow", "window": "1h", "parties": ["customer"], "severity": "warning"}),
        ThresholdRule.model_validate({"name": "also", "window": "1h", "error_rate": 0.3, "presets": ["a"]}),
        ConsecutiveRule(name="run"),
    )
)


def outcome(panes: dict[str, PaneSums], episodes: list[Episode] | None = None, files: int = 1) -> Outcome:
    starts = [start for sums in panes.values() for start in sums]
    verdicts = [Verdict(f"{n}.toml", WATCHING, episodes or [], score(episodes or [], []), {}) for n in range(files)]
    incidents = [Incident("a", START_MS, START_MS + 60_000)]
    return Outcome((min(starts), max(starts) + PANE_MS), PANE_MS, panes, incidents, verdicts, {"jobs": 1})


@given(PANES)
def test_every_job_is_drawn_once_and_every_rate_is_that_of_its_window(panes: PaneSums) -> None:
    of = outcome({"b": panes})
    drawn, step_ms = chart(of, "b"), step_of(of)
    window_ms = max(step_ms, 3_600_000)
    assert sum(drawn["jobs"]) == sum(total for _, total in panes.values())
    assert sum(drawn["errors"]) == sum(errors for errors, _ in panes.values())
    assert len(drawn["at"]) <= POINTS + 2
    for at, rate, low, high in zip(drawn["at"], drawn["rate"], drawn["low"], drawn["high"], strict=True):
        inside = [counts for start, counts in panes.items() if at * 1000 - window_ms <= start < at * 1000]
        expected = rated(sum(errors for errors, _ in inside), sum(total for _, total in inside))
        assert (rate, low, high) == (expected.rate, expected.low, expected.high)


def test_limits_are_those_of_the_rules_that_watch_a_preset_each_once() -> None:
    of = outcome({"a": {START_MS: [0, 1]}})
    assert chart(of, "a")["window"] == "2m"
    assert chart(of, "a")["limits"] == [
        {"rate": 0.1, "severity": "warning", "rules": ["slow (1h, only customer)"]},
        {"rate": 0.3, "severity": "critical", "rules": ["fast (2m)", "also (1h)"]},
    ]
    assert [each["rules"] for each in chart(of, "b")["limits"]] == [["slow (1h, only customer)"]]
    assert chart(of, "*")["limits"] == []


def test_with_several_files_a_limit_names_its_file() -> None:
    of = outcome({"b": {START_MS: [0, 1]}}, files=2)
    assert chart(of, "b")["limits"][0]["rules"] == [
        "slow (1h, only customer) in 0.toml",
        "slow (1h, only customer) in 1.toml",
    ]


def test_an_incident_is_drawn_with_the_presets_it_is_about_and_with_the_whole_topic() -> None:
    of = outcome({"a": {START_MS: [0, 1]}})
    assert [len(chart(of, name)["incidents"]) for name in ("a", "b", "*")] == [1, 0, 1]


def test_the_topic_comes_first_then_what_was_alerted_on_then_what_is_busy_and_the_rest_is_counted() -> None:
    panes: dict[str, PaneSums] = {f"p{n:02}": {START_MS: [0, 100 - n]} for n in range(MOST_CHARTS + 5)}
    alerted = Episode("run", "critical", "p40", START_MS, START_MS + 1)
    of = outcome({"": {START_MS: [0, 1]}, **panes}, [alerted])
    assert charted(of)[:4] == ["*", "p40", "p00", "p01"]
    assert "<p>6 more presets had fewer jobs and are not drawn.</p>" in render(of)
