"""What is remembered of a partition's two sources, and how a batch changes it.

Law: the state after a batch is the old state with the batch applied, and `apply` is the same function that rebuilds the
state from the journal.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import msgspec

from stream.domain.columns import Parked
from stream.domain.dedupe import Jobs, RememberedJobs, no_jobs
from stream.domain.homes import Home
from stream.domain.packing import sum_packed
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.tallying import PaneKey


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
class Forwarded:
    """A record on its way to the partition that is home to its job."""

    home: int
    key: bytes
    value: bytes | None


@dataclass(slots=True)
class Batch:
    """What a run of records changes; `first` and `last` are source offsets, `last` < `first` when only time passed."""

    first: int
    last: int
    watermark_ms: int | None
    jobs: Jobs = field(default_factory=no_jobs)
    tallies: dict[PaneKey, msgspec.Raw] = field(default_factory=dict)
    """Packed: they are written as they are, and few are ever looked at again."""
    parked: list[Parked] = field(default_factory=list)
    forwarded: list[Forwarded] = field(default_factory=list)
    forwarded_to: dict[int, int] = field(default_factory=dict)
    """By home, the offset after the last record that was forwarded there."""
    meters: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class SourceState:
    """Everything remembered of one source: the fold of its journal."""

    policy: CountingPolicy
    jobs: RememberedJobs
    home: Home
    position: int = 0
    watermark_ms: int | None = None
    panes: dict[int, dict[str, msgspec.Raw]] = field(default_factory=dict)
    """Tallies by pane start and preset, packed."""
    starts: list[int] = field(default_factory=list)
    """The pane starts of `panes` as a heap, oldest first."""
    newest_pane: dict[str, int] = field(default_factory=dict)
    """Per preset, the start of its newest pane: a preset is known while that pane is retained."""
    oldest: int = 0
    """The start of the oldest pane that was retained when presets were last looked through."""
    forwarded_to: dict[int, int] = field(default_factory=dict)
    """By home, the offset up to which its forwarded records must be counted before this source's time has passed."""

    def apply(self, batch: Batch) -> None:
        """Let a batch take effect."""
        # Before the batch moves time: a batch may outlive panes that it counts in, and those have yet to be published.
        self._expire_panes()
        self.position = batch.last + 1
        self.watermark_ms = batch.watermark_ms
        self.forwarded_to.update(batch.forwarded_to)
        self.jobs.remember(batch.jobs)
        for (preset, start), packed in batch.tallies.items():
            self._merge(preset, start, packed)

    def know(self, newest: Mapping[str, int]) -> None:
        """Take note of presets by the start of their newest pane."""
        for preset, start in newest.items():
            self.newest_pane[preset] = max(start, self.newest_pane.get(preset, start))

    def _merge(self, preset: str, start: int, packed: msgspec.Raw) -> None:
        if start not in self.panes:
            self.panes[start] = {}
            heappush(self.starts, start)
        pane = self.panes[start]
        known = (pane[preset],) if preset in pane else ()
        pane[preset] = sum_packed(start, (*known, packed), self.policy.errors_kept)
        self.newest_pane[preset] = max(start, self.newest_pane.get(preset, start))

    def _expire_panes(self) -> None:
        oldest = oldest_retained(self.watermark_ms, self.policy)
        while self.starts and self.starts[0] < oldest:
            del self.panes[heappop(self.starts)]
        if oldest > self.oldest:
            self.oldest = oldest
            self.newest_pane = {preset: newest for preset, newest in self.newest_pane.items() if newest >= oldest}


class Sources(NamedTuple):
    """The two sources of a partition."""

    own: SourceState
    forwarded: SourceState

    @property
    def jobs(self) -> RememberedJobs:
        """What both remember."""
        return self.own.jobs


def new_sources(policy: CountingPolicy, home: Home) -> Sources:
    """Return the states of a partition that nothing was read from yet."""
    jobs = RememberedJobs(policy.horizon_ms)
    return Sources(SourceState(policy, jobs, home), SourceState(policy, jobs, home))


def oldest_retained(watermark_ms: int | None, policy: CountingPolicy) -> int:
    """Return the start of the oldest pane that still counts, in epoch milliseconds."""
    return 0 if watermark_ms is None else pane_start(watermark_ms, policy.pane_ms) - policy.retention_ms


def pass_time(state: SourceState, watermark_ms: int) -> Batch:
    """Return the batch that advances an idle partition's watermark."""
    return Batch(state.position, state.position - 1, max(watermark_ms, state.watermark_ms or watermark_ms))
