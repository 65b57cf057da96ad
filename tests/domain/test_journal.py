"""Journal records: what is read is what was written, and what cannot be read is said in a sentence."""

import json

import pytest

from stream.domain.journal import Corrupt, decode, encode
from stream.domain.sources import Batch

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
        (RECORD + b"abc", "its 3 bytes of jobs are not a multiple of 20"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(record: bytes, why: str) -> None:
    assert decode(KEY, record) == Corrupt(KEY, why)
