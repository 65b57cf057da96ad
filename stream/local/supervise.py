"""Runs the command given as arguments and stops it when standard input closes, as it does however the owner dies.

A pipe, because the kernel closes it on Linux and macOS alike, `kill -9` included; Linux's parent-death signal follows
the thread that started the broker and not the process, and asking for the parent's id now and then leaves a gap. This
file is run by path with the standard library only, so it is up in milliseconds, and in a session of its own, so Ctrl-C
in the terminal reaches the owner alone.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

STOP_SECONDS = 15.0  # Kafka takes about half a second to stop cleanly when idle
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the command and return its exit code."""
    child = subprocess.Popen(  # noqa: S603  the owner's command
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        close_fds=False,  # it keeps the folder's lock open as long as it lives
        preexec_fn=_die_with_supervisor,  # noqa: PLW1509  no thread runs yet
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_stop_with_owner, args=(child,), daemon=True).start()
    return child.wait()


def _stop_with_owner(child: subprocess.Popen[bytes]) -> None:
    os.read(sys.stdin.fileno(), 1)  # unbuffered: a buffer would be locked when the interpreter ends
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _die_with_supervisor() -> None:
    """On Linux, for the case that owner and supervisor are killed together."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
