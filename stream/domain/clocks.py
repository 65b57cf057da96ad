"""How far the time of each source partition has come.

Law: a partition's watermark counts once everything that it forwarded before has been counted where it is at home. So a
tick is decided on all there is, whatever detour it took.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Waiting(NamedTuple):
    """A watermark that does not count yet."""

    watermark_ms: int
    waits_for: dict[int, int]
    """By partition, the offset up to which forwarded records must have been counted."""


@dataclass(slots=True)
class Clocks:
    """The watermarks of all source partitions, in epoch milliseconds."""

    sources: int
    watermarks: dict[int, int] = field(default_factory=dict)
    counted: dict[int, int] = field(default_factory=dict)
    """By partition, the offset up to which records forwarded to it have been counted."""
    waiting: dict[int, list[Waiting]] = field(default_factory=dict)
    """By source partition; the oldest and the newest that wait, since those between would add nothing but precision."""

    def pass_time(self, source: int, watermark_ms: int, waits_for: dict[int, int]) -> None:
        """Take in a source partition's watermark."""
        waiting = self.waiting.setdefault(source, [])
        waiting[1:] = [Waiting(watermark_ms, waits_for)]
        self._settle(source)

    def count_forwarded(self, partition: int, position: int) -> None:
        """Take in how far the records forwarded to a partition have been counted."""
        self.counted[partition] = max(position, self.counted.get(partition, 0))
        for source in list(self.waiting):
            self._settle(source)

    def _settle(self, source: int) -> None:
        waiting = self.waiting[source]
        while waiting and all(self.counted.get(home, 0) >= position for home, position in waiting[0].waits_for.items()):
            reached_ms = waiting.pop(0).watermark_ms
            self.watermarks[source] = max(reached_ms, self.watermarks.get(source, reached_ms))
        if not waiting:
            del self.waiting[source]

    def now_ms(self) -> int | None:
        """Return the time that every source partition has reached, None before the last of them has told any."""
        return min(self.watermarks.values()) if len(self.watermarks) >= self.sources else None
