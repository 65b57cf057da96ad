"""When an event happened: `event_ts` where it makes sense, else the time Kafka recorded.

Law: any value gives a time or a reason why there is none, at once and without overflow, and the same value with the
same record time always gives the same answer.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_AHEAD_MS = 5 * 60_000
"""Clocks disagree by minutes; what is further ahead would drag the watermark into the future."""

MAX_BEHIND_MS = 365 * 86_400_000

# 2015-01-01 and 2100-01-01: before Daily existed, and after anyone will ask.
EARLIEST_MS, LATEST_MS = 1_420_070_400_000, 4_102_444_800_000

MILLISECONDS_ABOVE = 1e11
"""As seconds this is the year 5138, as milliseconds 1973: no event is meant to lie between."""

_NUMERIC = re.compile(r"\s{0,9}[+-]?[0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?\s{0,9}")


class TimeQuality(StrEnum):
    """How `event_ts` was read, or why it was not used."""

    OK = "ok"
    MILLISECONDS = "milliseconds"
    TEXT = "text"
    MISSING = "missing"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    FUTURE = "future"
    ANCIENT = "ancient"

    @property
    def trusted(self) -> bool:
        """Whether the time is the event's own and not the record's."""
        return self in _TRUSTED


_TRUSTED = frozenset((TimeQuality.OK, TimeQuality.MILLISECONDS, TimeQuality.TEXT))


@dataclass(frozen=True, slots=True)
class EventTime:
    """An event's time in epoch milliseconds, and where it comes from."""

    at_ms: int
    quality: TimeQuality


@dataclass(frozen=True, slots=True)
class NoTime:
    """Neither the event nor its record has a usable time."""

    quality: TimeQuality


def clean(raw: object, record_ms: int | None) -> EventTime | NoTime:
    """Return the event's time; `record_ms` is Kafka's timestamp, None or implausible (its -1) where there is none."""
    if record_ms is not None and not EARLIEST_MS <= record_ms <= LATEST_MS:
        record_ms = None
    read = _read(raw)
    judged = _judge(read, record_ms) if isinstance(read, EventTime) else read
    if isinstance(judged, NoTime) and record_ms is not None:
        return EventTime(record_ms, judged.quality)
    return judged


def _read(raw: object) -> EventTime | NoTime:
    if raw is None:
        return NoTime(TimeQuality.MISSING)
    if isinstance(raw, str) and _NUMERIC.fullmatch(raw):
        return _scale(float(raw), TimeQuality.TEXT, TimeQuality.TEXT)
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return _scale(raw, TimeQuality.OK, TimeQuality.MILLISECONDS)
    return NoTime(TimeQuality.NOT_A_NUMBER)


def _scale(number: float, as_seconds: TimeQuality, as_ms: TimeQuality) -> EventTime | NoTime:
    # Bounds come before arithmetic: an int of any length compares at once, but does not convert to a float.
    if isinstance(number, float) and not isfinite(number):
        return NoTime(TimeQuality.NOT_A_NUMBER)
    if number <= 0:
        return NoTime(TimeQuality.NEGATIVE)
    if number > LATEST_MS:
        return NoTime(TimeQuality.FUTURE)
    if number > MILLISECONDS_ABOVE:
        return EventTime(int(number + 0.5), as_ms)
    return EventTime(int(number * 1000 + 0.5), as_seconds)


def _judge(time: EventTime, record_ms: int | None) -> EventTime | NoTime:
    earliest = EARLIEST_MS if record_ms is None else record_ms - MAX_BEHIND_MS
    latest = LATEST_MS if record_ms is None else record_ms + MAX_AHEAD_MS
    if time.at_ms < earliest:
        return NoTime(TimeQuality.ANCIENT)
    return time if time.at_ms <= latest else NoTime(TimeQuality.FUTURE)


def usual_times(sent: NDArray[np.float64], record_ms: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return times in epoch milliseconds from seconds, and which of them `clean` would call `ok`."""
    in_seconds = (sent > 0) & (sent <= MILLISECONDS_ABOVE)
    at_ms = (np.where(in_seconds, sent, 0) * 1000 + 0.5).astype(np.int64)
    is_dated = (record_ms >= EARLIEST_MS) & (record_ms <= LATEST_MS)
    earliest = np.where(is_dated, record_ms - MAX_BEHIND_MS, EARLIEST_MS)
    latest = np.where(is_dated, record_ms + MAX_AHEAD_MS, LATEST_MS)
    return at_ms, in_seconds & (at_ms >= earliest) & (at_ms <= latest)
