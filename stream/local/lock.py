"""One broker per folder.

The lock is a `flock` on a file that the Java process inherits, so it is free exactly when nothing writes to the folder
any more, even if the process that took it was killed. The file holds that process's id, to tell a rival from a dead
owner whose broker is still stopping.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from stream.local.failure import BrokerFailed

_DEAD_OWNER_SECONDS = 30.0  # longer than the supervisor gives Kafka to stop


@contextmanager
def hold_lock(data_dir: Path, on_progress: Callable[[str], None]) -> Iterator[int]:
    """Hold the folder and yield the lock's descriptor, for children to inherit; raises BrokerFailed if it is in use."""
    with _lock_file(data_dir) as file:
        _take(file, data_dir, on_progress)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _lock_file(data_dir: Path) -> TextIO:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return (data_dir / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise BrokerFailed(f"The broker folder {data_dir} cannot be used ({error}): choose another folder.") from error


def _take(file: TextIO, data_dir: Path, on_progress: Callable[[str], None]) -> None:
    give_up_at = time.monotonic() + _DEAD_OWNER_SECONDS
    announced = False
    while not _try_lock(file):
        owner = _owner(file)
        if _is_alive(owner):
            raise BrokerFailed(
                f"The broker folder {data_dir} is in use by process {owner}: "
                "stop that one first, or choose another folder."
            )
        if time.monotonic() > give_up_at:
            raise BrokerFailed(
                f"A Java process left over from process {owner} still uses {data_dir}: end it, then start again."
            )
        if not announced:
            on_progress("waiting for the broker of a killed process to stop")
            announced = True
        time.sleep(0.05)


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(file: TextIO) -> int:
    file.seek(0)
    return int(file.read() or 0)


def _is_alive(process: int) -> bool:
    """Whether the process runs; an owner that has not yet written its id (0) counts as running."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
