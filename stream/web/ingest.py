"""How what comes in fares on one worker: what was counted, and what was not and why.

Law: counts begin with the worker's process, and the recent ones cover what it did in the last five minutes.
"""

from collections import deque
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from stream.pipeline import Pipeline

RECENT_SECONDS = 300.0
PLAIN = ("read", "counted", "duplicates", "conflicts", "expired", "late", "forwarded", "lost")
GROUPED = ("rejected", "ignored")

Counts = dict[str, Any]


def read_counts(meters: Any) -> Counts:
    """Return a worker's counts by name, what was rejected or ignored by reason."""
    counts: Counts = {name: meters[name] for name in PLAIN}
    for group in GROUPED:
        counts[group] = {}
        for name, count in meters.under(f"{group}:").items():
            reason = name.partition(":")[0]
            counts[group][reason] = counts[group].get(reason, 0) + count
    return counts


def less(counts: Counts, before: Counts) -> Counts:
    """Return what was added to counts since they were others; what was not is left out of groups."""
    found: Counts = {}
    for name, value in counts.items():
        if isinstance(value, dict):
            found[name] = {key: count for key, count in less(value, before.get(name, {})).items() if count}
        else:
            found[name] = value - before.get(name, 0)
    return found


@dataclass(slots=True)
class Ingest:
    """Watches one worker's counts."""

    pipeline: Pipeline
    _seen: deque[tuple[float, Counts]] = field(default_factory=deque)

    def look(self) -> None:
        """Note the counts as they are; to be called every few seconds."""
        now = monotonic()
        self._seen.append((now, read_counts(self.pipeline.counting.meters)))
        while now - self._seen[0][0] > RECENT_SECONDS:
            self._seen.popleft()

    def counts(self) -> Counts:
        """Return this worker's counts since it began, and those of the last minutes."""
        now = read_counts(self.pipeline.counting.meters)
        return {**now, "recent": less(now, self._seen[0][1] if self._seen else {})}
