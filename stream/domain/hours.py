"""A preset's jobs by the hour, for rules that look back further than panes are kept.

Law: an hour is the sum of the panes that start in it, settled at the first tick that leaves it behind, and settling it
again from its panes gives the same; so its row may be written before the preset's, and a crash in between is no harm.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.sight import NOTHING, Counted, Counts, Sum, sum_counts
from stream.domain.tally import Cell, add_counts
from stream.domain.windows import WindowKey, Windows

DAY_MS = 24 * HOUR_MS
"""What is stored as one row."""


def day_of(start_ms: int) -> int:
    """Return the start of the day whose row holds an hour, in epoch milliseconds."""
    return pane_start(start_ms, DAY_MS)


@dataclass(slots=True)
class Hours:
    """The hours of one preset that hold jobs; none are kept unless a rule needs them."""

    span_ms: int = 0
    past: dict[int, Counts] = field(default_factory=dict)
    """Settled hours by their start."""
    windows: Windows = field(default_factory=Windows)
    """Sums over settled hours."""
    hour_ms: int = -1
    """The hour that is running, -1 before the first pane."""
    running: dict[Cell, int] = field(default_factory=dict)
    sums: dict[Counted, Sum] = field(default_factory=dict)
    """The jobs of the running hour, as each filter of a window counts them."""
    settled_sums: dict[WindowKey, Sum] = field(default_factory=dict)
    """Those of a window's settled hours, once asked for in the running hour: rules ask at every tick."""

    def open(
        self, keys: Iterable[WindowKey], span_ms: int, panes: Mapping[int, Counts], at_ms: int | None
    ) -> list[int]:
        """Begin as things stood at a tick, with the hours that are known and the panes that had closed.

        Returns the hours that were settled by that.
        """
        self.span_ms = span_ms
        self.hour_ms = -1 if at_ms is None else pane_start(at_ms, HOUR_MS)
        settled = self._settle_unknown(panes) if span_ms else []
        self.windows.open(keys if span_ms else (), self.past, None if at_ms is None else self.hour_ms)
        self.settled_sums = {}
        self._begin_hour()
        for start, counts in panes.items():
            if at_ms is not None and self.hour_ms <= start < at_ms:
                self._run(counts)
        return settled

    def _settle_unknown(self, panes: Mapping[int, Counts]) -> list[int]:
        """Settle the hours that are known by their panes alone: no rule asked for hours before."""
        unknown: dict[int, dict[Cell, int]] = {}
        for start, counts in panes.items():
            hour_ms = pane_start(start, HOUR_MS)
            if counts and hour_ms < self.hour_ms and hour_ms not in self.past:
                add_counts(unknown.setdefault(hour_ms, {}), _coarse(counts))
        self.past.update(unknown)
        return list(unknown)

    def _begin_hour(self) -> None:
        self.running, self.sums = {}, {key.counted: NOTHING for key in self.windows.keys}

    def _run(self, counts: Counts) -> None:
        add_counts(self.running, _coarse(counts))
        for counted, known in self.sums.items():
            errors, total = sum_counts(counts, counted)
            self.sums[counted] = Sum(known.errors + errors, known.total + total)

    def close(self, start_ms: int, at_ms: int, closed: Counts) -> Iterator[int]:
        """Take in the pane that ends at a tick; yield the hours that were settled."""
        if not self.span_ms:
            return
        yield from self._pass_to(pane_start(start_ms, HOUR_MS))
        self._run(closed)
        yield from self._pass_to(pane_start(at_ms, HOUR_MS))

    def _pass_to(self, hour_ms: int) -> Iterator[int]:
        if hour_ms > self.hour_ms:
            self.settled_sums = {}
        while self.hour_ms < hour_ms and self.is_waiting():
            if self.running:
                self.past[self.hour_ms] = self.running
                self._begin_hour()
                yield self.hour_ms
            self.windows.close({self.hour_ms: self.past.get(self.hour_ms, {})})
            self.hour_ms += HOUR_MS
        self.hour_ms = max(self.hour_ms, hour_ms)

    def is_waiting(self) -> bool:
        """Tell whether the end of the running hour changes anything."""
        return bool(self.running) or not self.windows.is_empty_at(self.hour_ms)

    def sum_over(self, key: WindowKey) -> Sum:
        """Return the jobs of a window, those of the running hour included."""
        if key not in self.settled_sums:
            self.settled_sums[key] = self.windows.sum_at(self.hour_ms, key)
        errors, total = self.settled_sums[key]
        running = self.sums.get(key.counted, NOTHING)
        return Sum(errors + running.errors, total + running.total)

    def counts_between(self, start_ms: int, end_ms: int) -> dict[Cell, int]:
        """Return the jobs of the settled hours that start in [start, end)."""
        total: dict[Cell, int] = {}
        for start in range(pane_start(start_ms, HOUR_MS), end_ms, HOUR_MS):
            add_counts(total, self.past.get(start, {}))
        return total

    def since(self, start_ms: int, counted: Counted) -> Iterator[Sum]:
        """Yield the jobs of each settled hour from an instant on, in order."""
        for start in range(pane_start(start_ms, HOUR_MS), self.hour_ms, HOUR_MS):
            if start in self.past:
                yield sum_counts(self.past[start], counted)

    def first_since(self, start_ms: int, counted: Counted) -> int:
        """Return the oldest hour from an instant on with jobs that a rule looks at; the running one if none has any."""
        starts = (start for start in self.past if start_ms <= start < self.hour_ms)
        return min((start for start in starts if counted.of(self.past[start])), default=self.hour_ms)

    def expire(self, oldest_ms: int) -> list[int]:
        """Drop the hours that start before an instant, and name them."""
        expired = [start for start in self.past if start < oldest_ms]
        for start in expired:
            del self.past[start]
        self.windows.expire(oldest_ms)
        return expired


def _coarse(counts: Counts) -> dict[Cell, int]:
    """Return counts by what rules may ask for, stages left out: they would make many cells of a month."""
    coarse: dict[Cell, int] = {}
    for cell, count in counts.items():
        kept = Cell(cell.source_type, cell.reason)
        coarse[kept] = coarse.get(kept, 0) + count
    return coarse
