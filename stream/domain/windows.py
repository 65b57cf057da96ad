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
    sums: dict[Counted, dict[int, Sum]] = field(default_factory=dict)
    """The jobs of each window, by what is counted and its length in milliseconds."""
    closed: dict[int, tuple[Sum, ...]] = field(default_factory=dict)
    """By start, the panes that have closed and hold jobs, as each filter counts them, in their order."""

    def open(self, keys: Iterable[WindowKey], panes: Mapping[int, Counts], at_ms: int | None) -> None:
        """Begin with the panes that had closed before a tick."""
        self.keys = tuple(keys)
        self.filters = tuple(dict.fromkeys(key.counted for key in self.keys))
        self.sums = {counted: {} for counted in self.filters}
        self.closed = {}
        before_ms = 0 if at_ms is None else at_ms
        for start, counts in panes.items():
            if start < before_ms and counts:
                self._sum(start, counts)
        for length_ms, counted in self.keys:
            which = self.filters.index(counted)
            inside = [pane[which] for start, pane in self.closed.items() if start >= before_ms - length_ms]
            self.sums[counted][length_ms] = Sum(sum(pane.errors for pane in inside), sum(pane.total for pane in inside))

    def _sum(self, start_ms: int, counts: Counts) -> None:
        self.closed[start_ms] = tuple([sum_counts(counts, counted) for counted in self.filters])

    def close(self, start_ms: int, counts: Counts) -> None:
        """Slide every window over the pane that has just closed."""
        if counts:
            self._sum(start_ms, counts)
        entering = self.closed.get(start_ms)
        for which, sums in enumerate(self.sums.values()):
            come = entering[which] if entering else NOTHING
            for length_ms, held in sums.items():
                leaving = self.closed.get(start_ms - length_ms)
                if entering or leaving:
                    sums[length_ms] = _moved(held, come, leaving[which] if leaving else NOTHING)

    def sum_of(self, counted: Counted, length_ms: int) -> Sum:
        """Return the jobs of a window, none if it is not one of these."""
        return self.sums.get(counted, {}).get(length_ms, NOTHING)

    def is_empty(self) -> bool:
        """Tell whether no window holds a job."""
        return not any(held.total for sums in self.sums.values() for held in sums.values())

    def expire(self, start_ms: int) -> None:
        """Forget a pane that no window reaches back to any more."""
        self.closed.pop(start_ms, None)


def _moved(held: Sum, entering: Sum, leaving: Sum) -> Sum:
    return Sum(held.errors + entering.errors - leaving.errors, held.total + entering.total - leaving.total)
