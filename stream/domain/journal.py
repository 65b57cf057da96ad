"""The journal of one source partition: the records that decide what was counted and where reading resumes.

Law: a batch takes effect by exactly one journal record. The state is the fold of the records in source order; a record
that starts below the position reached is a leftover and changes nothing; one that starts beyond it is a hole, and
nothing is counted past a hole.

A record is one line of JSON (offsets, watermark, tallies), a newline, and the counted jobs packed in 20 bytes each: a
digest, then the hour and the outcome as one number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.tally import PaneCounts
from stream.domain.counting import Batch, SourceState
from stream.domain.dedupe import DIGEST_BYTES, Remembered
from stream.domain.packing import pack, unpack
from stream.domain.panes import HOUR_MS

JOB = Struct(f">{DIGEST_BYTES}sI")


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    version: Literal[1] = Field(alias="v")
    first: int
    last: int
    watermark_ms: int | None = None
    tallies: dict[str, tuple[PaneCounts, ...]] = {}


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


def record_key(partition: int, batch: Batch) -> bytes:
    """Return a batch's journal key. Passing time overwrites one record, so an idle topic does not grow its journal."""
    return b"%d:%s" % (partition, b"time" if batch.last < batch.first else b"%020d" % batch.first)


def encode(batch: Batch) -> bytes:
    """Return a batch as a journal record's value."""
    header = _Header(
        version=1, first=batch.first, last=batch.last, watermark_ms=batch.watermark_ms, tallies=_by_preset(batch)
    )
    jobs = b"".join(JOB.pack(job, known.hour << 1 | known.failed) for job, known in batch.jobs.items())
    return header.model_dump_json(exclude_defaults=True).encode() + b"\n" + jobs


def decode(key: bytes, value: bytes) -> Batch | Corrupt:
    """Return the batch in a journal record's value."""
    line, _, packed = value.partition(b"\n")
    try:
        header = _Header.model_validate_json(line)
    except ValidationError as error:
        return Corrupt(key, f"its header does not fit: {error.errors()[0]['msg']}")
    if len(packed) % JOB.size:
        return Corrupt(key, f"its {len(packed)} bytes of jobs are not a multiple of {JOB.size}")
    batch = Batch(header.first, header.last, header.watermark_ms, jobs=dict(_unpack_jobs(packed)))
    batch.tallies = {
        (preset, counts.start_ms): unpack(counts) for preset, panes in header.tallies.items() for counts in panes
    }
    return batch


def _by_preset(batch: Batch) -> dict[str, tuple[PaneCounts, ...]]:
    grouped: dict[str, tuple[PaneCounts, ...]] = {}
    for (preset, start), tally in sorted(batch.tallies.items(), key=lambda item: item[0]):
        grouped[preset] = (*grouped.get(preset, ()), pack(start, tally))
    return grouped


def _unpack_jobs(packed: bytes) -> Iterator[tuple[bytes, Remembered]]:
    for job, number in JOB.iter_unpack(packed):
        yield job, Remembered(number >> 1, bool(number & 1))


def fold(state: SourceState, batches: Iterable[Batch]) -> Hole | None:
    """Apply journaled batches, in any order given, to a new state; say where they stop being whole."""
    ordered = sorted(batches, key=lambda batch: (batch.first, batch.last))
    state.position = _start(ordered)
    for batch in ordered:
        if batch.first < state.position:
            continue
        if batch.first > state.position:
            return Hole(state.position, batch.first)
        state.apply(batch)
    return None


def _start(ordered: list[Batch]) -> int:
    # The record that only passes time never expires, and may be older than every batch that is left.
    held = [batch.first for batch in ordered if batch.last >= batch.first] or [batch.first for batch in ordered]
    return held[0] if held else 0


def expires_at(batch: Batch, state: SourceState) -> int:
    """Return the watermark, in epoch milliseconds, from which a batch's record no longer says anything."""
    jobs_end = max((known.hour + 1 for known in batch.jobs.values()), default=0) * HOUR_MS + state.policy.horizon_ms
    newest = max((start for _, start in batch.tallies), default=0)
    return max(jobs_end, newest + state.policy.pane_ms + state.policy.retention_ms)
