"""What the counting stage publishes after a batch.

Law: a message holds absolute counts as of the batch's last offset, so publishing it twice or not in order is harmless;
a preset's counts reach the deciding stage no later than the watermark that closes their pane, which is why time is told
apart from counts and after all of them.
"""

from stream.domain.packing import PackedTally
from stream.domain.sources import Batch, SourceState


def tally_messages(source: int, state: SourceState, batch: Batch) -> list[PackedTally]:
    """Return one message for each preset a batch has changed; the batch is in effect already."""
    starts: dict[str, list[int]] = {}
    for preset, start in sorted(batch.tallies):
        if start in state.panes:
            starts.setdefault(preset, []).append(start)
    return [
        PackedTally(
            source_partition=source,
            offset=state.position - 1,
            preset=preset,
            panes=tuple([state.panes[start][preset] for start in panes]),
        )
        for preset, panes in starts.items()
    ]


def time_message(source: int, state: SourceState) -> PackedTally:
    """Return the message that tells the deciding stage how far a source partition's time has come."""
    return PackedTally(
        source_partition=source,
        offset=state.position - 1,
        watermark_ms=state.watermark_ms,
        waits_for=state.forwarded_to.copy(),
    )


def forwarded_source(partition: int, partitions: int) -> int:
    """Return the number under which what was forwarded to a partition is counted."""
    return partitions + partition


def progress_message(source: int, state: SourceState) -> PackedTally:
    """Return the message that tells the deciding stage how far forwarded records have been counted."""
    return PackedTally(source_partition=source, offset=state.position - 1)
