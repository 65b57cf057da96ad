"""NDJSON: every line as it stands, however the bytes come."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cli.lines import LONGEST_LINE, Splitter, read_lines
from stream.cli.output import Ended

texts = st.lists(st.sampled_from([b"\n", b"\r\n", b"{}", b" ", b"junk", b"\xff\x00", b"\t"])).map(b"".join)


def split(chunks: list[bytes]) -> Iterator[tuple[bytes, int]]:
    splitter = Splitter()
    for chunk in chunks:
        yield from splitter.take(chunk)
    yield from splitter.finish()


@given(texts, st.lists(st.integers(0, 40)))
def test_how_bytes_are_cut_into_chunks_changes_nothing(text: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts})
    chunks = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert list(split(chunks)) == list(read_lines(BytesIO(text)))


@given(texts)
def test_every_line_that_is_not_blank_is_a_record_byte_for_byte(text: bytes) -> None:
    assert [line.value for line in read_lines(BytesIO(text))] == [line for line in text.split(b"\n") if line.strip()]


@given(texts)
def test_all_of_a_text_that_ends_in_a_record_has_been_read_with_it(text: bytes) -> None:
    *_, last = read_lines(BytesIO(text + b"x"))
    assert last.read_bytes == len(text) + 1


def test_a_line_too_long_to_be_read_ends_the_command_and_is_named() -> None:
    long = BytesIO(b"{}\n" + b"x" * (LONGEST_LINE + 1) + b"\n")
    with pytest.raises(Ended, match=r"^Line 2 is longer than 32 MiB"):
        list(read_lines(long))
