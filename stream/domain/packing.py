"""Tallies as messages and back, the fast way.

A pane's tally is written once, as JSON, and goes as it is into journal, message and table.

Law: unpacking what was packed gives an equal tally, and equal tallies pack to equal bytes. The JSON is that of the
public models in `schemas.tally`; a test holds the two against each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from stream.domain.recency import Recency
from stream.domain.tally import Cell, FailedJob, Tally, merged

T = TypeVar("T")

CellCount = tuple[str, str, str, str, int]
"""The fields of a cell, and how many jobs there are of it. Plain tuples are what msgspec reads fastest."""

Ending = tuple[int, dict[str, tuple[int, ...]]]
"""How the jobs of one source type have ended: when the last one finished, and the failures after it."""

Sample = tuple[int, str, str]
"""A failed job: when, its id, and the reason."""


class _EndingsForm(msgspec.Struct, frozen=True):
    """Of `schemas.tally.PaneCounts`, how jobs ended."""

    last_decided_ms: int = -1
    last_finished_ms: int = -1
    failures: dict[str, tuple[int, ...]] = {}
    sources: dict[str, Ending | None] = {}


UNREADABLE = (msgspec.MsgspecError, RecursionError)
"""What msgspec raises at what it was not told to expect; the second at what is nested too deep."""


class PaneForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """`schemas.tally.PaneCounts`: what the JSON of a pane says."""

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
    panes: tuple[msgspec.Raw, ...] = ()
    """Each a `PaneForm`; see `read_pane`."""
    waits_for: dict[int, int] = {}

    def to_json(self) -> bytes:
        """Return the record's value."""
        return msgspec.json.encode(self)


_tally_decoder = msgspec.json.Decoder(PackedTally)
_endings_decoder = msgspec.json.Decoder(_EndingsForm)
_pane_decoder = msgspec.json.Decoder(PaneForm)


def read_tally(value: bytes | None) -> PackedTally | None:
    """Return the message in a record's value, or None if there is none."""
    try:
        return _tally_decoder.decode(value or b"")
    except UNREADABLE:
        return None


def read_pane(packed: msgspec.Raw) -> PaneForm:
    """Return what a pane's JSON says. Raises one of `UNREADABLE`."""
    return _pane_decoder.decode(packed)


def read_panes(message: PackedTally) -> list[PaneForm] | None:
    """Return what a message says of its panes, or None if one of them cannot be read."""
    try:
        return [read_pane(packed) for packed in message.panes]
    except UNREADABLE:
        return None


def pack(start_ms: int, tally: Tally) -> msgspec.Raw:
    """Return the JSON of one pane's tally."""
    pane = PaneForm(
        start_ms,
        _pack_counts(tally.seen),
        None if tally.decided is tally.seen or tally.decided == tally.seen else _pack_counts(tally.decided),
        tally.last_decided_ms,
        tally.recency.last_finished_ms,
        _in_order(tally.recency.failures),
        tuple([job[:3] for job in tally.samples]),
        # Nearly always there is one source type, of which there is nothing else to say.
        {name: _ending(one, tally.recency) for name, one in _in_order(tally.recency_by_source).items()},
        tuple([job.source_type for job in tally.samples]),
    )
    return pack_form(pane)


def pack_form(pane: PaneForm) -> msgspec.Raw:
    """Return the JSON that says so, and nothing else."""
    return msgspec.Raw(msgspec.json.encode(pane))


def sum_packed(start_ms: int, parts: Sequence[msgspec.Raw], kept: int) -> msgspec.Raw:
    """Return the JSON of the sum of some tallies of one pane; of one alone, itself."""
    if len(parts) == 1:
        return parts[0]
    return pack(start_ms, merged([unpack(read_pane(part)) for part in parts], kept))


def _ending(one: Recency, whole: Recency) -> Ending | None:
    if one is whole or one == whole:
        return None
    return one.last_finished_ms, _in_order(one.failures)


def _in_order(values: dict[str, T]) -> dict[str, T]:
    return values if len(values) < 2 else dict(sorted(values.items()))


def counts_of(pane: PaneForm) -> tuple[dict[Cell, int], dict[Cell, int]]:
    """Return the jobs seen and those decided; mostly that is one and the same."""
    seen = _unpack_counts(pane.seen)
    return seen, seen if pane.decided is None else _unpack_counts(pane.decided)


class Endings(NamedTuple):
    """How the jobs of one pane have ended."""

    last_decided_ms: int
    recency: Recency
    recency_by_source: Mapping[str, Recency]


def endings_of(packed: msgspec.Raw) -> Endings:
    """Return how a pane's jobs have ended, and read nothing else of its JSON."""
    pane = _endings_decoder.decode(packed)
    return Endings(pane.last_decided_ms, *_recencies(pane))


def _recencies(pane: _EndingsForm | PaneForm) -> tuple[Recency, dict[str, Recency]]:
    whole = Recency(pane.last_finished_ms, pane.failures)
    return whole, {name: whole if ending is None else Recency(*ending) for name, ending in pane.sources.items()}


def unpack(pane: PaneForm) -> Tally:
    """Return the tally that a pane's JSON tells of."""
    seen, decided = counts_of(pane)
    recency, by_source = _recencies(pane)
    sources = pane.sample_sources or ("",) * len(pane.samples)
    return Tally(
        seen,
        decided.copy(),
        pane.last_decided_ms,
        recency.copy(),
        {name: one.copy() for name, one in by_source.items()},
        tuple([FailedJob(*job, source) for job, source in zip(pane.samples, sources, strict=False)]),
    )


def _pack_counts(counts: dict[Cell, int]) -> tuple[CellCount, ...]:
    return tuple([(*cell, count) for cell, count in sorted(counts.items())])


def _unpack_counts(counts: Iterable[CellCount]) -> dict[Cell, int]:
    return {_cell(source, reason, stage, root): jobs for source, reason, stage, root, jobs in counts}


_cell = lru_cache(maxsize=4096)(Cell)
"""Cells are few and panes many: what is read of each would otherwise hold cells and names of its own."""
