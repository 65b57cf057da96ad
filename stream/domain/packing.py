"""Tallies as messages and back, the fast way.

Law: unpacking what was packed gives an equal tally, and equal tallies pack to equal bytes. The JSON is that of the
public models in `schemas.tally`; a test holds the two against each other.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from stream.domain.recency import Recency
from stream.domain.tally import Cell, FailedJob, Tally


class CellCount(NamedTuple):
    """How many jobs there are of a cell."""

    source_type: str
    reason: str
    stage: str
    root_stage: str
    jobs: int


class PackedPane(msgspec.Struct, frozen=True, omit_defaults=True):
    """`schemas.tally.PaneCounts`."""

    start_ms: int
    seen: tuple[CellCount, ...] = ()
    decided: tuple[CellCount, ...] | None = None
    last_decided_ms: int = -1
    last_finished_ms: int = -1
    failures: dict[str, tuple[int, ...]] = {}
    samples: tuple[FailedJob, ...] = ()


class PackedTally(msgspec.Struct, frozen=True, omit_defaults=True):
    """`schemas.tally.TallyMessage`."""

    source_partition: int
    offset: int
    watermark_ms: int | None = None
    preset: str | None = None
    panes: tuple[PackedPane, ...] = ()
    waits_for: dict[int, int] = {}

    def to_json(self) -> bytes:
        """Return the record's value."""
        return msgspec.json.encode(self)


_tally_decoder = msgspec.json.Decoder(PackedTally)


def read_tally(value: bytes | None) -> PackedTally | None:
    """Return the message in a record's value, or None if there is none."""
    try:
        return _tally_decoder.decode(value or b"")
    except msgspec.MsgspecError:
        return None


def pack(start_ms: int, tally: Tally) -> PackedPane:
    """Return the message form of one pane's tally."""
    return PackedPane(
        start_ms,
        _pack_counts(tally.seen),
        None if tally.decided == tally.seen else _pack_counts(tally.decided),
        tally.last_decided_ms,
        tally.recency.last_finished_ms,
        dict(sorted(tally.recency.failures.items())),
        tally.samples,
    )


def unpack(packed: PackedPane) -> Tally:
    """Return the tally behind its message form."""
    seen = _unpack_counts(packed.seen)
    return Tally(
        seen,
        seen.copy() if packed.decided is None else _unpack_counts(packed.decided),
        packed.last_decided_ms,
        Recency(packed.last_finished_ms, packed.failures.copy()),
        packed.samples,
    )


def _pack_counts(counts: dict[Cell, int]) -> tuple[CellCount, ...]:
    return tuple([CellCount(*cell, count) for cell, count in sorted(counts.items())])


def _unpack_counts(counts: Iterable[CellCount]) -> dict[Cell, int]:
    return {Cell(*cell): count for *cell, count in counts}
