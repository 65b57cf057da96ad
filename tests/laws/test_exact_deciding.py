"""Killing the worker that decides, and telling it things twice or late, changes no count and no alert."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertEvent
from stream.domain.deciding import Board
from stream.domain.packing import PackedTally
from stream.domain.rules import RuleSet
from tests.laws.crashes import Counter, Decider
from tests.laws.logs import CUTS, Story, canonical, counting_policy, cut, deciding_policy, rule_sets, stories, write

Saved = tuple[int | None, int | None]
"""How many rows of each table are written before a crash; None and None for all of them, and no crash."""
SAVES: st.SearchStrategy[Saved] = st.one_of(st.just((None, None)), st.tuples(st.integers(0, 4), st.integers(0, 3)))
STEPS = st.lists(st.tuples(st.integers(1, 9), SAVES | st.just("restart") | st.none()), min_size=1, max_size=12)


def publish(told: list[Story], places: set[int], rules: RuleSet, shuffle: Random) -> list[PackedTally]:
    """Return a tallies topic: each source partition's messages in order, the partitions mixed."""
    waiting = []
    for partition, log in enumerate(write(told)):
        counter = Counter(partition, counting_policy(rules))
        for batch in cut(log, places):
            counter.read(batch, len(batch), None)
        for idle_ms in (65_000, 1_300_000):
            counter.wait((counter.state.watermark_ms or 0) + idle_ms, None)
        waiting.append(counter.published)
    return list(_mix(waiting, shuffle))


def _mix(waiting: list[list[PackedTally]], shuffle: Random) -> Iterator[PackedTally]:
    while waiting := [messages for messages in waiting if messages]:
        yield shuffle.choice(waiting).pop(0)


def decided(topic: Sequence[PackedTally], rules: RuleSet, sources: int) -> Decider:
    """Return a worker that has read a topic in one go."""
    decider = Decider(deciding_policy(rules, sources), topic)
    decider.read(len(topic))
    return decider


def each_once(said: Sequence[AlertEvent]) -> list[AlertEvent]:
    """Return what a consumer keeps that drops known ids; the same id is the same bytes."""
    kept: dict[str, AlertEvent] = {}
    for event in said:
        assert kept.setdefault(event.id, event).to_json() == event.to_json()
    return list(kept.values())


def counts(board: Board) -> object:
    """Return every count of a retained pane, by preset and pane."""
    return {
        (name, start): (preset.pane(start).seen, preset.pane(start).decided)
        for name, preset in board.presets.items()
        for start in preset.panes
        if start >= board.oldest_retained()
    }


@given(stories(), CUTS, rule_sets(), STEPS, st.randoms(use_true_random=False))
def test_restarts_from_rows_half_written_change_no_count_and_no_alert(
    told: list[Story],
    places: set[int],
    rules: RuleSet,
    steps: list[tuple[int, Saved | str | None]],
    shuffle: Random,
) -> None:
    topic = publish(told, places, rules, shuffle)
    reference, decider = decided(topic, rules, len(told)), Decider(deciding_policy(rules, len(told)), topic)
    for most, ending in steps:
        decider.read(most)
        if ending == "restart":
            decider.recover()
        elif isinstance(ending, tuple):
            decider.save(*ending)
    decider.read(len(topic))
    assert canonical(each_once(decider.said)) == canonical(reference.said)
    assert counts(decider.board) == counts(reference.board)


@given(stories(), CUTS, rule_sets(), STEPS, st.randoms(use_true_random=False))
def test_what_was_told_before_may_be_told_again_at_any_time(
    told: list[Story],
    places: set[int],
    rules: RuleSet,
    steps: list[tuple[int, object]],
    shuffle: Random,
) -> None:
    topic = publish(told, places, rules, shuffle)
    reference, decider = decided(topic, rules, len(told)), Decider(deciding_policy(rules, len(told)), topic)
    for most, _ in cycle(steps):
        decider.read(most)
        for message in shuffle.choices(topic[: decider.position], k=3):
            decider.board.merge(message)
        if decider.position == len(topic):
            break
    assert canonical(decider.said) == canonical(reference.said)
    assert counts(decider.board) == counts(reference.board)


@given(stories(), CUTS, rule_sets(), st.randoms(use_true_random=False))
def test_counts_may_overtake_one_another_as_long_as_time_does_not_overtake_them(
    told: list[Story], places: set[int], rules: RuleSet, shuffle: Random
) -> None:
    topic = publish(told, places, rules, shuffle)
    reference = decided(topic, rules, len(told))
    counted = [message for message in topic if message.preset is not None]
    shuffle.shuffle(counted)
    early = decided([*counted, *(message for message in topic if message.preset is None)], rules, len(told))
    assert canonical(early.said) == canonical(reference.said)
    assert counts(early.board) == counts(reference.board)
