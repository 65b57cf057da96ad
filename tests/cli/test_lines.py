"""NDJSON: every line as it stands, however the bytes come."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cli.lines import LONGEST_LINE, Some, Splitter, read_some
from stream.cli.output import Ended

texts = st.lists(st.sampled_from([b"\n", b"\r\n", b"{}", b" ", b"junk", b"\xff\x00", b"\t"])).map(b"".join)


def split(chunks: list[bytes]) -> Iterator[tuple[bytes, int]]:
    splitter = Splitter()
    for chunk in chunks:
        yield from splitter.take(chunk)
    yield from splitter.finish()


def lines(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if line.strip()]


@given(texts, st.lists(st.integers(0, 40)))
def test_how_bytes_are_cut_into_chunks_changes_nothing(text: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts})
    chunks = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert [value for value, _ in split(chunks)] == lines(text)
    assert list(split(chunks)) == list(split([text]))


class Trickling(BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def read1(self, _: int | None = -1, /) -> bytes:
        return self.read(3)


@given(texts, st.integers(1, 5))
def test_every_line_that_is_not_blank_is_a_record_byte_for_byte(text: bytes, about: int) -> None:
    for file in (BytesIO(text), Trickling(text)):
        found = list(read_some(file, about))
        assert [value for some in found for value in some.values] == lines(text)
        assert all(some.values for some in found)


def test_so_many_lines_are_taken_at_once_and_no_more_are_waited_for() -> None:
    assert list(read_some(Trickling(b"1\n2\n\n3\n4"), 2)) == [Some([b"1", b"2"], 6), Some([b"3", b"4"], 8)]


@given(texts)
def test_all_of_a_text_that_ends_in_a_record_has_been_read_with_it(text: bytes) -> None:
    *_, last = split([text + b"x"])
    assert last[1] == len(text) + 1
    *_, some = read_some(BytesIO(text + b"x"))
    assert some.read_bytes == len(text) + 1


def test_a_line_too_long_to_be_read_ends_the_command_and_is_named() -> None:
    long = b"{}\n" + b"x" * (LONGEST_LINE + 1) + b"\n"
    with pytest.raises(Ended, match=r"^Line 2 is longer than 32 MiB"):
        list(split([long]))
    with pytest.raises(Ended, match=r"^Line 2 is longer than 32 MiB"):
        list(read_some(BytesIO(long)))
