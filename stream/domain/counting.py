"""The counting stage: source records of one partition in, counts per preset and pane out.

Law: the state after a batch is the old state with the batch applied, and `apply` is the same function that rebuilds the
state from the journal. What is counted depends on the records and their order alone, never on where batches are cut.

A job counts for queries at its event time. For rules it counts once, at its event time if it is on time, else at the
watermark, that is when it became known; later than `DECIDES_WITHIN_MS` it counts for queries only.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from stream.domain.causes import Causes
from stream.domain.dedupe import Remembered, RememberedJobs, digest, is_forgotten
from stream.domain.panes import HOUR_MS, pane_end, pane_start
from stream.domain.parse import Ignored, Outcome, Rejected, parse
from stream.domain.tally import ALL_PRESETS, Cell, FailedJob, Tally

DECIDES_WITHIN_MS = HOUR_MS
"""Daily resends a webhook for up to an hour or so; what is older is a backfill and must not page anyone today."""

OVERFLOW_PRESET = "(other)"
"""Where presets beyond the bound are counted, so that no sender can grow state without end."""

PaneKey = tuple[str, int]


class SourceRecord(Protocol):
    """What counting needs of a Kafka record; aiokafka's `ConsumerRecord` fits as it is."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class CountingPolicy:
    """The settings that decide what is counted where. Times in milliseconds."""

    pane_ms: int = 10_000
    lateness_ms: int = 5_000
    horizon_ms: int = 24 * HOUR_MS
    retention_ms: int = 24 * HOUR_MS
    max_presets: int = 1_000
    errors_kept: int = 5


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that could not be used, and why: it goes to the rejected topic as it came."""

    record: SourceRecord
    rejected: Rejected


@dataclass(slots=True)
class Batch:
    """What a run of records changes; `first` and `last` are source offsets, `last` < `first` when only time passed."""

    first: int
    last: int
    watermark_ms: int | None
    jobs: dict[bytes, Remembered] = field(default_factory=dict)
    tallies: dict[PaneKey, Tally] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    meters: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class SourceState:
    """Everything remembered of one source partition: the fold of its journal."""

    policy: CountingPolicy
    jobs: RememberedJobs
    position: int = 0
    watermark_ms: int | None = None
    panes: dict[int, dict[str, Tally]] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    """The pane starts of `panes` as a heap, oldest first."""
    newest_pane: dict[str, int] = field(default_factory=dict)
    """Per preset, the start of its newest pane: a preset is known while that pane is retained."""

    def apply(self, batch: Batch) -> None:
        """Let a batch take effect."""
        # Before the batch moves time: a batch may outlive panes that it counts in, and those have yet to be published.
        self._expire_panes()
        self.position = batch.last + 1
        self.watermark_ms = batch.watermark_ms
        for job, remembered in batch.jobs.items():
            self.jobs.remember(job, remembered)
        for (preset, start), delta in batch.tallies.items():
            self._merge(preset, start, delta)
        self.jobs.tidy(self.watermark_ms)

    def _merge(self, preset: str, start: int, delta: Tally) -> None:
        if start not in self.panes:
            self.panes[start] = {}
            heappush(self.starts, start)
        self.panes[start].setdefault(preset, Tally()).merge(delta, self.policy.errors_kept)
        self.newest_pane[preset] = max(start, self.newest_pane.get(preset, start))

    def _expire_panes(self) -> None:
        oldest = oldest_retained(self.watermark_ms, self.policy)
        while self.starts and self.starts[0] < oldest:
            start = heappop(self.starts)
            for preset in self.panes.pop(start):
                if self.newest_pane[preset] == start:
                    del self.newest_pane[preset]


def new_source(policy: CountingPolicy) -> SourceState:
    """Return the state of a source partition that nothing was read from yet."""
    return SourceState(policy, RememberedJobs(policy.horizon_ms))


def oldest_retained(watermark_ms: int | None, policy: CountingPolicy) -> int:
    """Return the start of the oldest pane that still counts, in epoch milliseconds."""
    return 0 if watermark_ms is None else pane_start(watermark_ms, policy.pane_ms) - policy.retention_ms


def count(state: SourceState, records: Iterable[SourceRecord], causes: Causes) -> Batch:
    """Count records that follow the state's position; the state itself is left as it was."""
    counting = _Counting(state, Batch(state.position, state.position - 1, state.watermark_ms))
    for record in records:
        counting.take(record, causes)
    counting.sum_presets()
    return counting.batch


def pass_time(state: SourceState, watermark_ms: int) -> Batch:
    """Return the batch that advances an idle partition's watermark."""
    return Batch(state.position, state.position - 1, max(watermark_ms, state.watermark_ms or watermark_ms))


@dataclass(slots=True)
class _Counting:
    """One batch in the making. It reads the state and writes only the batch."""

    state: SourceState
    batch: Batch
    newest_pane: dict[str, int] = field(default_factory=dict)

    def take(self, record: SourceRecord, causes: Causes) -> None:
        self.batch.last = record.offset
        parsed = parse(record.value, record.timestamp, causes)
        if isinstance(parsed, Outcome):
            self._take_outcome(parsed)
            self._advance(parsed.at_ms)
        elif isinstance(parsed, Ignored):
            self._take_ignored(parsed)
        else:
            self.batch.meters[f"rejected:{parsed.reason}"] += 1
            self.batch.parked.append(Parked(record, parsed))

    def _take_ignored(self, ignored: Ignored) -> None:
        self.batch.meters[f"ignored:{ignored.reason}:{ignored.event_type}"] += 1
        if ignored.at_ms is not None:
            self._advance(ignored.at_ms)

    def _advance(self, at_ms: int) -> None:
        watermark_ms = at_ms - self.state.policy.lateness_ms
        if self.batch.watermark_ms is None or watermark_ms > self.batch.watermark_ms:
            self.batch.watermark_ms = watermark_ms

    def _take_outcome(self, outcome: Outcome) -> None:
        self.batch.meters[f"time:{outcome.time_quality}"] += 1
        job = digest(outcome.job_id)
        known = self._recall(job)
        if known is not None:
            self.batch.meters["duplicates" if known.failed == outcome.failed else "conflicts"] += 1
            return
        if pane_end(outcome.at_ms, self.state.policy.pane_ms) <= self._oldest():
            self.batch.meters["expired"] += 1
            return
        self.batch.jobs[job] = Remembered(outcome.at_ms // HOUR_MS, outcome.failed)
        self.batch.meters["counted"] += 1
        self._tally(outcome)

    def _recall(self, job: bytes) -> Remembered | None:
        known = self.batch.jobs.get(job) or self.state.jobs.recall(job)
        if known is None or is_forgotten(known.hour, self.state.policy.horizon_ms, self.batch.watermark_ms):
            return None
        return known

    def _oldest(self) -> int:
        return oldest_retained(self.batch.watermark_ms, self.state.policy)

    def _tally(self, outcome: Outcome) -> None:
        preset = self._bounded(outcome.preset)
        cell = _cell(outcome)
        self._pane(preset, outcome.at_ms).see(cell)
        decided_ms = self._decided_at(outcome.at_ms)
        if decided_ms is not None:
            job = FailedJob(outcome.at_ms, outcome.job_id, cell.reason)
            self._pane(preset, decided_ms).decide(cell, job, decided_ms, self.state.policy.errors_kept)

    def _decided_at(self, at_ms: int) -> int | None:
        watermark_ms = self.batch.watermark_ms
        if watermark_ms is None or at_ms >= watermark_ms:
            return at_ms
        self.batch.meters["late"] += 1
        return watermark_ms if watermark_ms - at_ms <= DECIDES_WITHIN_MS else None

    def _pane(self, preset: str, at_ms: int) -> Tally:
        start = pane_start(at_ms, self.state.policy.pane_ms)
        self.newest_pane[preset] = max(start, self.newest_pane.get(preset, start))
        return self.batch.tallies.setdefault((preset, start), Tally())

    def _bounded(self, preset: str) -> str:
        oldest = self._oldest()
        if self._newest(preset) >= oldest:
            return preset
        names = (self.state.newest_pane.keys() | self.newest_pane.keys()) - {ALL_PRESETS, OVERFLOW_PRESET}
        known = sum(self._newest(name) >= oldest for name in names)
        return preset if known < self.state.policy.max_presets else OVERFLOW_PRESET

    def _newest(self, preset: str) -> int:
        return max(self.state.newest_pane.get(preset, -1), self.newest_pane.get(preset, -1))

    def sum_presets(self) -> None:
        for (_, start), tally in list(self.batch.tallies.items()):
            total = self.batch.tallies.setdefault((ALL_PRESETS, start), Tally())
            total.merge(tally, self.state.policy.errors_kept)


def _cell(outcome: Outcome) -> Cell:
    if outcome.cause is None:
        return Cell(outcome.source_type)
    cause = outcome.cause
    return Cell(outcome.source_type, cause.reason, cause.stage, cause.root_stage)
