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


class Ending(NamedTuple):
    """How the jobs of one source type have ended."""

    last_finished_ms: int
    failures: dict[str, tuple[int, ...]]


class Sample(NamedTuple):
    """A failed job, without what an earlier version does not know of it."""

    at_ms: int
    job_id: str
    reason: str


class PackedPane(msgspec.Struct, frozen=True, omit_defaults=True):
    """`schemas.tally.PaneCounts`."""

    start_ms: int
    seen: tuple[CellCount, ...] = ()
    decided: tuple[CellCount, ...] | None = None
    last_decided_ms: int = -1
    last_finished_ms: int = -1
    failures: dict[str, tuple[int, ...]] = {}
    samples: tuple[Sample, ...] = ()
    sources: dict[str, Ending | None] = {}
    sample_sources: tuple[str, ...] = ()


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
        tuple([Sample(at_ms, job_id, reason) for at_ms, job_id, reason, _ in tally.samples]),
        # Nearly always there is one source type, of which there is nothing else to say.
        {name: _ending(one, tally.recency) for name, one in sorted(tally.recency_by_source.items())},
        tuple([job.source_type for job in tally.samples]),
    )


def _ending(one: Recency, whole: Recency) -> Ending | None:
    return None if one == whole else Ending(one.last_finished_ms, dict(sorted(one.failures.items())))


def unpack(packed: PackedPane) -> Tally:
    """Return the tally behind its message form."""
    seen = _unpack_counts(packed.seen)
    sources = packed.sample_sources or ("",) * len(packed.samples)
    return Tally(
        seen,
        seen.copy() if packed.decided is None else _unpack_counts(packed.decided),
        packed.last_decided_ms,
        Recency(packed.last_finished_ms, packed.failures.copy()),
        {name: _recency(ending, packed) for name, ending in packed.sources.items()},
        tuple([FailedJob(*job, source) for job, source in zip(packed.samples, sources, strict=False)]),
    )


def _recency(ending: Ending | None, packed: PackedPane) -> Recency:
    last_finished_ms, failures = (packed.last_finished_ms, packed.failures) if ending is None else ending
    return Recency(last_finished_ms, failures.copy())


def _pack_counts(counts: dict[Cell, int]) -> tuple[CellCount, ...]:
    return tuple([CellCount(*cell, count) for cell, count in sorted(counts.items())])


def _unpack_counts(counts: Iterable[CellCount]) -> dict[Cell, int]:
    return {Cell(*cell): count for *cell, count in counts}
