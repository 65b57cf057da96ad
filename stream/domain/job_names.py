"""Job ids as names of a fixed size, many at once.

Law: equal ids have equal names. Different ids have different names if both are UUIDs, whose 128 bits are the name;
any other id goes by a digest of 128 bits, and among ten million jobs two share one with probability 1.5e-25 (birthday
bound).
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Names = NDArray[np.uint64]
"""One row a job: the high and the low half of its name."""

Characters = NDArray[np.uint8]
"""The ASCII codes of ids that are as long as a UUID, one row a job."""

NAME_BYTES = 16
UUID_CHARS = 36

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DASHES = [8, 13, 18, 23]
_DIGITS = np.delete(np.arange(UUID_CHARS), _DASHES)
_NOT_DIGITS = 0xFFFF
_PAIRS = np.full(2**16, _NOT_DIGITS, np.uint16)
"""What two hexadecimal digits say, by the number that their characters are in memory."""
_PAIRS[np.frombuffer(b"".join(b"%02x" % value for value in range(256)), np.uint16)] = range(256)


class JobIds(Sequence[str]):
    """Ids that are as long as a UUID; text is made of those that are asked for only."""

    def __init__(self, chars: Characters) -> None:
        self.chars = chars

    def __len__(self) -> int:
        return len(self.chars)

    def __getitem__(self, at: Any) -> Any:
        return JobIds(self.chars[at]) if isinstance(at, slice) else self.chars[at].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        text = self.chars.tobytes().decode()
        return (text[at : at + UUID_CHARS] for at in range(0, len(text), UUID_CHARS))


def characters(job_ids: Sequence[str]) -> Characters | None:
    """Return ids as characters, or None unless all of them are as long as a UUID."""
    if isinstance(job_ids, JobIds):
        return job_ids.chars
    text = "".join(job_ids)
    if not text.isascii() or set(map(len, job_ids)) != {UUID_CHARS}:
        return None
    return np.frombuffer(text.encode(), np.uint8).reshape(-1, UUID_CHARS)


def chosen(job_ids: Sequence[str], rows: NDArray[np.intp]) -> Sequence[str]:
    """Return some of the ids."""
    if isinstance(job_ids, JobIds):
        return JobIds(job_ids.chars[rows])
    return [job_ids[row] for row in rows.tolist()]


def names(job_ids: Sequence[str]) -> Names:
    """Return the names of jobs, row by row."""
    chars = characters(job_ids)
    return unpack_names(b"".join(map(_name, job_ids))) if chars is None else _name_all(job_ids, chars)


def _name_all(job_ids: Sequence[str], chars: Characters) -> Names:
    pairs = _PAIRS.take(chars.take(_DIGITS, axis=1).view(np.uint16))
    found = unpack_names(pairs.astype(np.uint8).tobytes())
    are_dashes = chars[:, _DASHES] == ord("-")
    if not are_dashes.all() or pairs.max(initial=0) == _NOT_DIGITS:
        is_sound = are_dashes.all(axis=1) & (pairs != _NOT_DIGITS).all(axis=1)
        for row in np.flatnonzero(~is_sound).tolist():
            found[row] = unpack_names(_name(job_ids[row]))
    return found


def _name(job_id: str) -> bytes:
    if _UUID.fullmatch(job_id):
        return bytes.fromhex(job_id.replace("-", ""))
    return blake2b(job_id.encode(), digest_size=NAME_BYTES).digest()


def unpack_names(packed: bytes) -> Names:
    """Return names from their bytes."""
    found: Names = np.frombuffer(packed, ">u8").astype(np.uint64).reshape(-1, 2)
    return found


def pack_names(given: Names) -> bytes:
    """Return names as bytes, 16 each."""
    return given.astype(">u8").tobytes()
