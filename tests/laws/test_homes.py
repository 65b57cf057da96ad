"""Records under any key, on any partition, count as those under the job id: each job is counted at home."""

from collections import Counter as Count
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertEvent
from stream.domain import journal
from stream.domain.columns import read as read_columns
from stream.domain.counting import count, count_forwarded
from stream.domain.deciding import Board
from stream.domain.homes import Home, Origin, homes, read_origin
from stream.domain.journal_log import JournalLog
from stream.domain.packing import PackedTally
from stream.domain.records import Run
from stream.domain.replay import Replay, Replayed
from stream.domain.routing import partition_of, record_key
from stream.domain.rules import RuleSet
from stream.domain.sources import Batch, Sources, SourceState, new_sources, pass_time
from stream.domain.tallies import forwarded_source, progress_message, tally_messages, time_message
from tests.laws.folds import decided, new_fold, read, seen
from tests.laws.logs import CAUSES, Log, Story, canonical, counting_policy, deciding_policy, rule_sets, stories, write
from tests.laws.test_splitting import ON_TIME_GAP, PARTITIONS, split
from tests.webhooks import FORBIDDEN, T0_MS, body, meeting

ARRIVED_MS = T0_MS + 10**9
"""What the broker stamps on what is forwarded says nothing of the event."""

PLACES = st.lists(st.integers(0, 4), min_size=1, max_size=40)
UUIDS = st.uuids().map(str)


@given(st.lists(st.one_of(UUIDS, UUIDS, st.text(min_size=1, max_size=40)), max_size=20), st.integers(1, 64))
def test_a_jobs_home_is_where_a_producer_puts_its_id(job_ids: list[str], partitions: int) -> None:
    keys = [job_id.encode(errors="backslashreplace") for job_id in job_ids]
    assert homes(job_ids, partitions).tolist() == [partition_of(key, b"", partitions) for key in keys]


@given(st.lists(UUIDS, min_size=1, max_size=20), st.integers(1, 64))
def test_bodies_that_are_keyed_by_their_job_are_at_home(job_ids: list[str], partitions: int) -> None:
    values = [body(job_id, "summarize", T0_MS) for job_id in job_ids]
    columns = read_columns(Run([*range(len(values))], [T0_MS] * len(values), values, [None] * len(values)), CAUSES)
    keyed = [partition_of(record_key(value), value, partitions) for value in values]
    assert homes(columns.job_ids, partitions).tolist() == keyed


@given(st.builds(Origin, st.integers(0, 1023), st.integers(-(2**62), 2**53), st.integers(-1, 2**53)))
def test_where_a_forwarded_record_was_read_can_be_told_from_its_key(origin: Origin) -> None:
    assert read_origin(origin.to_key()) == origin


@pytest.mark.parametrize(
    "key", [None, b"", b"0", b"0:5", b"::", b"0:5:", b"0:x:5", b"summarize:5:5", b"\xff:5:5", b"1:2:3:4"]
)
def test_any_other_key_tells_nothing(key: bytes | None) -> None:
    assert read_origin(key) is None


def scatter(log: Log, partitions: int, places: Sequence[int]) -> list[Replayed]:
    """Return the records of a log on partitions that have nothing to do with their jobs."""
    ends: Count[int] = Count()
    found = []
    for record, place in zip(log, cycle(places), strict=False):
        partition = place % partitions
        found.append(Replayed(partition, ends[partition], record.timestamp, b"any", record.value))
        ends[partition] += 1
    return found


@given(stories(most=40, jobs=10), PARTITIONS, PLACES, rule_sets())
def test_a_log_scattered_over_partitions_gives_the_same_sums(
    told: list[Story], partitions: int, places: list[int], rules: RuleSet
) -> None:
    log = write(told)[0]
    whole, parts = new_fold(rules, 1), new_fold(rules, partitions)
    read(whole, log)
    read(parts, scatter(log, partitions, places))
    assert seen(parts.board) == seen(whole.board)
    for meter in ("counted", "duplicates", "conflicts"):
        assert parts.meters[meter] == whole.meters[meter]


@given(stories(ON_TIME_GAP, most=40, jobs=10), PARTITIONS, PLACES, rule_sets())
def test_a_scattered_log_that_is_on_time_gives_the_same_alerts(
    told: list[Story], partitions: int, places: list[int], rules: RuleSet
) -> None:
    log = write(told)[0]
    whole, parts = new_fold(rules, 1), new_fold(rules, partitions)
    assert read(parts, scatter(log, partitions, places)) == read(whole, log)
    assert decided(parts.board) == decided(whole.board)


Effect = int
"""After so many effects a worker is killed; more than there are leave it alive."""


@dataclass(slots=True)
class Topics:
    """What outlives workers."""

    logs: list[list[Replayed]]
    rekeyed: list[list[Replayed]]
    tallies: list[PackedTally] = field(default_factory=list)
    journals: list[dict[bytes, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Worker:
    """The owner of one partition, with the steps of `stream.counting_stage` in memory."""

    partition: int
    rules: RuleSet
    topics: Topics
    kept: int = 2
    sources: Sources = field(init=False)
    chains: dict[int, JournalLog] = field(init=False)

    def __post_init__(self) -> None:
        self.recover()

    @property
    def partitions(self) -> int:
        return len(self.topics.logs)

    def recover(self) -> None:
        self.sources = new_sources(counting_policy(self.rules), Home(self.partition, self.partitions))
        names = (journal.own_chain(self.partition), journal.forwarded_chain(self.partition))
        self.chains = {}
        for state, name in zip(self.sources, names, strict=True):
            log = self.chains[id(state)] = JournalLog(name, self.kept)
            rows = [row for row in self.topics.journals[self.partition].items() if journal.chain_of(row[0]) == name]
            assert log.read(state, rows) is None
            self.topics.tallies += self._messages(state, log.newest or Batch(0, -1, None))

    def clock_ms(self) -> int | None:
        board = Board(deciding_policy(self.rules, self.partitions))
        for message in self.topics.tallies:
            board.merge(message)
        return board.clock_ms()

    def read_own(self, most: int, killed_after: Effect) -> None:
        state = self.sources.own
        fresh = self.topics.logs[self.partition][state.position :][:most]
        if fresh:
            self._take(state, count(state, Run.of(fresh), CAUSES), killed_after)

    def read_forwarded(self, most: int, killed_after: Effect) -> None:
        state = self.sources.forwarded
        fresh = self.topics.rekeyed[self.partition][state.position :][:most]
        if fresh:
            self._take(state, count_forwarded(state, Run.of(fresh), CAUSES, self.clock_ms()), killed_after)

    def _take(self, state: SourceState, batch: Batch, killed_after: Effect) -> None:
        for number, _ in enumerate(self._effects(state, batch)):
            if number >= killed_after:
                return self.recover()
        return None

    def _effects(self, state: SourceState, batch: Batch) -> Iterator[None]:
        for each in batch.forwarded:
            to = self.topics.rekeyed[each.home]
            to.append(Replayed(each.home, len(to), ARRIVED_MS, each.key, each.value))
            batch.forwarded_to[each.home] = len(to)
            yield
        state.apply(batch)
        state.jobs.tidy(self.clock_ms())
        for key, value in self.chains[id(state)].write(batch, state, self.clock_ms() or 0):
            self.topics.journals[self.partition] |= {key: value} if value is not None else {}
            if value is None:
                self.topics.journals[self.partition].pop(key, None)
        yield
        for message in self._messages(state, batch):
            self.topics.tallies.append(message)
            yield

    def _messages(self, state: SourceState, batch: Batch) -> Iterator[PackedTally]:
        is_own = state is self.sources.own
        number = self.partition if is_own else forwarded_source(self.partition, self.partitions)
        yield from tally_messages(number, state, batch)
        yield time_message(number, state) if is_own else progress_message(number, state)

    def pass_idle_time(self, watermark_ms: int) -> None:
        state = self.sources.own
        self._take(state, pass_time(state, watermark_ms), 10**6)


Step = tuple[int, int, int, Effect]
STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(1, 12), st.integers(0, 30)), max_size=25)


def count_all(topics: Topics, rules: RuleSet, steps: Sequence[Step]) -> list[Worker]:
    """Count everything, with workers that take turns and are killed."""
    workers = [Worker(partition, rules, topics) for partition in range(len(topics.logs))]
    for who, source, most, killed_after in steps:
        worker = workers[who % len(workers)]
        (worker.read_forwarded if source else worker.read_own)(most, killed_after)
    for worker in workers:
        worker.read_own(10**6, 10**6)
    for worker in workers:
        worker.read_forwarded(10**6, 10**6)
    last_ms = max(worker.sources.own.watermark_ms or 0 for worker in workers) + 60_000
    for worker in workers:
        worker.pass_idle_time(last_ms)
    return workers


def say(topics: Topics, rules: RuleSet, at_once: int) -> tuple[list[bytes], Board]:
    board, events = Board(deciding_policy(rules, len(topics.logs)), watches_topic=True), list[AlertEvent]()
    for number, message in enumerate(topics.tallies):
        board.merge(message)
        if number % at_once == 0:
            events += board.decide()
    return canonical([*events, *board.decide()]), board


def topics_of(records: Sequence[Replayed], partitions: int) -> Topics:
    logs = [[record for record in records if record.partition == number] for number in range(partitions)]
    return Topics(logs, [[] for _ in logs], journals=[{} for _ in logs])


SCATTERED = st.builds(
    lambda told, places, partitions: scatter(once_each(write(told)[0]), partitions, places),
    stories(ON_TIME_GAP, most=30, jobs=60),
    PLACES,
    st.integers(2, 3),
)


@given(SCATTERED, rule_sets(), STEPS, st.integers(1, 9))
def test_killing_workers_that_forward_changes_no_count_and_no_alert(
    scattered: list[Replayed], rules: RuleSet, steps: list[Step], at_once: int
) -> None:
    partitions = max(record.partition for record in scattered) + 1
    calm, killed = topics_of(scattered, partitions), topics_of(scattered, partitions)
    count_all(calm, rules, [])
    count_all(killed, rules, steps)
    (expected, board), (said, crashed) = say(calm, rules, 10**6), say(killed, rules, at_once)
    assert said == expected
    assert decided(crashed) == decided(board)
    assert seen(crashed) == seen(board)


@given(SCATTERED, rule_sets(), st.integers(1, 9))
def test_a_replay_says_what_the_messages_of_workers_say(
    scattered: list[Replayed], rules: RuleSet, at_once: int
) -> None:
    partitions = max(record.partition for record in scattered) + 1
    topics = topics_of(scattered, partitions)
    states = [worker.sources.own for worker in count_all(topics, rules, [])]
    expected, board = say(topics, rules, at_once)
    replay = Replay(states[0].policy, deciding_policy(rules, partitions), CAUSES)
    events = [event for record in scattered for event in replay.take(record.partition, [record])]
    for partition, state in enumerate(states):
        replay.board.merge(PackedTally(partition, state.position, state.watermark_ms))
    assert canonical([*events, *replay.board.decide()]) == expected
    # It has forgotten what has expired, and the other board was not asked to.
    assert decided(replay.board).items() <= decided(board).items()
    assert seen(replay.board).items() <= seen(board).items()


def once_each(log: Log) -> Log:
    """Return a log without jobs that come again: which of two outcomes is first is up to who arrives at home first."""
    first: dict[bytes | None, Replayed] = {}
    for record in log:
        key = record_key(record.value or b"") or b"%d" % record.offset
        first.setdefault(key, record)
    return list(first.values())


def test_workers_in_these_laws_do_forward() -> None:
    values = [(T0_MS, body(f"job-{number}", "summarize", T0_MS)) for number in range(20)]
    log = [Replayed(0, offset, at_ms, b"any", value) for offset, (at_ms, value) in enumerate(values)]
    topics = topics_of(scatter(log, 2, [0, 1]), 2)
    count_all(topics, RuleSet(rules=()), [])
    assert len(list(chain.from_iterable(topics.rekeyed))) > 3
    keyed = topics_of(list(split(log, 2)), 2)
    count_all(keyed, RuleSet(rules=()), [])
    assert not list(chain.from_iterable(keyed.rekeyed))


def test_a_tick_is_decided_only_when_what_was_forwarded_before_it_has_been_counted() -> None:
    rules = RuleSet.model_validate({"rules": ({"name": "any", "kind": "threshold", "window": "1m", "min_jobs": 1},)})
    values = [(T0_MS, body(f"job-{number}", "summarize", T0_MS, FORBIDDEN)) for number in range(20)]
    values += [(T0_MS + 60_000, meeting(T0_MS + 60_000)) for _ in range(2)]
    log = [Replayed(0, offset, at_ms, b"any", value) for offset, (at_ms, value) in enumerate(values)]
    topics = topics_of(scatter(log, 2, [0, 1]), 2)
    workers = [Worker(partition, rules, topics) for partition in range(2)]
    for worker in workers:
        worker.read_own(10**6, 10**6)
    assert say(topics, rules, 1)[1].clock_ms() is None
    for worker in workers:
        worker.read_forwarded(10**6, 10**6)
    said, board = say(topics, rules, 1)
    assert board.clock_ms() == T0_MS + 50_000
    [fired] = [AlertEvent.model_validate_json(event) for event in said]
    assert (fired.at, fired.errors) == (T0_MS + 10_000, 20)
