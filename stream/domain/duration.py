"""Durations as people write them (`10s`, `5m`, `24h`, `3d`, `1h30m`) and as the code counts them (int milliseconds).

Law: what `format_duration` writes, `parse_duration` reads back as the same number.
Units go from large to small, each at most once, with nothing between them. A bare number is refused: nobody can tell
its unit.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
# Nine digits hold any duration worth writing, and keep a hostile "999...9s" from growing into an endless integer.
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS_MS))


def parse_duration(text: str) -> int:
    """Return the milliseconds meant by `text`; ValueError with a sentence for a person when it is no duration."""
    found = _DURATION.fullmatch(text)
    if not found or not text:
        raise ValueError(f"{text[:40]!r} is not a duration: write numbers with units, as in 10s, 5m, 24h, 3d or 1h30m")
    return sum(int(count) * ms for count, ms in zip(found.groups(), _UNITS_MS.values(), strict=True) if count)


def format_duration(ms: int) -> str:
    """Return the shortest text that reads back as `ms` milliseconds; `ms` must not be negative."""
    parts = []
    for unit, unit_ms in _UNITS_MS.items():
        count, ms = divmod(ms, unit_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _from_text(value: object) -> int:
    if isinstance(value, str):
        return parse_duration(value)
    hint = f', as in "{value}s"' if type(value) is int and 0 <= value < 10**9 else ""
    raise ValueError(f"{repr(value)[:40]} is not a duration: write text with a unit{hint}")


DurationMs = Annotated[int, BeforeValidator(_from_text), PlainSerializer(format_duration)]
"""A pydantic field: milliseconds in the code, duration text wherever it is read or written."""
