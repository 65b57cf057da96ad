"""Times on the wire are ISO 8601 in UTC, exact to the millisecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import format_time, read_time

YEAR_1_MS, YEAR_9999_MS = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_711_402_410_000, "2024-03-25T21:33:30Z"),
        (1_711_402_402_539, "2024-03-25T21:33:22.539Z"),
        (1_711_402_402_050, "2024-03-25T21:33:22.050Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (YEAR_1_MS, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_written_with_milliseconds_only_where_it_has_any(ms: int, text: str) -> None:
    assert format_time(ms) == text


@given(st.integers(YEAR_1_MS, YEAR_9999_MS))
def test_a_written_time_reads_back_as_the_same_millisecond(ms: int) -> None:
    assert read_time(format_time(ms)) == ms


@pytest.mark.parametrize("text", ["2024-03-25T22:33:30+01:00", "2024-03-25T21:33:30", "2024-03-25 21:33:30.000Z"])
def test_a_time_in_another_spelling_is_the_same_time(text: str) -> None:
    assert read_time(text) == 1_711_402_410_000


def test_a_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="soon"):
        read_time("soon")
