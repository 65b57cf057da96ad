"""What the counting stage publishes after a batch.

Law: a message holds absolute counts as of the batch's last offset, so publishing it twice or not in order is harmless;
a preset's counts reach the deciding stage no later than the watermark that closes their pane, which is why time is told
apart from counts and after all of them.
"""

from schemas.tally import TallyMessage
from stream.domain.counting import Batch, SourceState
from stream.domain.packing import pack


def tally_messages(source: int, state: SourceState, batch: Batch) -> list[TallyMessage]:
    """Return one message for each preset a batch has changed; the batch is in effect already."""
    starts: dict[str, list[int]] = {}
    for preset, start in sorted(batch.tallies):
        starts.setdefault(preset, []).append(start)
    return [
        TallyMessage(
            source_partition=source,
            offset=batch.last,
            preset=preset,
            panes=tuple(pack(start, state.panes[start][preset]) for start in panes),
        )
        for preset, panes in starts.items()
    ]


def time_message(source: int, state: SourceState) -> TallyMessage:
    """Return the message that tells the deciding stage how far a source partition's time has come."""
    return TallyMessage(source_partition=source, offset=state.position - 1, watermark_ms=state.watermark_ms)
