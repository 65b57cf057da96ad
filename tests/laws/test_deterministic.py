"""What is said depends on the log alone: not on batches, on how partitions interleave, or on hash seeds."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.rules import RuleSet
from tests.laws.logs import CUTS, Log, Story, canonical, cut, new_replay, reference, rule_sets, stories, write


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Story], list[set[int]], list[int]]:
    """Draw logs, where each is cut into batches, and whose turn it is to be read, over and over."""
    told = draw(stories())
    return told, [draw(CUTS) for _ in told], draw(st.lists(st.integers(0, len(told) - 1), max_size=20))


def interleave(logs: list[Log], places: list[set[int]], turns: list[int]) -> Iterator[Log]:
    """Yield batches in the order of their turns, each partition's own order kept, until nothing is left."""
    waiting = [cut(log, at) for log, at in zip(logs, places, strict=True)]
    for turn in turns:
        if waiting[turn]:
            yield waiting[turn].pop(0)
    for batches in waiting:
        yield from batches


@given(orders(), rule_sets())
def test_batches_and_the_interleaving_of_partitions_do_not_change_a_byte(
    order: tuple[list[Story], list[set[int]], list[int]], rules: RuleSet
) -> None:
    told, places, turns = order
    logs = write(told)
    replay = new_replay(rules, len(logs))
    events = [e for batch in interleave(logs, places, turns) for e in replay.take(batch[0].partition, batch)]
    assert canonical([*events, *replay.finish()]) == reference(logs, rules)


@given(stories(), rule_sets())
def test_a_whole_log_replayed_says_what_a_slow_reader_says(told: list[Story], rules: RuleSet) -> None:
    logs = write(told)
    mixed = sorted((record for log in logs for record in log), key=lambda record: record.offset)
    assert canonical(list(new_replay(rules, len(logs)).run(mixed))) == reference(logs, rules)


PROGRAM = """
import sys
from stream.domain.replay import Replayed
from stream.domain.routing import partition_of
from stream.domain.rules import RuleSet
from stream.local.traffic import generate
from tests.laws.logs import new_replay
rules = RuleSet.model_validate({"rules": (
    {"name": "rate", "kind": "threshold", "window": "2m"},
    {"name": "run", "kind": "consecutive"},
    {"name": "quiet", "kind": "silence", "after": "10s"},
)})
records, ends = [], [0, 0, 0]
for sent in generate(7, 20):
    at = partition_of(sent.key, sent.value, 3)
    records.append(Replayed(at, ends[at], sent.arrives_at_ms, sent.key, sent.value))
    ends[at] += 1
for event in new_replay(rules, 3).run(records):
    sys.stdout.buffer.write(event.to_json() + b"\\n")
"""


def said_under(hash_seed: str) -> bytes:
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True).stdout


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_the_hash_seed_does_not_change_a_byte(hash_seed: str) -> None:
    said = said_under("0")
    assert said.count(b"\n") > 10
    assert said_under(hash_seed) == said
