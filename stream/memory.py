"""How a process of many small and a few very large objects asks for memory.

Law: nothing here changes what is computed.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LARGE_BYTES = 1 << 20

_M_MMAP_THRESHOLD = -3  # of malloc.h


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


def keep_large_blocks_apart() -> None:
    """Have the C library take large blocks from the system one by one, and give them back when they are freed.

    glibc lets what it calls large grow with what is freed, up to 32 MiB, and puts the rest on a heap which the sorted
    runs of remembered jobs, made anew whenever they are merged, leave full of holes: ten million jobs took 26 to 39
    bytes each, and take 20 so. Where there is no such library, nothing is done.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
