"""What a worker counts of its own doings, for logs, health and metrics.

Law: the names are few whatever is sent: what an event calls itself is told apart up to a limit, and then no more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SENDERS_OWN = "ignored:other_type:"
"""How names begin that end in what a sender made up."""

MOST_NAMES = 200
"""With so many names none is added that a sender made up. Daily sends some thirty types of event."""

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600)
"""The bounds of latencies' buckets, in seconds."""


class Meters(Counter[str]):
    """Counts by name."""

    def add(self, counts: Mapping[str, int]) -> None:
        """Add counts; where there are too many names, what a sender made up is counted together."""
        for name, count in counts.items():
            is_too_much = name.startswith(SENDERS_OWN) and name not in self and len(self) >= MOST_NAMES
            self[f"{SENDERS_OWN}(other)" if is_too_much else name] += count

    def under(self, prefix: str) -> dict[str, int]:
        """Return the counts of every name that begins so, by what follows."""
        return {name.removeprefix(prefix): count for name, count in self.items() if name.startswith(prefix)}


class Latencies:
    """How long things took, in buckets of seconds."""

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self.bounds = np.array(bounds)
        self.counts: NDArray[np.int64] = np.zeros(len(bounds) + 1, np.int64)
        self.seconds = 0.0

    def observe(self, seconds: Iterable[float] | NDArray[np.float64]) -> None:
        """Take in any number of durations at once; a clock that is ahead makes them zero and not negative."""
        taken = np.maximum(np.fromiter(seconds, np.float64) if not isinstance(seconds, np.ndarray) else seconds, 0.0)
        self.counts += np.bincount(np.searchsorted(self.bounds, taken), minlength=len(self.counts))
        self.seconds += float(taken.sum())

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus has them: how many were no longer than each bound."""
        bounds = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        return list(zip(bounds, np.cumsum(self.counts).astype(float).tolist(), strict=True))
