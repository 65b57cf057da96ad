"""How a process of many small and a few very large objects asks for memory.

Law: nothing here changes what is computed.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GIVE_BACK_SECONDS = 10.0


def spare_the_collector() -> None:
    """Let Python look for reference cycles less often: counting makes objects by the thousand and no cycles.

    Measured over three million events: with a first threshold of 50,000 the collector took 1.5 of 23 CPU-seconds, with
    these 0.8; with Python's own thresholds an event took a quarter more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cycles meanwhile, and not among what was made meanwhile either, which is there to stay.

    Of restoring 1.2 million tallies the collector took a sixth.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


def give_back() -> None:
    """Give the system all memory that is free inside the C library's heap, which takes some milliseconds.

    The sorted runs of remembered jobs are made anew whenever they are merged, and leave a heap full of holes that glibc
    keeps by itself: in a process that does nothing else ten million jobs took 26 to 39 bytes each, and take 20 so.
    Where there is no such library, nothing is done.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
