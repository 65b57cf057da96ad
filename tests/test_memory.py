"""What a worker asks of its machine's memory."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from stream.memory import uncollected

REMEMBERING = """
import os
import numpy as np
from stream.domain.dedupe import Jobs, RememberedJobs
from stream.memory import give_back

BATCH, BATCHES, PARTITIONS = 10_000, 400, 4

def resident() -> int:
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

names, notes = np.random.default_rng(1), np.full(BATCH, 900_000, np.uint32)
partitions = [RememberedJobs(96 * 3_600_000) for _ in range(PARTITIONS)]
for number in range(BATCHES):
    if number == BATCHES // 4:
        give_back()
        before = resident()
    some = names.integers(0, 2**63, (BATCH, 2), np.uint64)
    partitions[number % PARTITIONS].remember(Jobs(some, notes))
give_back()
print((resident() - before) / (BATCH * BATCHES * 3 / 4))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from Linux' /proc")
def test_a_remembered_job_takes_at_most_24_bytes() -> None:
    done = subprocess.run([sys.executable, "-c", REMEMBERING], capture_output=True, text=True, check=True)
    assert 12 < float(done.stdout) <= 24


def test_the_collector_rests_in_a_recovery() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_goes_on_after_a_recovery_that_failed() -> None:
    with pytest.raises(LookupError), uncollected():
        raise LookupError
    assert gc.isenabled()
