"""Rule sets that are tried together say what each says alone, and a file's lines go where a producer puts them."""

from dataclasses import replace
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.domain.backtest import Backtest
from stream.domain.columns import read as read_columns
from stream.domain.panes import HOUR_MS
from stream.domain.placing import Log as FileLog
from stream.domain.placing import place
from stream.domain.records import Run
from stream.domain.replay import Replay
from stream.domain.routing import partition_of, record_key
from stream.domain.rules import RuleSet
from stream.domain.tally import Cell
from tests.laws.folds import ROOM_MS, new_fold, seen
from tests.laws.logs import CAUSES, Story, canonical, counting_policy, deciding_policy, rule_sets, stories, write
from tests.webhooks import FORBIDDEN, T0_MS, body

KEPT_MS = 50 * HOUR_MS
PARTITIONS = st.integers(1, 5)
TEXTS = st.text(max_size=40)
UUIDS = st.uuids().map(str)
BODIES = st.one_of(
    st.builds(body, st.one_of(UUIDS, TEXTS), st.sampled_from(["summarize", ""]), st.just(T0_MS), st.just(FORBIDDEN)),
    st.builds(body, UUIDS, st.just("transcript"), st.just(T0_MS)),
    st.binary(max_size=20),
    st.sampled_from(
        [b'{"test":"test"}', b'{"id":"x","type":"meeting.ended"}', b"[]", b'"\\ud800"', b'{"id":"\\ud800"}']
    ),
)


@settings(max_examples=50)
@given(stories(), st.lists(rule_sets(), min_size=1, max_size=3))
def test_rule_sets_tried_together_say_what_each_says_alone(told: list[Story], tried: list[RuleSet]) -> None:
    logs = write(told)
    policies = [counting_policy(rules, retention_ms=KEPT_MS) for rules in tried]
    first, *others = (deciding_policy(rules, len(logs), KEPT_MS) for rules in tried)
    most = max(policies, key=lambda policy: policy.errors_kept)
    test = Backtest(most, first, CAUSES, others)
    assert not [event for log in logs for event in test.take(log[0].partition, log)]
    assert not list(test.finish())
    for rules, policy, trial in zip(tried, policies, test.trials, strict=True):
        alone = Replay(policy, deciding_policy(rules, len(logs), KEPT_MS), CAUSES)
        events = [event for log in logs for event in alone.take(log[0].partition, log)]
        assert canonical(trial.events) == canonical([*events, *alone.finish()])


@settings(max_examples=50)
@given(stories(), rule_sets())
def test_the_jobs_of_a_backtest_are_those_that_queries_count(told: list[Story], rules: RuleSet) -> None:
    logs = write(told)
    fold = new_fold(rules, len(logs))
    test = Backtest(fold.counting, fold.deciding, CAUSES)
    for log in logs:
        for each in (fold, test):
            list(each.take(log[0].partition, log))
    found = {(name, start): tuple(sums) for name, panes in test.panes.items() for start, sums in panes.items()}
    assert found == {where: _sums(counts) for where, counts in seen(fold.board).items()}
    starts = [start for _, start in found]
    assert test.span == (min(starts), max(starts) + fold.counting.pane_ms)
    assert fold.counting.retention_ms == ROOM_MS


def _sums(counts: dict[Cell, int]) -> tuple[int, int]:
    return sum(count for cell, count in counts.items() if cell.reason), sum(counts.values())


@given(st.lists(BODIES, max_size=12), PARTITIONS)
def test_many_bodies_get_the_keys_and_partitions_that_each_gets(values: list[bytes], partitions: int) -> None:
    placed = place(values, partitions)
    assert placed.keys == [record_key(value) for value in values]
    expected = [partition_of(record_key(value), value, partitions) for value in values]
    assert placed.partitions.tolist() == expected


@given(st.lists(BODIES, max_size=12), PARTITIONS, st.integers(1, 12))
def test_a_file_is_the_same_log_however_many_lines_are_read_at_once(
    values: list[bytes], partitions: int, at_once: int
) -> None:
    log, rest = FileLog(partitions), iter(values)
    found: dict[int, list[tuple[int, bytes | None, bytes | None]]] = {}
    while some := list(islice(rest, at_once)):
        for partition, run in log.append(some):
            found.setdefault(partition, []).extend(zip(run.offsets, run.keys, run.values, strict=True))
    for partition, records in found.items():
        there = [value for value in values if partition_of(record_key(value), value, partitions) == partition]
        assert records == [(offset, record_key(value), value) for offset, value in enumerate(there)]
    assert sum(log.ends) == len(values)


@given(st.lists(BODIES, max_size=12), PARTITIONS)
def test_what_was_read_to_find_a_place_is_what_counting_would_read(values: list[bytes], partitions: int) -> None:
    for _, run in FileLog(partitions).append(values):
        ours, afresh = read_columns(run, CAUSES), read_columns(replace(run, usual=None), CAUSES)
        assert list(ours.rows) == list(afresh.rows)
        assert (list(ours.job_ids), ours.meters) == (list(afresh.job_ids), afresh.meters)
        assert [ours.kinds[code] if code >= 0 else None for code in ours.codes] == [
            afresh.kinds[code] if code >= 0 else None for code in afresh.codes
        ]
        assert ours.at_ms.tolist() == afresh.at_ms.tolist()


@given(st.lists(st.integers(0, 9), min_size=1, unique=True).map(sorted), st.integers(0, 12))
def test_a_run_is_cut_before_an_offset(offsets: list[int], end: int) -> None:
    values = [b"%d" % offset for offset in offsets]
    cut = Run(offsets, [0] * len(values), values, [None] * len(values)).before(end)
    below = [offset for offset in offsets if offset < end]
    assert (list(cut.offsets), cut.values) == (below, [b"%d" % offset for offset in below])
    assert len(cut.times) == len(cut.keys) == len(below)
