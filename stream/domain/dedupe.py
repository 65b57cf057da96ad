"""Which jobs were counted before.

Law: within the horizon a job id counts once; what is remembered is a function of the log alone, never of when memory
was last tidied. A job is forgotten when its whole hour of event time lies further behind the watermark than the
horizon.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from stream.domain.panes import HOUR_MS

DIGEST_BYTES = 16
"""128 bits: among ten million jobs two share a digest with probability 1.5e-25 (birthday bound)."""


class Remembered(NamedTuple):
    """The hour of event time (hours since the epoch) and outcome of a job."""

    hour: int
    failed: bool


def digest(job_id: str) -> bytes:
    """Return the fixed-size name under which a job is remembered."""
    return blake2b(job_id.encode(), digest_size=DIGEST_BYTES).digest()


def is_forgotten(hour: int, horizon_ms: int, watermark_ms: int | None) -> bool:
    """Tell whether jobs of an hour lie beyond the horizon."""
    return watermark_ms is not None and (hour + 1) * HOUR_MS + horizon_ms <= watermark_ms


@dataclass(slots=True)
class RememberedJobs:
    """The jobs of one source partition that would be duplicates if they came again."""

    horizon_ms: int
    jobs: dict[bytes, Remembered] = field(default_factory=dict)
    by_hour: dict[int, list[bytes]] = field(default_factory=dict)

    def recall(self, job: bytes) -> Remembered | None:
        """Return what was kept of a job; whoever asks checks `is_forgotten` at the record's own watermark."""
        return self.jobs.get(job)

    def remember(self, job: bytes, remembered: Remembered) -> None:
        """Remember a counted job."""
        self.jobs[job] = remembered
        self.by_hour.setdefault(remembered.hour, []).append(job)

    def tidy(self, watermark_ms: int | None) -> None:
        """Free the memory of forgotten jobs; changes no answer."""
        for hour in [hour for hour in self.by_hour if is_forgotten(hour, self.horizon_ms, watermark_ms)]:
            for job in self.by_hour.pop(hour):
                known = self.jobs.get(job)
                if known is not None and known.hour == hour:
                    del self.jobs[job]
