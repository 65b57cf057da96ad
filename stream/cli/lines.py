"""NDJSON, a line at a time, from chunks of any size.

Law: a line is passed on byte for byte without its line feed, junk included; blank lines are no records. How the bytes
are cut into chunks changes nothing, and memory is bounded by the longest line that is read at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from stream.cli.output import Ended, wrong
from stream.domain.decoding import MAX_BYTES

CHUNK_BYTES = 2**16
LARGE_CHUNK_BYTES = 2**20
SOME_LINES = 10_000
LONGEST_LINE = 2 * MAX_BYTES
"""Bytes; what is longer than half of this is parked by a worker anyway."""


class Chunked(Protocol):
    """A file of bytes that gives what it has without waiting for more."""

    def fileno(self) -> int: ...  # noqa: D102
    def read1(self, size: int, /) -> bytes: ...  # noqa: D102


class Line(NamedTuple):
    """One line that is a record."""

    value: bytes
    read_bytes: int
    """How much had been read when this line had been."""


@dataclass(slots=True)
class Splitter:
    """Makes lines out of chunks."""

    number: int = 1
    read_bytes: int = 0
    rest: bytearray = field(default_factory=bytearray)
    """The beginning of a line whose end has not come yet."""

    def take(self, chunk: bytes) -> Iterator[Line]:
        """Yield the records that a chunk completes; a line too long to be read ends the command."""
        *ends, begun = chunk.split(b"\n")
        for end in ends:
            self._grow(end)
            self.read_bytes += len(self.rest) + 1
            yield from self._complete()
            self.number += 1
        self._grow(begun)

    def finish(self) -> Iterator[Line]:
        """Yield the last record if no line feed ends it."""
        self.read_bytes += len(self.rest)
        yield from self._complete()

    def _grow(self, piece: bytes) -> None:
        self.rest += piece
        if len(self.rest) > LONGEST_LINE:
            raise _too_long(self.number)

    def _complete(self) -> Iterator[Line]:
        value = bytes(self.rest)
        self.rest.clear()
        if value.strip():
            yield Line(value, self.read_bytes)


class Some(NamedTuple):
    """Some lines that are records, and how much had been read when they had been."""

    values: list[bytes]
    read_bytes: int


def read_some(file: Chunked, about: int = SOME_LINES) -> Iterator[Some]:
    """Yield the records of a file, about so many at once: a tenth of the work of taking them one by one."""
    values: list[bytes] = []
    number, read_bytes, rest = 1, 0, b""
    while chunk := file.read1(LARGE_CHUNK_BYTES):
        *ends, rest = _split(rest + chunk, number)
        number += len(ends)
        read_bytes += len(chunk)
        values += [end for end in ends if end and not end.isspace()]
        if len(values) >= about:
            yield Some(values, read_bytes)
            values = []
    values += [rest] if rest.strip() else []
    if values:
        yield Some(values, read_bytes)


def _split(text: bytes, number: int) -> list[bytes]:
    lines = text.split(b"\n")
    if max(map(len, lines)) > LONGEST_LINE:
        raise _too_long(number + next(at for at, line in enumerate(lines) if len(line) > LONGEST_LINE))
    return lines


def _too_long(number: int) -> Ended:
    return wrong(f"Line {number} is longer than {LONGEST_LINE >> 20} MiB: put one body on each line.")
