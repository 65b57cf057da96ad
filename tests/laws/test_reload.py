"""Rules that change under a worker decide from a tick on as after a restart, and what they leave alone stays."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.alerting import Phase
from stream.domain.rules import RuleSet
from tests.laws.crashes import Decider
from tests.laws.logs import CUTS, PANE_MS, Story, canonical, deciding_policy, rule_sets, stories
from tests.laws.test_exact_deciding import STEPS, Saved, counts, decided, each_once, publish

READ = st.integers(0, 60)
Steps = list[tuple[int, Saved | str | None]]


def edited(rules: RuleSet, **changes: Any) -> RuleSet:
    """Return rules of which each has some other values."""
    given = [rule.model_dump(by_alias=True, exclude_unset=True) | changes for rule in rules.rules]
    return RuleSet.model_validate({"rules": tuple(given)}, context={"pane_ms": PANE_MS})


def decider_at(told: list[Story], places: set[int], rules: RuleSet, messages: int) -> Decider:
    """Return a worker that has read so many messages."""
    topic = publish(told, places, rules, Random(0))
    decider = Decider(deciding_policy(rules, len(told)), topic)
    decider.read(messages)
    return decider


@given(stories(), CUTS, rule_sets(), rule_sets(), READ, STEPS)
def test_a_worker_that_reloads_and_crashes_says_what_one_says_that_restarted_with_the_new_file(  # noqa: PLR0917  # drawn
    told: list[Story], places: set[int], before: RuleSet, after: RuleSet, messages: int, steps: Steps
) -> None:
    policy = deciding_policy(after, len(told))
    restarted, reloaded = (decider_at(told, places, before, messages) for _ in range(2))
    restarted.restart(policy)
    restarted.read(len(restarted.topic))
    reloaded.adopt(policy)
    for most, ending in steps:
        reloaded.read(most)
        if ending == "restart":
            reloaded.recover()
        elif isinstance(ending, tuple):
            reloaded.save(*ending)
    reloaded.read(len(reloaded.topic))
    assert canonical(each_once(reloaded.said)) == canonical(each_once(restarted.said))
    assert counts(reloaded.board) == counts(restarted.board)


@given(stories(), CUTS, rule_sets(), st.lists(READ, max_size=4))
def test_reloading_the_same_rules_changes_no_byte(
    told: list[Story], places: set[int], rules: RuleSet, reads: list[int]
) -> None:
    reloaded = decider_at(told, places, rules, 0)
    for messages in reads:
        reloaded.read(messages)
        reloaded.adopt(deciding_policy(rules, len(told)))
    reloaded.read(len(reloaded.topic))
    assert canonical(reloaded.said) == canonical(decided(reloaded.topic, rules, len(told)).said)


@given(stories(), CUTS, rule_sets(), READ)
def test_other_words_for_a_rule_leave_every_episode_as_it_was(
    told: list[Story], places: set[int], rules: RuleSet, messages: int
) -> None:
    reworded = edited(rules, labels={"team": "audio"}, annotations={"summary": "{preset}"})
    reloaded = decider_at(told, places, rules, messages)
    reloaded.adopt(deciding_policy(reworded, len(told)))
    reloaded.read(len(reloaded.topic))
    unchanged = decided(reloaded.topic, rules, len(told))
    assert sorted((event.id, event.at) for event in reloaded.said) == sorted((e.id, e.at) for e in unchanged.said)


@given(stories(), CUTS, rule_sets(), READ, st.booleans())
def test_the_alerts_of_a_rule_that_goes_or_comes_to_mean_something_else_end_at_the_next_tick(
    told: list[Story], places: set[int], rules: RuleSet, messages: int, is_renamed: bool
) -> None:
    given = [rule.model_dump(by_alias=True, exclude_unset=True) for rule in rules.rules]
    change = {"name": "another"} if is_renamed else {"for": "77s", "overrides": []}
    other = RuleSet.model_validate(
        {"rules": (given[0] | change, *given[1:])},
        context={"pane_ms": PANE_MS},
    )
    gone = rules.rules[0].name
    reloaded = decider_at(told, places, rules, messages)
    open_before = {
        fired.episode
        for preset in reloaded.board.presets.values()
        for fired in preset.fired.values()
        if fired.rule == gone
    }
    said_before, tick_ms = len(reloaded.said), reloaded.board.tick_ms
    reloaded.adopt(deciding_policy(other, len(told)))
    reloaded.read(len(reloaded.topic))
    ended = [event for event in reloaded.said[said_before:] if event.resolve_reason == "rule_removed"]
    has_moved = reloaded.board.tick_ms != tick_ms
    assert {event.episode for event in ended} == (open_before if has_moved else set())
    assert {event.at for event in ended} <= {(tick_ms or 0) + PANE_MS}


@given(stories(), CUTS, rule_sets(), READ)
def test_what_was_pending_under_a_rule_that_is_gone_is_not_held_against_the_next_of_its_name(
    told: list[Story], places: set[int], rules: RuleSet, messages: int
) -> None:
    reloaded = decider_at(told, places, rules, messages)
    tick_ms = reloaded.board.tick_ms
    reloaded.adopt(deciding_policy(edited(rules, **{"for": "77s", "overrides": []}), len(told)))
    reloaded.read(len(reloaded.topic))
    if reloaded.board.tick_ms == tick_ms:
        return
    alerts = (alert for preset in reloaded.board.presets.values() for alert in preset.alerts.values())
    begun = [alert.started_at_ms for alert in alerts if alert.phase is not Phase.INACTIVE]
    assert all(at_ms is not None and at_ms > (tick_ms or 0) for at_ms in begun)
