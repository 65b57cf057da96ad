"""Journal records: what is read is what was written, and what cannot be read is said in a sentence."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.domain import journal_log
from stream.domain.dedupe import Jobs
from stream.domain.homes import Home
from stream.domain.journal import Corrupt, decode, encode
from stream.domain.journal_log import JournalLog
from stream.domain.sources import Batch, CountingPolicy, SourceState, new_sources

KEY = b"0:00000000000000000007:writer"
RECORD = encode(Batch(7, 9, 1_767_600_000_000, forwarded_to={1: 5}), "topic-id")


def edited(**fields: object) -> bytes:
    line, newline, jobs = RECORD.partition(b"\n")
    return json.dumps(json.loads(line) | fields).encode() + newline + jobs


def test_a_record_is_read_as_it_was_written() -> None:
    batch = decode(KEY, RECORD)
    assert isinstance(batch, Batch)
    assert (batch.first, batch.last, batch.watermark_ms) == (7, 9, 1_767_600_000_000)
    assert (batch.forwarded_to, batch.tallies, len(batch.jobs)) == ({1: 5}, {}, 0)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (edited(v=2, last="in another form"), "it has format 2, of another version of presetwatch; this reads 1"),
        (edited(last="nine"), "its header does not fit: Expected `int`, got `str` - at `$.last`"),
        (b"rubbish", "its header does not fit: JSON is malformed: invalid character (byte 0)"),
        (
            edited(tallies={"summarize": [{"start_ms": 0, "failures": 7}]}),
            "its header does not fit: Expected `object`, got `int` - at `$.failures`",
        ),
        (RECORD + b"abc", "its 3 bytes of jobs are not a multiple of 20"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(record: bytes, why: str) -> None:
    assert decode(KEY, record) == Corrupt(KEY, why)


def test_a_record_that_is_nested_without_end_is_corrupt() -> None:
    assert isinstance(decode(KEY, b'{"x":' + b"[" * 100_000), Corrupt)


def new_state() -> SourceState:
    return new_sources(CountingPolicy(), Home(0, 1)).own


@settings(max_examples=30)
@given(st.lists(st.sampled_from((1, 5, 40, 60, 90)), min_size=1, max_size=80))
def test_a_journal_says_all_that_was_written_and_holds_on_to_little(sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_log, "LARGEST_BYTES", largest := 3_000)
        state, log, kept = new_state(), JournalLog(b"0", 5), dict[bytes, bytes]()
        first = 0
        for number, size in enumerate(sizes):
            jobs = Jobs(
                np.arange(2 * size, dtype=np.uint64).reshape(-1, 2) + np.uint64(number << 20), np.ones(size, np.uint32)
            )
            batch = Batch(first, first + size - 1, number, jobs=jobs)
            first += size
            state.apply(batch)
            for key, value in log.write(batch, state, 0):
                kept.pop(key, None)
                kept |= {} if value is None else {key: value}
        held = [entry for entry in log.entries if entry.batch is not None]
        assert sum(entry.size for entry in held) <= 3 * largest
        recovered = new_state()
        assert JournalLog(b"0", 5).read(recovered, kept.items()) is None
    assert (recovered.position, len(recovered.jobs)) == (state.position, len(state.jobs)) == (first, first)
