"""A worker that was replaced and does not know it cannot change what is counted, not even once the log is compacted."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.counting import count
from stream.domain.journal import own_chain
from stream.domain.journal_log import JournalLog, Record
from stream.domain.records import Run
from stream.domain.replay import Replayed
from stream.domain.rules import RuleSet
from stream.domain.sources import SourceState, oldest_retained, pass_time
from stream.tables import CLAIM_PREFIX, Recovered
from tests.laws.logs import CAUSES, Story, counting_policy, new_source, stories, write
from tests.laws.test_exact_counting import remembered

POLICY = counting_policy(RuleSet(rules=()))


@dataclass(slots=True)
class Changelog:
    """A changelog partition: keys, values and writers in log order."""

    records: list[tuple[bytes, bytes | None, bytes]] = field(default_factory=list)

    def compact(self) -> None:
        """Keep the last record of each key, and no tombstones."""
        last = {key: place for place, (key, _, _) in enumerate(self.records)}
        kept = (record for place, record in enumerate(self.records) if last[record[0]] == place)
        self.records = [record for record in kept if record[1] is not None]


@dataclass(slots=True)
class Writer:
    """A worker as far as its journal goes, from its claim on."""

    claim: bytes
    changelog: Changelog
    log: list[Replayed]
    state: SourceState = field(init=False)
    journal: JournalLog = field(init=False)
    is_fenced: bool = False

    def __post_init__(self) -> None:
        self.state, self.journal = new_source(POLICY), JournalLog(own_chain(0), POLICY.errors_kept, self.claim)
        self.changelog.records.append((CLAIM_PREFIX + self.claim, self.claim, self.claim))
        recovered = Recovered()
        for record in self.changelog.records:
            recovered.take(*record)
        assert self.journal.read(self.state, recovered.rows.items(), recovered.spoiled) is None
        self.journal.useless += [*(recovered.spoiled - recovered.rows.keys()), *recovered.leftovers(self.claim)]

    def make_good(self) -> None:
        self._append(list(self.journal.repair()))

    def work(self, most: int, idle_ms: int) -> None:
        """Count some records and let time pass, unless it was noticed before that somebody else has claimed this."""
        if self.is_fenced:
            return
        fresh = self.log[self.state.position :][:most]
        batch = count(self.state, Run.of(fresh), CAUSES) if fresh else None
        batch = batch or pass_time(self.state, (self.state.watermark_ms or 0) + idle_ms)
        self.state.apply(batch)
        self.state.jobs.tidy(self.state.watermark_ms)
        self._append(list(self.journal.write(batch, self.state, self.state.watermark_ms or 0)))

    def _append(self, records: list[Record]) -> None:
        self.changelog.records += [(key, value, self.claim) for key, value in records]
        claims = [value for key, value, _ in self.changelog.records if key.startswith(CLAIM_PREFIX) and value]
        self.is_fenced = claims[-1] != self.claim


WORK = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0, 20_000])), max_size=12)

Turn = tuple[list[tuple[int, int]], bool]
"""What a worker counts before it is replaced, and whether the log is compacted before that."""


@given(stories(most=40), st.lists(st.tuples(WORK, st.booleans()), min_size=1, max_size=4))
def test_whoever_takes_over_counts_on_from_what_was_in_effect(
    told: list[Story], turns: list[tuple[object, bool]]
) -> None:
    changelog, log = Changelog(), write(told)[0]
    replaced: list[Writer] = []
    for number, (work, compacts) in enumerate(turns):
        writer = Writer(b"%d" % number, changelog, log)
        for old in replaced:
            old.work(3, 20_000)
        writer.make_good()
        if not writer.is_fenced and compacts:
            changelog.compact()
        assert isinstance(work, list)
        for most, idle_ms in work:
            writer.work(most, idle_ms)
        replaced.append(writer)
    last = Writer(b"last", changelog, log)
    last.make_good()
    changelog.compact()
    again = Writer(b"again", changelog, log)
    assert answers(again.state) == answers(last.state)
    clean = new_source(POLICY)
    for record in log[: again.state.position]:
        clean.apply(count(clean, Run.of([record]), CAUSES))
    clean.watermark_ms = again.state.watermark_ms
    assert answers(again.state) == answers(clean)


def answers(state: SourceState) -> object:
    """Everything that a source answers with, without what has expired and is not freed yet."""
    state.jobs.tidy(state.watermark_ms)
    oldest = oldest_retained(state.watermark_ms, POLICY)
    panes = {start: panes for start, panes in state.panes.items() if start >= oldest}
    return state.position, state.watermark_ms, panes, sorted(remembered(state.jobs))
