"""Rules as values: their defaults, what they refuse, and what they watch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream.domain.causes import Causes
from stream.domain.duration import parse_duration
from stream.domain.parse import read_preset
from stream.domain.rules import AnyRule, ConsecutiveRule, Rule, RuleSet, SilenceRule, ThresholdRule
from stream.domain.shift_rule import ShiftRule
from stream.domain.watching import DecidingPolicy

DAY_MS = 86_400_000
RULE: TypeAdapter[Rule] = TypeAdapter(AnyRule)


def rule(kind: str = "threshold", name: str = "a", **keys: Any) -> Rule:
    return RULE.validate_python({"name": name, "kind": kind} | keys)


def threshold(**keys: Any) -> ThresholdRule:
    made = rule(**keys)
    assert isinstance(made, ThresholdRule)
    return made


def test_a_threshold_rule_needs_only_its_name_and_kind() -> None:
    made = threshold()
    assert (made.window_ms, made.error_rate, made.min_jobs, made.confidence) == (300_000, 0.10, 20, 0.95)
    assert (made.resolve_below, made.for_ms, made.keep_firing_for_ms) == (0.08, 0, 120_000)
    assert (made.presets, made.severity, made.on_no_data) == (("*",), "critical", "hold")


def test_the_other_kinds_need_only_name_and_kind_too() -> None:
    consecutive, silence = rule("consecutive"), rule("silence")
    assert isinstance(consecutive, ConsecutiveRule)
    assert isinstance(silence, SilenceRule)
    assert (consecutive.errors, consecutive.keep_firing_for_ms, consecutive.on_no_data) == (5, 0, "hold")
    assert (silence.after_ms, silence.keep_firing_for_ms, silence.on_no_data) == (1_800_000, 0, "hold")


@given(st.integers(1, 999))
def test_a_rule_resolves_below_four_fifths_of_its_rate_unless_told_otherwise(thousandths: int) -> None:
    error_rate, expected = float(f"0.{thousandths:03}"), float(f"0.{thousandths * 8:04}")
    assert threshold(error_rate=error_rate).resolve_below == expected


@pytest.mark.parametrize(("text", "policy"), [("hold", "hold"), ("resolve", "resolve"), ("3h", 10_800_000), ("0s", 0)])
def test_without_data_an_alert_holds_resolves_or_waits(text: str, policy: str | int) -> None:
    assert threshold(on_no_data=text).on_no_data == policy


@pytest.mark.parametrize(
    "keys",
    [
        {"error_rate": 0.0},
        {"error_rate": 1.0},
        {"error_rate": float("nan")},
        {"error_rate": "0.1"},
        {"error_rate": True},
        {"min_jobs": 0},
        {"min_jobs": 20.0},
        {"confidence": 1.0},
        {"confidence": -0.1},
        {"resolve_below": 0.0},
        {"error_rate": 0.1, "resolve_below": 0.11},
        {"window": "0s"},
        {"window": "31d"},
        {"window": 300},
        {"presets": []},
        {"presets": [""]},
        {"presets": "*"},
        {"parties": ["vendor"]},
        {"parties": ["daily"], "reasons": ["timeout"]},
        {"severity": "page"},
        {"on_no_data": "never"},
        {"labels": {"team": 3}},
        {"after": "5m"},
        {"kind": "consecutive", "errors": 0},
        {"kind": "consecutive", "errors": 101},
        {"kind": "consecutive", "presets": []},
        {"kind": "silence", "after": "0s"},
        {"kind": "silence", "on_no_data": "resolve"},
        {"kind": "silence", "parties": ["daily"]},
        {"kind": "burn_rate", "objective": 1.0},
        {"kind": "burn_rate", "period": "12h", "pairs": [{"long": "24h", "budget": 0.1}]},
        {"kind": "burn_rate", "pairs": [{"long": "7d", "short": "2d", "budget": 0.1}]},
        {"kind": "burn_rate", "presets": []},
        {"kind": "shift", "baseline": 0.02, "detect": 0.02},
        {"kind": "shift", "false_alarms": 1},
        {"name": ""},
        {"name": "Upper"},
        {"name": "a" * 65},
    ],
)
def test_a_rule_that_could_not_be_evaluated_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule(**keys)


@pytest.mark.parametrize(
    ("pane", "keys"),
    [
        ("10s", {"kind": "threshold", "window": "15s"}),
        ("10s", {"kind": "silence", "after": "35s"}),
        ("8s", {"kind": "threshold"}),
        ("7s", {"kind": "silence"}),
    ],
)
def test_what_is_counted_in_panes_is_a_whole_number_of_them(pane: str, keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="must be a multiple of the pane"):
        RULE.validate_python({"name": "a"} | keys, context={"pane_ms": parse_duration(pane)})


@pytest.mark.parametrize("kind", ["threshold", "burn_rate", "shift", "consecutive", "silence"])
def test_a_rule_reads_back_from_what_it_is_written_as(kind: str) -> None:
    made = RULE.validate_python({"name": "a", "kind": kind, "for": "90s", "labels": {"team": "media"}})
    assert RULE.validate_json(RULE.dump_json(made, by_alias=True), strict=False) == made


def test_a_rule_can_be_hashed_though_it_holds_labels() -> None:
    assert len({threshold(labels={"a": "b"}), threshold(labels={"a": "b"}), threshold(name="b")}) == 2


@pytest.mark.parametrize(
    "keys", [{"severity": "info"}, {"labels": {"a": "b"}}, {"annotations": {"a": "b"}}, {"presets": ["s*"]}]
)
def test_wording_routing_and_globs_do_not_change_a_rules_meaning(keys: dict[str, Any]) -> None:
    assert rule(**keys).fingerprint == rule().fingerprint


@pytest.mark.parametrize(
    "keys", [{"window": "10m"}, {"error_rate": 0.2}, {"for": "1m"}, {"on_no_data": "1h"}, {"parties": ["daily"]}]
)
def test_a_change_of_what_fires_changes_the_fingerprint(keys: dict[str, Any]) -> None:
    assert rule(**keys).fingerprint != rule().fingerprint


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    assert rule().fingerprint == "18effbbeedba9d48"


def test_two_rules_of_one_name_are_no_rule_set() -> None:
    with pytest.raises(ValidationError):
        RuleSet(rules=(rule(), rule("silence")))


def test_only_presets_whose_rules_look_back_further_than_panes_are_kept_need_hours() -> None:
    near, far = rule(window="24h"), rule("burn_rate", "b", period="7d", presets=["s*"])
    policy = DecidingPolicy(RuleSet(rules=(near, far)), Causes().party_of, 1)
    assert policy.rules.longest_window_ms == DAY_MS
    assert [policy.watch(preset).hours_ms for preset in ("summarize", "transcript", "")] == [7 * DAY_MS, 0, 0]


@pytest.mark.parametrize(
    ("text", "between_ms"), [("1 per 90d", 90 * DAY_MS), ("2 per 90d", 45 * DAY_MS), ("1 per 12h", DAY_MS // 2)]
)
def test_a_budget_of_false_alarms_is_the_time_between_two(text: str, between_ms: int) -> None:
    made = rule("shift", false_alarms=text)
    assert isinstance(made, ShiftRule)
    assert made.between_alarms_ms == between_ms


def test_globs_choose_the_presets_a_rule_watches() -> None:
    rules = RuleSet(rules=(rule(name="all"), rule(name="s", presets=["s*", "x"]), rule("silence", "topic", presets=[])))
    assert [each.name for each in rules.matching("summarize")] == ["all", "s"]
    assert [each.name for each in rules.matching("Summarize")] == ["all"]
    assert [each.name for each in rules.matching("")] == ["all"]
    assert [each.name for each in rules.whole_topic] == ["topic"]


def test_the_documented_glob_of_the_preset_named_by_a_star_matches_no_other() -> None:
    rules = RuleSet(rules=(rule(presets=["([*])"]),))
    assert [name for name in (read_preset("*"), "*", "(other)", "summarize", "") if rules.matching(name)] == ["(*)"]


def test_a_rule_set_knows_how_far_back_it_looks() -> None:
    made = RuleSet(
        rules=(*(rule(name=each, window=each) for each in ("1h", "5m", "60m")), rule("consecutive", errors=7))
    )
    assert (made.windows, made.longest_window_ms, made.max_consecutive) == ((300_000, 3_600_000), 3_600_000, 7)
    nothing = RuleSet(rules=(rule("silence"),))
    assert (nothing.windows, nothing.longest_window_ms, nothing.max_consecutive) == ((), 0, 0)


def by_reason(**keys: Any) -> ThresholdRule:
    return ThresholdRule.model_validate({"name": "a", "group_by": ("preset", "reason"), **keys})


def test_a_rule_for_one_reason_differs_from_the_others_by_its_key_and_what_it_counts() -> None:
    grouped = by_reason(parties=("daily",))
    one, other = grouped.for_reason("timeout"), grouped.for_reason("rate_limited")
    assert (grouped.key, one.key, other.key) == (grouped.name, f"{one.name}/timeout", f"{one.name}/rate_limited")
    assert (one.reasons, one.parties) == (("timeout",), ())
    assert len({grouped.fingerprint, one.fingerprint, other.fingerprint}) == 3
    assert one.for_reason("timeout") == one


def test_what_a_group_means_does_not_depend_on_which_other_groups_there_are() -> None:
    grouped = [by_reason(), by_reason(reasons=("timeout", "other"))]
    assert len({each.for_reason("timeout").fingerprint for each in grouped}) == 1


def test_a_rule_with_one_reason_that_is_grouped_by_it_is_its_own_only_group() -> None:
    grouped = by_reason(reasons=("timeout",))
    assert grouped.for_reason("timeout") == grouped


@pytest.mark.parametrize(
    ("ours", "theirs", "inhibits"), [("a", "a", True), ("a", "b", False), ("a", "", True), ("", "a", True)]
)
def test_groups_hold_back_the_same_group_and_rules_without_groups(ours: str, theirs: str, inhibits: bool) -> None:
    def made(reason: str, **keys: Any) -> ThresholdRule:
        plain = ThresholdRule.model_validate({"name": "a", **keys})
        return by_reason(reasons=(reason,), **keys) if reason else plain

    assert made(ours, inhibit=True).inhibits(made(theirs, severity="warning")) is inhibits
