"""The default rules do what their comments say: every count and every binomial tail given there is recomputed here."""

from math import comb

import pytest

from stream.domain.rates import wilson
from stream.domain.rules import ConsecutiveRule, RuleSet, SilenceRule, ThresholdRule
from stream.rules_file import default_rules_path, load, read


def sound(text: str, pane_ms: int = 10_000) -> RuleSet:
    loaded = load(text, "rules.toml", pane_ms)
    assert isinstance(loaded, RuleSet), "\n".join(map(str, loaded))
    return loaded


def default_rules() -> RuleSet:
    return sound(default_rules_path().read_text("utf-8"))


def thresholds() -> dict[str, ThresholdRule]:
    return {rule.name: rule for rule in default_rules().rules if isinstance(rule, ThresholdRule)}


def fires(rule: ThresholdRule, errors: int, total: int) -> bool:
    return total >= rule.min_jobs and wilson(errors, total, rule.confidence)[0] > rule.error_rate


def looks_between_false_alarms(rule: ThresholdRule, total: int, healthy: float) -> float:
    tail = (
        comb(total, k) * healthy**k * (1 - healthy) ** (total - k) for k in range(total + 1) if fires(rule, k, total)
    )
    return 1 / sum(tail)


@pytest.mark.parametrize(
    ("name", "fewest", "total"),
    [
        ("high-error-rate", 7, 20),
        ("slow-rise", 13, 100),
        ("slow-rise", 73, 1_000),
        ("low-traffic", 8, 20),
        ("customer-errors", 7, 20),
    ],
)
def test_a_default_rule_fires_from_as_many_errors_as_its_comment_says(name: str, fewest: int, total: int) -> None:
    rule = thresholds()[name]
    assert (fires(rule, fewest - 1, total), fires(rule, fewest, total)) == (False, True)


@pytest.mark.parametrize(
    ("name", "total", "healthy", "looks"),
    [
        ("high-error-rate", 20, 0.03, 833_000),
        ("slow-rise", 100, 0.03, 101_000),
        ("low-traffic", 20, 0.10, 2_400),
        ("customer-errors", 20, 0.03, 833_000),
    ],
)
def test_a_healthy_preset_is_mistaken_as_seldom_as_the_comments_say(
    name: str, total: int, healthy: float, looks: float
) -> None:
    assert looks_between_false_alarms(thresholds()[name], total, healthy) == pytest.approx(looks, rel=0.01)


def test_a_run_of_failures_comes_by_chance_as_seldom_as_the_comment_says() -> None:
    (rule,) = [rule for rule in default_rules().rules if isinstance(rule, ConsecutiveRule)]
    assert 1 / 0.03**rule.errors == pytest.approx(1.4e9, rel=0.03)
    quarter = 300 * 60 * 24 * 90
    runs = [quarter * 0.97 * 0.03**length for length in (rule.errors, rule.errors - 1)]
    assert runs == pytest.approx([0.03, 0.9], rel=0.1)


def test_one_failure_of_one_job_pages_nobody() -> None:
    assert not any(fires(rule, 1, 1) for rule in thresholds().values())
    assert all(rule.errors > 1 for rule in default_rules().rules if isinstance(rule, ConsecutiveRule))


def test_ten_failures_of_twenty_jobs_page() -> None:
    rule = thresholds()["high-error-rate"]
    assert fires(rule, 10, 20)
    assert (rule.severity, rule.for_ms) == ("critical", 0)


def test_a_day_of_one_failing_job_an_hour_pages_though_no_window_holds_enough_jobs() -> None:
    assert not any(
        fires(rule, hours, hours) for rule in thresholds().values() for hours in [rule.window_ms // 3_600_000]
    )
    runs = [rule for rule in default_rules().rules if isinstance(rule, ConsecutiveRule) and rule.severity == "critical"]
    assert any(rule.errors <= 24 and rule.for_ms == 0 for rule in runs)


def test_silence_is_watched_on_the_topic_and_not_on_every_preset() -> None:
    silences = [rule for rule in default_rules().rules if isinstance(rule, SilenceRule)]
    assert [rule.presets for rule in silences] == [()]


def test_the_default_rules_fit_every_usual_pane() -> None:
    for pane_ms in (1_000, 5_000, 10_000, 30_000, 60_000):
        assert isinstance(read(default_rules_path(), pane_ms), RuleSet)


def test_the_example_at_the_foot_of_the_default_rules_is_sound_once_uncommented() -> None:
    text = default_rules_path().read_text("utf-8")
    head, example = text.split("# [[reason]]\n")
    uncommented = "".join(line.removeprefix("# ") for line in example.splitlines(keepends=True))
    (reason,) = sound(f"{head}[[reason]]\n{uncommented}").reasons
    assert reason.matches("Error: acmestorageerror: KEY expired")
