"""What a filter leaves out might as well not have happened, and a group is a rule of its own.

Each is held against the same log, or a log without what is left out, under rules without the filter or the group.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from schemas.alert import AlertEvent
from stream.domain.causes import Causes
from stream.domain.panes import HOUR_MS
from stream.domain.reasons import DEFAULT_RULES
from stream.domain.replay import Replay, Replayed
from stream.domain.rules import RuleSet, SilenceRule
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings
from tests.laws.logs import IN_TIME_GAP, PANE_MS, SOON, SOURCES, Story, folded, rule_sets, stories, write
from tests.webhooks import T0_MS, TIMEOUT, body

LIVELY = RuleSet.model_validate(
    {
        "rules": (
            {"name": "high", "kind": "threshold", "window": "1m", "min_jobs": 2, "confidence": 0, "error_rate": 0.2},
            {"name": "run", "kind": "consecutive", "errors": 2, "on_no_data": "30s"},
            {"name": "worse", "kind": "shift", "baseline": 0.2, "detect": 0.9, "false_alarms": "1 per 1h"},
        )
    }
)
"""Rules that fire and resolve for most drawn logs."""

REASONS = sorted({rule.name for rule in DEFAULT_RULES})


def rewritten(rules: RuleSet, **changes: Any) -> RuleSet:
    """Return the rules with other keys, and without overrides, which may not change any of those."""
    tables = [rule.model_dump(by_alias=True, exclude_unset=True, exclude={"overrides"}) for rule in rules.rules]
    changed = [
        table if isinstance(rule, SilenceRule) else table | changes
        for table, rule in zip(tables, rules.rules, strict=True)
    ]
    return RuleSet.model_validate({"rules": tuple(changed)}, context={"pane_ms": PANE_MS})


def jobs_only(told: Sequence[Story]) -> list[Story]:
    """Return stories without what tells the time otherwise than a meeting does."""
    return [[step if step.kind == "job" else replace(step, kind="other") for step in story] for story in told]


def without_source(told: Sequence[Story], source: str) -> list[Story]:
    """Return stories in which jobs of one source type are events that are none of our business."""
    return [[replace(step, kind="other") if step.source == source else step for step in story] for story in told]


def said(events: Sequence[AlertEvent]) -> list[dict[str, Any]]:
    """Return what events say of a log, without evidence that is kept for the newest jobs of all kinds alone."""
    bodies = [event.model_dump(mode="json", exclude={"sample_jobs"}) for event in events]
    return sorted(bodies, key=lambda each: (each["at"], each["preset"], each["rule"], str(each["group"])))


@given(stories(SOON, most=20), rule_sets())
def test_source_types_leave_out_jobs_as_if_they_had_been_no_jobs(told: list[Story], rules: RuleSet) -> None:
    # The watch over the topic begins with a job of each partition: one that both logs have.
    story, watched = (
        jobs_only(told),
        (*LIVELY.rules, *(rule for rule in rules.rules if not isinstance(rule, SilenceRule))),
    )
    kept = SOURCES[1]
    filtered = rewritten(RuleSet(rules=watched), source_types=(kept,))
    plain = rewritten(RuleSet(rules=watched), source_types=())
    _, events = folded(write(story), filtered)
    _, wanted = folded(write(without_source(story, SOURCES[0])), plain)
    assert said(events) == said(wanted)


def one_by_one(rules: RuleSet, reason: str) -> list[dict[str, Any]]:
    """Return rules without groups for one reason, which their names end in."""
    alone = rewritten(rules, group_by=("preset",), parties=(), reasons=(reason,), inhibit=False)
    tables = [rule.model_dump(by_alias=True, exclude_unset=True) for rule in alone.rules]
    return [table | {"name": f"{table['name']}.{reason}"} for table in tables]


def one_group(event: AlertEvent) -> AlertEvent:
    """Return what a rule for one reason says as a group of a rule says it."""
    rule, _, reason = event.rule.partition(".")
    return event.model_copy(update={"rule": rule, "group": {"reason": reason}})


def recordings_of_late(days: int, hourly_others: int) -> Iterator[Replayed]:
    """Yield the jobs of three weeks: recordings of the last days only, of which at the end many fail, and others."""
    for hour in range(21 * 24):
        recordings = 10 if hour >= (21 - days) * 24 else 0
        sources = ["recordingId"] * recordings + ["uri"] * hourly_others
        for number, source in enumerate(sources):
            failed = source == "recordingId" and number < (4 if hour >= 21 * 24 - 3 else hour % 10 == 0)
            at_ms = T0_MS + hour * HOUR_MS + number * 60_000
            value = body(f"{source}-{hour}-{number}", "a", at_ms, TIMEOUT if failed else None, source)
            yield Replayed(0, hour * 100 + number, at_ms, None, value)


def test_what_is_left_of_a_budget_is_told_as_if_other_jobs_had_never_been() -> None:
    pair = {"long": "6h", "short": "1h", "budget": 0.02}
    rule = {"kind": "burn_rate", "objective": 0.95, "source_types": ("recordingId",), "pairs": (pair,)}
    rules = RuleSet.model_validate({"rules": ({"name": "a", **rule},)})
    settings, causes = Settings(_env_file=None, pane=HOUR_MS), Causes()

    def told(hourly_others: int) -> list[AlertEvent]:
        replay = Replay(counting_policy(settings, rules), deciding_policy(settings, rules, causes, 1), causes)
        return list(replay.run(recordings_of_late(2, hourly_others)))

    assert told(2) == told(0)
    # Ten jobs an hour for 28 days may fail 336 times, and 17 have.
    assert "94.9% of the budget is left" in told(2)[0].annotations["summary"]


@given(stories(IN_TIME_GAP, most=20), rule_sets())
def test_a_group_says_what_a_rule_for_its_reason_says(told: list[Story], rules: RuleSet) -> None:
    rules = RuleSet(rules=(*LIVELY.rules, *rules.rules))
    grouped = rewritten(rules, group_by=("preset", "reason"), parties=(), reasons=(), inhibit=False)
    _, events = folded(write(told), grouped)
    found = [event for event in events if event.group]
    alone = [table for reason in REASONS for table in one_by_one(rules, reason)]
    _, events = folded(write(told), RuleSet.model_validate({"rules": tuple(alone)}, context={"pane_ms": PANE_MS}))
    wanted = [one_group(event) for event in events if event.rule_kind != "silence"]
    assert [{**each, "id": "", "episode": ""} for each in said(found)] == [
        {**each, "id": "", "episode": ""} for each in said(wanted)
    ]


@given(stories(IN_TIME_GAP, most=20), rule_sets())
def test_every_alert_of_a_tick_has_an_id_of_its_own(told: list[Story], rules: RuleSet) -> None:
    grouped = rewritten(rules, group_by=("preset", "reason"), parties=(), reasons=())
    _, events = folded(write(told), grouped)
    assert len({event.id for event in events}) == len(events)
    assert len({(event.episode, event.sequence) for event in events}) == len(events)


@pytest.mark.parametrize("reason", REASONS)
def test_no_reason_is_named_like_a_key(reason: str) -> None:
    assert "/" not in reason
