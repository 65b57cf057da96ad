"""The tally message: what the counting stage tells the deciding stage about one preset, or about time alone.

Law: counts are absolute for (preset, pane, source partition) as of `offset`, so the message with the highest offset is
the whole truth and any other may be dropped, repeated or reordered.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CellCount = tuple[str, str, str, str, int]
"""Source type, reason (empty for finished jobs), stage, root stage, and how many jobs."""


class PaneCounts(BaseModel):
    """Counts and evidence of one preset in one pane of event time."""

    model_config = ConfigDict(frozen=True)

    start_ms: int
    seen: tuple[CellCount, ...] = Field(default=(), description="Jobs by event time.")
    decided: tuple[CellCount, ...] | None = Field(default=None, description="Jobs rules may use; absent if as `seen`.")
    last_decided_ms: int = -1
    last_finished_ms: int = -1
    failures: dict[str, tuple[int, ...]] = Field(default={}, description="After the last finished job, by reason.")
    samples: tuple[tuple[int, str, str], ...] = ()
    sources: dict[str, tuple[int, dict[str, tuple[int, ...]]] | None] = Field(
        default={},
        description="By source type, its last finished job and failures after it; null if they are as those of all.",
    )
    sample_sources: tuple[str, ...] = Field(default=(), description="The source type of each of `samples`.")


class TallyMessage(BaseModel):
    """One record of the tallies topic. Without a preset it carries only a source partition's watermark."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    schema_: Literal["presetwatch.tally/1"] = Field(default="presetwatch.tally/1", alias="schema")
    source_partition: int = Field(
        description="From the number of partitions on, records that were forwarded to partition 0, 1 and so on."
    )
    offset: int = Field(description="The last source offset counted in; -1 before the first.")
    watermark_ms: int | None = None
    waits_for: dict[int, int] = Field(
        default={},
        description="By partition, how much of what was forwarded there must be counted before the watermark holds.",
    )
    preset: str | None = None
    panes: tuple[PaneCounts, ...] = ()

    def to_json(self) -> bytes:
        """Return the record's value."""
        return self.model_dump_json(exclude_defaults=True).encode()
