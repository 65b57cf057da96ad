"""How a preset's jobs have ended lately: the failures since the last finished job, by event time.

Law: `merge` is commutative, associative and has the empty value as its identity, so panes and partitions may be put
together in any order; a late success from before a run of failures does not break the run.

So it is known whether the newest jobs have failed, and not whether a run has been and is over: nothing that is smaller
than the jobs can tell. Take n instants. Of a partition's jobs let those of some instants finish, and let two jobs of
another partition fail just before and just after one of the instants. They fail in a row if and only if the first
partition has no job at that instant. So what is known of the first must tell all 2 ** n choices apart: it takes a bit
for each instant of every pane, for each preset and partition.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Recency:
    """The newest finished job and the newest failures after it; times in epoch milliseconds."""

    last_finished_ms: int = -1
    failures: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Per reason, ascending: a rule that counts some reasons must not lose them to others."""

    def finish(self, at_ms: int) -> None:
        """Take note of a finished job."""
        if at_ms <= self.last_finished_ms:
            return
        self.last_finished_ms = at_ms
        if not self.failures:
            return
        later = {reason: tuple(time for time in times if time > at_ms) for reason, times in self.failures.items()}
        self.failures = {reason: times for reason, times in later.items() if times}

    def fail(self, reason: str, times: Iterable[int], kept: int) -> None:
        """Take note of failed jobs; `kept` is how many are remembered of each reason."""
        later = [at_ms for at_ms in times if at_ms > self.last_finished_ms]
        if later:
            self.failures[reason] = tuple(sorted((*self.failures.get(reason, ()), *later))[-kept:])

    def merge(self, other: "Recency", kept: int) -> None:
        """Take in what is known from elsewhere."""
        self.finish(other.last_finished_ms)
        for reason, times in other.failures.items():
            self.fail(reason, times, kept)

    def copy(self) -> "Recency":
        """Return the same, to be changed apart from this."""
        return Recency(self.last_finished_ms, self.failures.copy())

    def newest(self, counted: Callable[[str], bool], most: int) -> list[tuple[int, str]]:
        """Return the newest failures that count, as (time, reason), ascending; at most `most` of them."""
        failures = [(at_ms, reason) for reason, times in self.failures.items() if counted(reason) for at_ms in times]
        return sorted(failures)[-most:]


def total(parts: Iterable[Recency], kept: int) -> Recency:
    """Return what is known from several places; of one alone, itself."""
    known = list(parts)
    if len(known) == 1:
        return known[0]
    finished_ms = max((part.last_finished_ms for part in known), default=-1)
    later: dict[str, list[int]] = {}
    for part in known:
        for reason, times in part.failures.items():
            later.setdefault(reason, []).extend(time for time in times if time > finished_ms)
    return Recency(finished_ms, {reason: tuple(sorted(times)[-kept:]) for reason, times in later.items() if times})
