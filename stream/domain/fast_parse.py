"""The short way for records that are what Daily usually sends.

Law: what is read here is what `parse` makes of the same bytes; whatever is unusual in any way is not read here. So this
module can be wrong in one way only, and a property test looks for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.daily import ERROR_TYPE, FINISHED_TYPE
from stream.domain.job_names import UUID_CHARS, Characters, JobIds, characters, chosen
from stream.domain.moulds import FEW, MAX_BYTES, Alike, Rows, Said, mould_of
from stream.domain.naming import MAX_NAME_CHARS

SHORT_BYTES = 500
"""A job's event with more than 200 levels of nesting, which `parse` refuses, is longer than this."""

LONG_BYTES = 4_000
"""From here on a number may have more digits than `parse` takes (4,300)."""

MAX_OPENED = 150

FEW_PRESETS = 8
"""Presets of one length are told apart one by one while each is that of one event in so many, or of more."""


class _Input(msgspec.Struct, gc=False):
    sourceType: str | None = None  # noqa: N815  # as Daily has it


class _Payload(msgspec.Struct, gc=False):
    id: str
    preset: str | None = None
    input: _Input | None = None


class _FailedPayload(_Payload, gc=False):
    error: str | None = None


class Finished(msgspec.Struct, gc=False, tag=FINISHED_TYPE):
    """A job that finished."""

    version: Literal["1.0.0", "1.1.0"]
    payload: _Payload
    event_ts: float


class Failed(msgspec.Struct, gc=False, tag=ERROR_TYPE):
    """A job that failed."""

    version: Literal["1.0.0", "1.1.0"]
    payload: _FailedPayload
    event_ts: float


Usual = Finished | Failed

_decode: Callable[[bytes], Usual] = msgspec.json.Decoder(Usual).decode


class UsualEvents(NamedTuple):
    """Usual events in columns, in order, with the places of the values they come from."""

    rows: Rows
    job_ids: Sequence[str]
    sent: NDArray[np.float64]
    codes: NDArray[np.intp]
    """The index in `said`."""
    said: list[Said]


def read_usual(values: Sequence[bytes | None], few: int = FEW) -> UsualEvents:
    """Return the events in those values that are usual ones; where fewer than `few` are alike, each is decoded."""
    columns, code_of = _Columns(len(values)), dict[Said, int]()
    for rows in _of_one_length(values, few) if len(values) >= few else ():
        _read_alike(values, rows, few, columns, code_of)
    _read_each(values, np.flatnonzero(~columns.taken), columns, code_of)
    return columns.read(list(code_of))


@dataclass(slots=True)
class _Columns:
    """Columns with room for every value; only what is `taken` means anything."""

    room: int
    taken: NDArray[np.bool_] = field(init=False)
    chars: Characters = field(init=False)
    other_ids: dict[int, str] = field(default_factory=dict)
    """By row, those that are not as long as a UUID."""
    sent: NDArray[np.float64] = field(init=False)
    codes: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        self.taken, self.sent = np.zeros(self.room, np.bool_), np.zeros(self.room)
        self.chars, self.codes = np.zeros((self.room, UUID_CHARS), np.uint8), np.zeros(self.room, np.intp)

    def take(self, rows: Rows, job_ids: Sequence[str], sent: Any, codes: Any) -> None:
        """Fill in some rows."""
        self.taken[rows], self.sent[rows], self.codes[rows] = True, sent, codes
        chars = characters(job_ids)
        if chars is None:
            self.other_ids.update(zip(rows.tolist(), job_ids, strict=True))
        else:
            self.chars[rows] = chars

    def read(self, said: list[Said]) -> UsualEvents:
        """Return what has been filled in."""
        rows = np.flatnonzero(self.taken)
        job_ids: Sequence[str] = JobIds(self.chars)
        if self.other_ids:
            job_ids = [self.other_ids.get(row, job_id) for row, job_id in enumerate(job_ids)]
        if len(rows) == self.room:
            return UsualEvents(rows, job_ids, self.sent, self.codes, said)
        return UsualEvents(rows, chosen(job_ids, rows), self.sent[rows], self.codes[rows], said)


def _of_one_length(values: Sequence[bytes | None], few: int) -> Iterator[Rows]:
    """Yield the rows of values that are equally long, where there are not too few of them."""
    sizes = _sizes(values)
    lengths = np.where(sizes > MAX_BYTES, 0, sizes).astype(np.uint16)
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order]
    cuts = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    for first, end in pairwise((0, *cuts.tolist(), len(order))):
        if end - first >= few and ascending[first]:
            yield order[first:end]


def _sizes(values: Sequence[Any]) -> NDArray[np.int64]:
    try:
        return np.fromiter(map(len, values), np.int64, len(values))
    except TypeError:  # some have no value at all, which is rare and dear to look for
        return _sizes([value or b"" for value in values])


def _read_alike(values: Any, rows: Rows, few: int, columns: _Columns, code_of: dict[Said, int]) -> None:
    """Read what is alike of events that are equally long, while each mould takes most of what is left."""
    taken = len(rows)
    while len(rows) >= few and 2 * taken >= len(rows):
        event = _usual(values[rows[0]])
        mould = event and mould_of(values[rows[0]], event.payload.id, event.payload.preset)
        if not event or not mould:
            return
        alike = mould.fitting(values, rows)
        columns.take(alike.rows, JobIds(alike.job_ids), alike.sent, _codes(alike, _said(event), code_of))
        taken = len(alike.rows)
        rows = rows[~columns.taken[rows]]


def _codes(alike: Alike, said: Said, code_of: dict[Said, int]) -> int | NDArray[np.intp]:
    if alike.presets is None:
        return code_of.setdefault(said, len(code_of))
    presets, (_, source, error) = alike.presets, said
    codes, left, taken = np.empty(len(presets), np.intp), np.arange(len(presets)), len(presets)
    # Comparing all with one is the faster the fewer presets there are; looking each up does not depend on it.
    while len(left) and taken * FEW_PRESETS >= len(left):
        is_one = presets[left] == presets[left[0]]
        one = (presets[left[0]].decode(), source, error)
        codes[left[is_one]] = code_of.setdefault(one, len(code_of))
        taken, left = int(np.count_nonzero(is_one)), left[~is_one]
    if len(left):
        names = presets[left].tolist()
        of = {name: code_of.setdefault((name.decode(), source, error), len(code_of)) for name in dict.fromkeys(names)}
        codes[left] = [of[name] for name in names]
    return codes


def _read_each(values: Sequence[bytes | None], rows: Rows, columns: _Columns, code_of: dict[Said, int]) -> None:
    usual: list[int] = []
    job_ids, sent, codes = [], [], []
    for row in rows.tolist():
        if (event := _usual(values[row])) is not None:
            usual.append(row)
            job_ids.append(event.payload.id)
            sent.append(event.event_ts)
            codes.append(code_of.setdefault(_said(event), len(code_of)))
    columns.take(np.array(usual, np.intp), job_ids, sent, codes)


def _said(event: Usual) -> Said:
    payload = event.payload
    error = payload.error if type(payload) is _FailedPayload else False
    return payload.preset, None if payload.input is None else payload.input.sourceType, error


def _usual(value: bytes | None) -> Usual | None:
    """Return a usual event, None if it is anything else."""
    if value is None or not (_is_plain(value) if len(value) > SHORT_BYTES else value.isascii()):
        return None
    try:
        event = _decode(value)
    except msgspec.MsgspecError:
        return None
    job_id = event.payload.id
    return None if not job_id or len(job_id) > MAX_NAME_CHARS or job_id.isspace() else event


def _is_plain(value: bytes) -> bool:
    # msgspec skips what it does not need without looking at its UTF-8, at how deep it is and how long its numbers are.
    return len(value) <= LONG_BYTES and value.isascii() and value.count(b"[") + value.count(b"{") <= MAX_OPENED
