"""Tallies as messages and back.

Law: unpacking what was packed gives an equal tally, and equal tallies pack to equal bytes.
"""

from schemas.tally import CellCount, PaneCounts
from stream.domain.recency import Recency
from stream.domain.tally import Cell, FailedJob, Tally


def pack(start_ms: int, tally: Tally) -> PaneCounts:
    """Return the message form of one pane's tally."""
    return PaneCounts(
        start_ms=start_ms,
        seen=_pack_counts(tally.seen),
        decided=None if tally.decided == tally.seen else _pack_counts(tally.decided),
        last_decided_ms=tally.last_decided_ms,
        last_finished_ms=tally.recency.last_finished_ms,
        failures=dict(sorted(tally.recency.failures.items())),
        samples=tally.samples,
    )


def unpack(counts: PaneCounts) -> Tally:
    """Return the tally behind its message form."""
    seen = _unpack_counts(counts.seen)
    return Tally(
        seen=seen,
        decided=dict(seen) if counts.decided is None else _unpack_counts(counts.decided),
        last_decided_ms=counts.last_decided_ms,
        recency=Recency(counts.last_finished_ms, dict(counts.failures)),
        samples=tuple(FailedJob(*sample) for sample in counts.samples),
    )


def _pack_counts(counts: dict[Cell, int]) -> tuple[CellCount, ...]:
    return tuple((*cell, count) for cell, count in sorted(counts.items()))


def _unpack_counts(counts: tuple[CellCount, ...]) -> dict[Cell, int]:
    return {Cell(*cell): count for *cell, count in counts}
