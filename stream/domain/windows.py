"""Sums over the panes of one preset, one for each window that a rule asks for.

Law: a window that ends at a tick holds the sum of the panes that start within its length before it.

Panes are kept as running totals, of which two make any sum: what it costs depends on neither the window's length nor,
but for a search, on how many panes are kept, and the sums of many ticks are looked up at once. What rules may use of a
closed pane has all arrived, so a pane is summed once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.domain.sight import NOTHING, Counted, Counts, Sum, sum_counts

Numbers = NDArray[np.int64]
Places = NDArray[np.intp]

NEVER_MS = 2**62
"""When windows change that hold no jobs."""


class WindowKey(NamedTuple):
    """A window's length in milliseconds, and what is counted as an error in it."""

    length_ms: int
    counted: Counted


@dataclass(slots=True)
class Windows:
    """The windows of one preset."""

    keys: tuple[WindowKey, ...] = ()
    filters: tuple[Counted, ...] = ()
    lengths_ms: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    """Of each key."""
    which: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """Of each key, the filter."""
    size: int = 0
    starts: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    """Of the panes that have closed and hold jobs, ascending; only `size` of them mean anything, as of totals."""
    totals: Numbers = field(default_factory=lambda: np.zeros((1, 0, 2), np.int64))
    """Before each pane and after the last: errors and all jobs so far, as each filter counts them."""

    def open(self, keys: Iterable[WindowKey], panes: Mapping[int, Counts], at_ms: int | None) -> None:
        """Begin with the panes that had closed before a tick."""
        self.keys = tuple(keys)
        self.filters = tuple(dict.fromkeys(key.counted for key in self.keys))
        self.lengths_ms = np.array([key.length_ms for key in self.keys], np.int64)
        self.which = np.array([self.filters.index(key.counted) for key in self.keys], np.intp)
        self.size, self.starts = 0, np.empty(0, np.int64)
        self.totals = np.zeros((1, len(self.filters), 2), np.int64)
        before_ms = 0 if at_ms is None else at_ms
        self.close({start: panes[start] for start in sorted(panes) if start < before_ms})

    def close(self, panes: Mapping[int, Counts]) -> None:
        """Take in panes that have closed, by start, in order and after all others."""
        held = {start: counts for start, counts in panes.items() if counts} if self.filters else {}
        if not held:
            return
        sums = [[sum_counts(counts, counted) for counted in self.filters] for counts in held.values()]
        first, self.size = self.size, self.size + len(held)
        self._make_room()
        self.starts[first : self.size] = list(held)
        np.cumsum(sums, axis=0, out=self.totals[first + 1 : self.size + 1])
        self.totals[first + 1 : self.size + 1] += self.totals[first]

    def _make_room(self) -> None:
        if self.size > len(self.starts):
            room = 2 * self.size - len(self.starts)
            self.starts = np.concatenate((self.starts, np.zeros(room, np.int64)))
            self.totals = np.concatenate((self.totals, np.zeros((room, len(self.filters), 2), np.int64)))

    def sums_at(self, ticks_ms: Numbers) -> Numbers:
        """Return errors and all jobs of each window (second axis) that ends at each of some ticks (first)."""
        return self._sums(*self._bounds(ticks_ms))

    def sums_and_losses_at(self, ticks_ms: Numbers) -> tuple[Numbers, Numbers]:
        """Return what `sums_at` does, and for each tick when a window that ends at it loses its oldest jobs.

        That is the start of the pane that they are in, and the window's length: past it the window holds them no more.
        `NEVER_MS` if no window holds any.
        """
        begins, ends = self._bounds(ticks_ms)
        if not self.size:
            return self._sums(begins, ends), np.full(len(ticks_ms), NEVER_MS)
        lost_ms = self.starts[np.minimum(begins, self.size - 1)] + self.lengths_ms
        return self._sums(begins, ends), np.where(begins < ends, lost_ms, NEVER_MS).min(axis=1, initial=NEVER_MS)

    def _bounds(self, ticks_ms: Numbers) -> tuple[Places, Places]:
        """Return the places of each window's first pane, and of the one after its last."""
        starts, ends_ms = self.starts[: self.size], ticks_ms[:, np.newaxis]
        return starts.searchsorted(ends_ms - self.lengths_ms), starts.searchsorted(ends_ms)

    def _sums(self, begins: Places, ends: Places) -> Numbers:
        sums: Numbers = self.totals[ends, self.which] - self.totals[begins, self.which]
        return sums

    def sum_at(self, at_ms: int, key: WindowKey) -> Sum:
        """Return the jobs of a window that ends at a tick, none if it is not one of these."""
        if key not in self.keys:
            return NOTHING
        return Sum(*self.sums_at(np.array([at_ms]))[0, self.keys.index(key)].tolist())

    def is_empty_at(self, at_ms: int) -> bool:
        """Tell whether no window that ends at a tick holds a job."""
        return not self.size or not self.sums_at(np.array([at_ms])).any()

    def expire(self, oldest_ms: int) -> None:
        """Forget the panes that start before an instant, to which no window reaches back any more."""
        gone = int(self.starts[: self.size].searchsorted(oldest_ms))
        if gone:
            self.starts, self.totals = self.starts[gone : self.size].copy(), self.totals[gone : self.size + 1].copy()
            self.size -= gone
