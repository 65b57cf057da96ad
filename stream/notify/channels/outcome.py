"""How sending went, and what an HTTP status says about trying again.

Law: what may succeed later is tried again; what the other side will never take is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from stream.notify.news import Delivery

LONGEST_RETRY_AFTER_SECONDS = 600
NEVER_TAKEN = frozenset({400, 405, 410, 411, 413, 415, 422})
"""Statuses by which a server says that this very message is wrong, not that it or its door is closed for now."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A delivery was not taken; final if it never will be; wait at least `wait_ms` before the next."""

    why: str
    is_final: bool = False
    wait_ms: int = 0


Outcome = Failed | None
"""None: it was taken."""


class Sender(Protocol):
    """A way out."""

    async def send(self, delivery: Delivery, now: int) -> Outcome:
        """Send a delivery at some instant."""

    async def close(self) -> None:
        """Let go of connections."""


def judge(status: int, headers: Mapping[str, str], said: str) -> Outcome:
    """Return what an HTTP answer means; `said` is the beginning of its body."""
    if 200 <= status < 300:
        return None
    after = headers.get("Retry-After", "")
    seconds = min(int(after), LONGEST_RETRY_AFTER_SECONDS) if after.isascii() and after.isdigit() else 0
    why = f"answered with status {status}" + (f": {' '.join(said.split())}" if said else "")
    return Failed(why, status in NEVER_TAKEN, seconds * 1000)
