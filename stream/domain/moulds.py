"""Usual events that are alike, read many at once.

Most events of a job repeat what others say but for ids, links and times of the same lengths. One of them, read in full,
is the mould of all that have its bytes everywhere else.

Law: whatever fits a mould is as usual as what the mould was made of, and says the same but for its job, its preset and
its time. Strings that nobody reads may say anything that keeps them strings: no quote, no backslash, no control.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.domain.job_names import UUID_CHARS, Characters

FEW = 400
"""So many events of one length are worth a mould, though only half of them fit it: to make it and try it on a sample
takes as long as decoding some 80, and to read one with it half as long as decoding it."""

BLOCK = 256
"""Events that are held against a mould at once: with what is made of them, five times as much, usual ones fit a core's
own cache."""

SAMPLE = 32
"""Events by which it is seen whether a mould is worth holding against more."""

MAX_BYTES = 2_000

Said = tuple[str | None, str | None, str | bool | None]
"""What jobs are told apart by: preset, source type and error as Daily has them. A finished job's error is False."""

_STRING = re.compile(rb'"([^"]*)"(\s*:)?')
_READ = frozenset((b"version", b"type", b"preset", b"sourceType", b"error"))
"""Names whose strings are read wherever they may stand, the job's id aside."""

_SENT = re.compile(rb'"event_ts"\s*:\s*([1-9][0-9]{0,9})(?:\.([0-9]{1,8}))?\s*[,}]')
_QUOTE, _BACKSLASH, _ZERO, _SPACE, _TILDE = b'"\\0 ~'
_NINE = 9
_FLOAT_BITS = 53
"""Of a float's significand (IEEE 754 binary64)."""
_LEAST_BITS = 18
"""With fewer bits before the point, eight decimals take more than 63 with those that a float has after it, and one."""

Bytes = NDArray[np.uint8]
Rows = NDArray[np.intp]


class Alike(NamedTuple):
    """Events that fit a mould, in columns."""

    rows: Rows
    job_ids: Characters
    presets: NDArray[np.bytes_] | None
    """None where all have the mould's."""
    sent: NDArray[np.float64]


class _Digits(NamedTuple):
    """Where the time stands, and how it is read."""

    text: slice
    whole: int
    """So many digits stand before the point."""
    places: int
    """So many behind it."""
    bits: int
    """So many have the whole seconds of most."""

    def split(self, texts: Bytes) -> tuple[Bytes, Bytes]:
        """Return the digits before the point and behind it."""
        digits = texts - np.uint8(_ZERO)
        return digits[:, : self.whole], digits[:, digits.shape[1] - self.places :]

    def read(self, whole: Bytes, fraction: Bytes, texts: Bytes) -> NDArray[np.float64]:
        """Return the numbers that these digits make, each the float that is nearest."""
        seconds, after = _number(whole), _FLOAT_BITS - self.bits
        # Floats of so many bits before the point are the multiples of a power of two, and integers count those exactly.
        # None lies halfway: fewer decimals than bits make it a fraction of a power of five.
        steps = ((_number(fraction) << after + 1) + 10**self.places) // (2 * 10**self.places)
        numbers: NDArray[np.float64] = seconds + steps / 2.0**after
        other = np.flatnonzero(seconds >> self.bits - 1 != 1)
        numbers[other] = [float(text) for text in texts[other].view(f"S{texts.shape[1]}").ravel().tolist()]
        return numbers


def _among(chosen: NDArray[np.bool_], rows: Rows, events: Bytes) -> tuple[Rows, Bytes]:
    return rows[chosen], events[chosen]


def _number(digits: Bytes) -> NDArray[np.int64]:
    found: NDArray[np.int64] = digits.astype(np.int64) @ 10 ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)
    return found


class _Room(NamedTuple):
    """Memory to hold a block of events against a mould, used again for each: numpy would ask for it anew."""

    event: Bytes
    same: Bytes
    other: Bytes
    is_quote: NDArray[np.bool_]

    def of(self, count: int) -> "_Room":
        """Return as much of it as so many events take."""
        return _Room(self.event[:count], self.same[:count], self.other[:count], self.is_quote[:count])


@dataclass(frozen=True, slots=True)
class Mould:
    """An event, and where others may differ from it."""

    event: Bytes
    same: Bytes
    """All bits where a byte must be the event's, else none."""
    quotes: int
    job_id: slice
    preset: slice
    """Empty where it must be the event's."""
    sent: _Digits

    def fitting(self, values: Sequence[bytes], rows: Rows) -> Alike:
        """Return which of some events of its length fit, or just a few if it is not worth looking at all of them."""
        found = [self._fitting(values, rows[:SAMPLE], self._room(SAMPLE))]
        if 2 * len(found[0].rows) >= min(SAMPLE, len(rows)):
            room = self._room(min(BLOCK, len(rows)))
            blocks = (rows[first : first + BLOCK] for first in range(SAMPLE, len(rows), BLOCK))
            found += [self._fitting(values, block, room) for block in blocks]
        return self._read(_Fitting(*map(np.concatenate, zip(*found, strict=True))))

    def _room(self, count: int) -> _Room:
        event, same = np.tile(self.event, (count, 1)), np.tile(self.same, (count, 1))
        return _Room(event, same, np.empty_like(event), np.empty_like(event, np.bool_))

    def _fitting(self, values: Sequence[bytes], rows: Rows, room: _Room) -> "_Fitting":
        text = b"".join(map(values.__getitem__, rows.tolist()))
        events = np.frombuffer(text, np.uint8).reshape(-1, len(self.event))
        room = room.of(len(rows))
        np.bitwise_xor(events, room.event, out=room.other)
        np.bitwise_and(room.other, room.same, out=room.other)
        if room.other.max():
            rows, events = _among(room.other.max(axis=1) == 0, rows, events)
        if not self._are_plain(events, text, room.of(len(rows))):
            rows, events = _among(self._is_plain(events), rows, events)
        return _Fitting(rows, events[:, self.job_id], events[:, self.preset], events[:, self.sent.text])

    def _are_plain(self, events: Bytes, text: bytes, room: _Room) -> bool:
        """Tell whether all strings end where the mould's do and hold nothing odd, if all of its quotes are there."""
        np.equal(events, _QUOTE, out=room.is_quote)
        has_only_these = np.count_nonzero(room.is_quote) == self.quotes * len(events)
        is_printed = events.min(initial=_SPACE) >= _SPACE and events.max(initial=_TILDE) <= _TILDE
        return bool(has_only_these and is_printed and b"\\" not in text)

    def _is_plain(self, events: Bytes) -> NDArray[np.bool_]:
        """Tell the same of each of some events."""
        is_odd = (events < _SPACE) | (events > _TILDE) | (events == _BACKSLASH)
        found: NDArray[np.bool_] = ~is_odd.any(axis=1) & (np.count_nonzero(events == _QUOTE, axis=1) == self.quotes)
        return found

    def _read(self, found: "_Fitting") -> Alike:
        whole, fraction = self.sent.split(found.times)
        # An id of spaces only is none, and a number does not begin with a zero.
        is_sound = (whole[:, 0] > 0) & (found.job_ids[:, 0] != _SPACE)
        if max(whole.max(initial=0), fraction.max(initial=0)) > _NINE:
            is_sound &= (whole <= _NINE).all(axis=1) & (fraction <= _NINE).all(axis=1)
        if not is_sound.all():
            return self._read(_Fitting(*(column[is_sound] for column in found)))
        is_one = (found.presets == self.event[self.preset]).all()
        presets = None if is_one else found.presets.view(f"S{found.presets.shape[1]}").ravel()
        return Alike(found.rows, found.job_ids, presets, self.sent.read(whole, fraction, found.times))


class _Fitting(NamedTuple):
    """Events that have a mould's bytes, by what may be different in each."""

    rows: Rows
    job_ids: Characters
    presets: Bytes
    times: Bytes


def mould_of(value: bytes, job_id: str, preset: str | None) -> Mould | None:
    """Return the mould that a usual event of this job and preset makes, or None if it cannot be one."""
    sent, job = _SENT.search(value), _only(value, job_id)
    if sent is None or job is None or len(job_id) != UUID_CHARS or b"\\" in value or value.count(b'"event_ts"') > 1:
        return None
    preset_at = _only(value, preset or "") or (0, 0)
    event, same = np.frombuffer(value, np.uint8), np.full(len(value), 0xFF, np.uint8)
    for free in (*_unread(value), job, preset_at, sent.span(1), sent.span(2)):
        same[slice(*free)] = 0
    return Mould(event, same, value.count(b'"'), slice(*job), slice(*preset_at), _digits(sent))


def _only(value: bytes, text: str) -> tuple[int, int] | None:
    """Return where a string stands if it does so once."""
    quoted = b'"%s"' % text.encode()
    at = value.find(quoted)
    return (at + 1, at + len(quoted) - 1) if at >= 0 and value.find(quoted, at + 1) < 0 else None


def _unread(value: bytes) -> Iterator[tuple[int, int]]:
    """Yield where strings stand that nobody reads."""
    name = b""
    for string in _STRING.finditer(value):
        if string[2]:
            name = string[1]
        elif name not in _READ:
            yield string.span(1)


def _digits(sent: re.Match[bytes]) -> _Digits:
    whole, fraction = sent[1], sent[2] or b""
    text = slice(sent.start(1), sent.end(2) if fraction else sent.end(1))
    return _Digits(text, len(whole), len(fraction), max(int(whole).bit_length(), _LEAST_BITS))
