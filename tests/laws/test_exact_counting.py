"""Killing the worker that counts, between any two effects, changes no count and no alert."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.dedupe import RememberedJobs
from stream.domain.rules import RuleSet
from stream.domain.sources import SourceState
from tests.laws.crashes import Counter, Crash, Decider
from tests.laws.logs import (
    CUTS,
    LATENESS_MS,
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

CRASHES: st.SearchStrategy[Crash] = st.one_of(st.integers(0, 6), st.sampled_from(["before", "within"]), st.none())


@dataclass(frozen=True, slots=True)
class Reading:
    """How a log is read: in stretches, with attempts in each, and how far time passes when a stretch has been read."""

    places: set[int]
    attempts: Sequence[tuple[int, Crash]]
    idles: Sequence[tuple[int, Crash]]


READINGS = st.builds(
    Reading,
    CUTS,
    st.lists(st.tuples(st.integers(1, 12), CRASHES), max_size=8),
    st.lists(st.tuples(st.sampled_from([0, 20_000, 200_000]), CRASHES), min_size=1, max_size=4),
)


def read_all(counter: Counter, log: Log, reading: Reading, with_crashes: bool) -> None:
    for stretch, (idle_ms, crash) in zip(cut(log, reading.places), cycle(reading.idles), strict=False):
        for most, attempt in reading.attempts if with_crashes else ():
            counter.read(stretch, most, attempt)
        counter.read(stretch, len(stretch), None)
        if idle_ms:
            pass_idle_time(counter, idle_ms, crash if with_crashes else None)
    pass_idle_time(counter, LATENESS_MS + 60_000, None)


def pass_idle_time(counter: Counter, idle_ms: int, crash: Crash) -> None:
    watermark_ms = (counter.state.watermark_ms or 0) + idle_ms
    counter.wait(watermark_ms, crash)
    if crash is not None:
        counter.wait(watermark_ms, None)


def remembered(jobs: RememberedJobs) -> Iterator[tuple[int, ...]]:
    for run in jobs.runs:
        yield from zip(run.keys.tolist(), run.low.tolist(), run.notes.tolist(), strict=True)


def counted(state: SourceState) -> object:
    """Everything that a source's state answers with."""
    return (
        state.position,
        state.watermark_ms,
        state.panes,
        sorted(remembered(state.jobs)),
        state.newest_pane,
        sorted(state.starts),
    )


def said_about(counters: Sequence[Counter], rules: RuleSet, at_once: int) -> list[bytes]:
    """What a board says that decides after so many messages."""
    topic = [message for counter in counters for message in counter.published]
    decider = Decider(deciding_policy(rules, len(counters)), topic)
    while decider.position < len(topic):
        decider.read(at_once)
    return canonical(decider.said)


@given(st.lists(READINGS, min_size=3, max_size=3), stories(), rule_sets(), st.randoms(use_true_random=False))
def test_crashes_between_any_two_effects_change_no_count_and_no_alert(
    readings: list[Reading], told: list[Story], rules: RuleSet, shuffle: Random
) -> None:
    policy, logs = counting_policy(rules), write(told)
    crashed = [Counter(partition, policy, shuffle) for partition in range(len(logs))]
    clean = [Counter(partition, policy) for partition in range(len(logs))]
    for partition, log in enumerate(logs):
        read_all(crashed[partition], log, readings[partition], with_crashes=True)
        read_all(clean[partition], log, readings[partition], with_crashes=False)
    assert [counted(one.state) for one in crashed] == [counted(one.state) for one in clean]
    assert said_about(crashed, rules, at_once=1) == said_about(clean, rules, at_once=1_000_000)


@given(READINGS, stories(), rule_sets())
def test_the_journal_accounts_for_every_offset_once(reading: Reading, told: list[Story], rules: RuleSet) -> None:
    log = write(told)[0]
    counter = Counter(0, counting_policy(rules, horizon_ms=10**12, retention_ms=10**12))
    read_all(counter, log, reading, with_crashes=True)
    whole = sorted((batch for batch in counter.batches() if batch.last >= batch.first), key=lambda batch: batch.first)
    assert [after.first for _, after in pairwise(whole)] == [before.last + 1 for before, _ in pairwise(whole)]
    assert (whole[0].first, whole[-1].last + 1) == (0, len(log))
