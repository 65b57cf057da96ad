"""How long a command lives that has nothing left to do but wait.

Law: the first Ctrl-C or SIGTERM ends the waiting; while what was started is stopped, those that follow change nothing,
so that an impatient second one leaves nothing half stopped.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from types import FrameType
from typing import NoReturn

LOOK_SECONDS = 0.2
"""How often a command that waits looks whether what it started still runs."""

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def until_told_to_stop() -> Iterator[None]:
    """End the block at the first SIGINT or SIGTERM, as if it had come to its end."""
    before = {number: signal.signal(number, _stop) for number in _STOPPING}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def keep_checking(*checks: Callable[[], None]) -> NoReturn:
    """Wait until told to stop, or until a check ends the command."""
    while True:
        for check in checks:
            check()
        sleep(LOOK_SECONDS)
