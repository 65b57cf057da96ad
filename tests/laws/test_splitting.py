"""A log split over partitions by job id gives the sums of the log as a whole, and so do presets split over boards."""

from collections import Counter as Count
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertEvent
from stream.domain.deciding import Board
from stream.domain.packing import PackedTally
from stream.domain.replay import Replayed
from stream.domain.routing import partition_of, record_key
from stream.domain.rules import RuleSet
from stream.domain.tally import ALL_PRESETS
from tests.laws.crashes import Counter
from tests.laws.folds import decided, new_fold, read, seen
from tests.laws.logs import (
    CUTS,
    DISORDER_MS,
    NEAR_MS,
    PAUSE_MS,
    Log,
    Story,
    canonical,
    counting_policy,
    cut,
    deciding_policy,
    rule_sets,
    stories,
    write,
)

PARTITIONS = st.integers(2, 5)
ON_TIME_GAP = st.one_of(NEAR_MS, NEAR_MS, DISORDER_MS, PAUSE_MS)


def split(log: Log, partitions: int) -> Iterator[Replayed]:
    """Yield the records of a log as a producer that keys by job id spreads them."""
    ends: Count[int] = Count()
    for record in log:
        value = record.value or b""
        key = record_key(value)
        partition = partition_of(key, value, partitions)
        yield Replayed(partition, ends[partition], record.timestamp, key, record.value)
        ends[partition] += 1


@given(stories(most=40, jobs=10), PARTITIONS, rule_sets())
def test_splitting_a_log_over_partitions_gives_the_same_sums(
    told: list[Story], partitions: int, rules: RuleSet
) -> None:
    log = write(told)[0]
    whole, parts = new_fold(rules, 1), new_fold(rules, partitions)
    read(whole, log)
    read(parts, split(log, partitions))
    assert seen(parts.board) == seen(whole.board)
    for meter in ("counted", "duplicates", "conflicts"):
        assert parts.meters[meter] == whole.meters[meter]
    assert rejected(parts.meters) == rejected(whole.meters)


def rejected(meters: Count[str]) -> dict[str, int]:
    return {name: count for name, count in meters.items() if name.startswith(("rejected:", "ignored:", "time:"))}


@given(stories(ON_TIME_GAP, most=40, jobs=10), PARTITIONS, rule_sets())
def test_splitting_a_log_that_is_on_time_gives_the_same_alerts(
    told: list[Story], partitions: int, rules: RuleSet
) -> None:
    log = write(told)[0]
    whole, parts = new_fold(rules, 1), new_fold(rules, partitions)
    one_by_one = sorted(split(log, partitions), key=lambda record: record.partition)
    assert read(parts, one_by_one) == read(whole, log)
    assert decided(parts.board) == decided(whole.board)


def published(told: list[Story], places: set[int], rules: RuleSet) -> list[PackedTally]:
    """Return what the counting stage says about logs, and that time has passed to their end."""
    counters = [Counter(partition, counting_policy(rules)) for partition in range(len(told))]
    for counter, log in zip(counters, write(told), strict=True):
        for batch in cut(log, places):
            counter.read(batch, len(batch), None)
    last_ms = max(counter.state.watermark_ms or 0 for counter in counters) + 60_000
    for counter in counters:
        counter.wait(last_ms, None)
    return [message for counter in counters for message in counter.published]


def owner_of(preset: str, boards: int) -> int:
    return partition_of(preset.encode(), b"", boards)


def said_by(topic: list[PackedTally], rules: RuleSet, sources: int, boards: int) -> list[bytes]:
    """Return what boards say that share the presets of a tallies topic, each told of all time."""
    policy, said = deciding_policy(rules, sources), list[AlertEvent]()
    for number in range(boards):
        board = Board(policy, watches_topic=number == owner_of(ALL_PRESETS, boards))
        for message in topic:
            if message.preset is None or owner_of(message.preset, boards) == number:
                board.merge(message)
                said += board.decide()
    return canonical(said)


@given(stories(), CUTS, rule_sets(), PARTITIONS)
def test_splitting_presets_over_boards_gives_the_same_alerts(
    told: list[Story], places: set[int], rules: RuleSet, boards: int
) -> None:
    topic = published(told, places, rules)
    assert said_by(topic, rules, len(told), boards) == said_by(topic, rules, len(told), 1)


def test_the_presets_of_these_laws_do_not_all_belong_to_one_board() -> None:
    assert len({owner_of(preset, 2) for preset in ("summarize", "transcript", ALL_PRESETS)}) == 2
