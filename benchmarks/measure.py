"""What a contender's processes cost, looked at from outside."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil


class Cost(NamedTuple):
    """A moment's reading."""

    at: float
    cpu_seconds: float


@dataclass(slots=True)
class Meter:
    """Reads the cost of processes and of all their children, user and system time."""

    processes: list[psutil.Process]
    peak_bytes: int = 0
    readings: list[Cost] = field(default_factory=list)

    def read(self) -> Cost:
        """Return the cost so far."""
        cpu = resident = 0.0
        for process in self._all():
            try:
                times = process.cpu_times()
                cpu += times.user + times.system
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.peak_bytes = max(self.peak_bytes, int(resident))
        return Cost(time.monotonic(), cpu)

    def _all(self) -> Iterator[psutil.Process]:
        for process in self.processes:
            try:
                yield from (process, *process.children(recursive=True))
            except psutil.NoSuchProcess:
                continue


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one contender."""

    contender: str
    events: int
    seconds: float
    cpu_seconds: float
    total_cpu_seconds: float
    """Start included."""
    peak_mib: float
    verdict: str

    @property
    def per_second(self) -> float:
        """Events a second of wall-clock time."""
        return self.events / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Events a CPU-second."""
        return self.events / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies between the first event and the last, as seen from outside."""

    events: int
    first: Cost
    last: Cost

    def result(self, contender: str, meter: Meter, verdict: str) -> Result:
        """Return the run."""
        seconds, cpu = self.last.at - self.first.at, self.last.cpu_seconds - self.first.cpu_seconds
        peak = meter.peak_bytes / 2**20
        return Result(contender, self.events, seconds, cpu, self.last.cpu_seconds, peak, verdict)


LOOK_SECONDS = 0.1
"""Fine enough for runs of many seconds; being asked costs a worker a millisecond or so, which counts as its own."""

Progress = Callable[[], int]
"""Returns how many events a contender has worked on."""


def watch(meter: Meter, events: int, progress: Progress, patience_seconds: float = 600) -> Stretch:
    """Wait until all events have been worked on."""
    first: tuple[int, Cost] | None = None
    give_up_at = time.monotonic() + patience_seconds
    while time.monotonic() < give_up_at:
        done, cost = progress(), meter.read()
        if done and first is None:
            first = done, cost
        if first is not None and done >= events:
            return Stretch(done - first[0], first[1], cost)
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"not done with {events:,} events after {patience_seconds:g} s")
