"""NDJSON, a line at a time.

Law: a line is passed on byte for byte without its line feed, junk included; blank lines are no records. Memory is
bounded by the longest line that may be a record.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from stream.cli.output import wrong
from stream.clients import LARGEST_REQUEST


class Line(NamedTuple):
    """One line that is a record."""

    number: int
    value: bytes
    read_bytes: int
    """How many bytes of the file were read when this line had been."""


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """Yield the records of a file; a line too long for any broker ends the command."""
    read_bytes = 0
    number = 0
    while line := file.readline(LARGEST_REQUEST):
        number += 1
        read_bytes += len(line)
        if len(line) == LARGEST_REQUEST:
            raise wrong(f"Line {number} is longer than {LARGEST_REQUEST} bytes: every line must hold one webhook body.")
        if line.strip():
            yield Line(number, line.removesuffix(b"\n"), read_bytes)
