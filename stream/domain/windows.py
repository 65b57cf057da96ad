"""Rolling sums over the panes of one preset, one for each window that a rule asks for.

Law: once panes have closed up to a tick, each window holds the sum of the panes that start within its length before the
tick, at a cost that depends on neither the length nor the number of panes kept. What rules may use of a closed pane has
all arrived, so a pane is summed once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stream.domain.sight import NOTHING, Counted, Counts, Sum, sum_counts


class WindowKey(NamedTuple):
    """A window's length in milliseconds, and what is counted as an error in it."""

    length_ms: int
    counted: Counted


@dataclass(slots=True)
class Windows:
    """The windows of one preset."""

    keys: tuple[WindowKey, ...] = ()
    filters: tuple[Counted, ...] = ()
    sums: dict[WindowKey, Sum] = field(default_factory=dict)
    closed: dict[int, dict[Counted, Sum]] = field(default_factory=dict)
    """By start, the panes that have closed and hold jobs, as each filter counts them."""

    def open(self, keys: Iterable[WindowKey], panes: Mapping[int, Counts], at_ms: int | None) -> None:
        """Begin with the panes that had closed before a tick."""
        self.keys = tuple(keys)
        self.filters = tuple(dict.fromkeys(key.counted for key in self.keys))
        self.sums = dict.fromkeys(self.keys, NOTHING)
        self.closed = {}
        if at_ms is None:
            return
        for start, counts in panes.items():
            if start < at_ms and counts:
                self._sum(start, counts)
        for key in self.keys:
            inside = [pane[key.counted] for start, pane in self.closed.items() if start >= at_ms - key.length_ms]
            self.sums[key] = Sum(sum(pane.errors for pane in inside), sum(pane.total for pane in inside))

    def _sum(self, start_ms: int, counts: Counts) -> None:
        self.closed[start_ms] = {counted: sum_counts(counts, counted) for counted in self.filters}

    def close(self, start_ms: int, counts: Counts) -> None:
        """Slide every window over the pane that has just closed."""
        if counts:
            self._sum(start_ms, counts)
        entering = self.closed.get(start_ms)
        for key in self.keys:
            leaving = self.closed.get(start_ms - key.length_ms)
            if entering or leaving:
                self.sums[key] = _moved(self.sums[key], key.counted, entering, leaving)

    def is_empty(self) -> bool:
        """Tell whether no window holds a job."""
        return not any(held.total for held in self.sums.values())

    def expire(self, start_ms: int) -> None:
        """Forget a pane that no window reaches back to any more."""
        self.closed.pop(start_ms, None)


def _moved(
    held: Sum, counted: Counted, entering: Mapping[Counted, Sum] | None, leaving: Mapping[Counted, Sum] | None
) -> Sum:
    errors, total = held
    if entering:
        errors, total = errors + entering[counted].errors, total + entering[counted].total
    if leaving:
        errors, total = errors - leaving[counted].errors, total - leaving[counted].total
    return Sum(errors, total)
