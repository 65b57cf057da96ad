"""The journal of one source: the records that decide what was counted and where reading resumes.

Law: a batch takes effect by exactly one journal record. The state is the fold of the records in source order; a record
that starts below the position reached is a leftover and changes nothing; one that starts beyond it is a hole, and
nothing is counted past a hole.

A record is one line of JSON (offsets, watermark, tallies), a newline, and the counted jobs in 20 bytes each: their
names, then their notes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import msgspec

from stream.domain.dedupe import JOB_BYTES, Jobs, joined, no_jobs, pack_jobs, unpack_jobs
from stream.domain.packing import UNREADABLE, read_pane, sum_packed
from stream.domain.panes import HOUR_MS
from stream.domain.sources import Batch, SourceState
from stream.domain.tallying import PaneKey

FORMAT: Final = 1
"""Of a journal record: raised when a release writes what the one before cannot read."""


class _Version(msgspec.Struct):
    v: int


class _Source(msgspec.Struct):
    source: str = ""


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    v: Literal[1]
    first: int
    last: int
    watermark_ms: int | None = None
    tallies: dict[str, tuple[msgspec.Raw, ...]] = {}
    """By preset, each a `PaneForm`."""
    source: str = ""
    forwarded_to: dict[int, int] = {}


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A journal record that cannot be read. Counting on would give wrong numbers, so the worker stops."""

    key: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Hole:
    """Source records that no journal record accounts for although later ones are accounted for."""

    position: int
    found: int


def own_chain(partition: int) -> bytes:
    """Return the name of the chain of batches of a partition's own records."""
    return b"%d" % partition


def forwarded_chain(partition: int) -> bytes:
    """Return the name of the chain of batches of records that were forwarded to a partition."""
    return b"%d/forwarded" % partition


def chain_of(key: bytes) -> bytes:
    """Return the name of the chain that a journal key belongs to."""
    return key.partition(b":")[0]


def record_key(chain: bytes, batch: Batch, writer: bytes = b"") -> bytes:
    """Return a batch's journal key, which no other writer uses.

    Passing time overwrites one record, so an idle topic does not grow its journal.
    """
    return b"%s:%s:%s" % (chain, b"time" if batch.last < batch.first else b"%020d" % batch.first, writer)


def encode(batch: Batch, source: str = "") -> bytes:
    """Return a batch as a journal record's value; `source` is the id of the topic that was counted."""
    header = _Header(FORMAT, batch.first, batch.last, batch.watermark_ms, _by_preset(batch), source, batch.forwarded_to)
    return msgspec.json.encode(header) + b"\n" + pack_jobs(batch.jobs)


def decode(key: bytes, value: bytes) -> Batch | Corrupt:
    """Return the batch in a journal record's value."""
    line, _, packed = value.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=_Header)
        tallies = dict(_tallies(header))
    except UNREADABLE as error:
        return Corrupt(key, _other_format(line) or f"its header does not fit: {error}")
    if len(packed) % JOB_BYTES:
        return Corrupt(key, f"its {len(packed)} bytes of jobs are not a multiple of {JOB_BYTES}")
    batch = Batch(header.first, header.last, header.watermark_ms, jobs=unpack_jobs(packed))
    batch.forwarded_to, batch.tallies = header.forwarded_to, tallies
    return batch


def _tallies(header: _Header) -> Iterator[tuple[PaneKey, msgspec.Raw]]:
    for preset, panes in header.tallies.items():
        for packed in panes:
            yield (preset, read_pane(packed).start_ms), packed


def _other_format(line: bytes) -> str | None:
    try:
        found = msgspec.json.decode(line, type=_Version).v
    except UNREADABLE:
        return None
    return None if found == FORMAT else f"it has format {found}, of another version of presetwatch; this reads {FORMAT}"


def _by_preset(batch: Batch) -> dict[str, tuple[msgspec.Raw, ...]]:
    grouped: dict[str, list[msgspec.Raw]] = {}
    for preset, start in sorted(batch.tallies):
        grouped.setdefault(preset, []).append(batch.tallies[preset, start])
    return {preset: tuple(panes) for preset, panes in grouped.items()}


def source_of(value: bytes) -> str:
    """Return the id of the topic that a record's batch was counted from, "" where it is not known."""
    line, _, _ = value.partition(b"\n")
    return msgspec.json.decode(line, type=_Source).source


def fold(state: SourceState, batches: Iterable[Batch]) -> Hole | None:
    """Apply journaled batches, in any order given, to a new state; say where they stop being whole."""
    # Of records that start alike the longest tells of all the others: it was merged from them.
    ordered = sorted(batches, key=lambda batch: (batch.first, -batch.last, batch.watermark_ms or 0))
    state.position = _start(ordered)
    jobs: list[Jobs] = []
    for batch in ordered:
        if batch.first < state.position:
            continue
        if batch.first > state.position:
            return Hole(state.position, batch.first)
        jobs.append(batch.jobs)
        state.apply(replace(batch, jobs=no_jobs()))
    # All at once: there may be millions.
    state.jobs.remember(joined(jobs))
    return None


def _start(ordered: list[Batch]) -> int:
    # The record that only passes time never expires, and may be older than every batch that is left.
    held = [batch.first for batch in ordered if batch.last >= batch.first] or [batch.first for batch in ordered]
    return held[0] if held else 0


def merged(batches: Sequence[Batch], kept: int) -> Batch:
    """Return one batch that does what some do that follow on each other."""
    whole = Batch(batches[0].first, batches[-1].last, batches[-1].watermark_ms)
    whole.jobs = joined(batch.jobs for batch in batches)
    parts: dict[PaneKey, list[msgspec.Raw]] = {}
    for batch in batches:
        whole.forwarded_to.update(batch.forwarded_to)
        for key, packed in batch.tallies.items():
            parts.setdefault(key, []).append(packed)
    whole.tallies = {key: sum_packed(key[1], tallies, kept) for key, tallies in parts.items()}
    return whole


def expires_at(batch: Batch, state: SourceState) -> int:
    """Return the watermark, in epoch milliseconds, from which a batch's record no longer says anything."""
    newest_hour = int(batch.jobs.notes.max(initial=0)) // 2
    jobs_end = (newest_hour + 1) * HOUR_MS + state.policy.horizon_ms if len(batch.jobs) else 0
    newest = max((start for _, start in batch.tallies), default=0)
    return max(jobs_end, newest + state.policy.pane_ms + state.policy.retention_ms)
