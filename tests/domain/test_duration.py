"""Durations: what is written reads back as the same number, and what is unclear is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream.domain.duration import DurationMs, format_duration, parse_duration

FIELD: TypeAdapter[int] = TypeAdapter(DurationMs)


@given(st.integers(min_value=0, max_value=86_400_000 * 999_999_999))
def test_a_formatted_duration_reads_back_as_the_same_number(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms


@given(st.text(max_size=12) | st.from_regex(r"([0-9]{1,10}(d|h|m|s|ms)){1,4}", fullmatch=True))
def test_any_text_is_a_duration_of_at_least_nothing_or_a_value_error(text: str) -> None:
    try:
        ms = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(format_duration(ms)) == ms >= 0


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("10s", 10_000),
        ("5m", 300_000),
        ("24h", 86_400_000),
        ("3d", 259_200_000),
        ("0s", 0),
        ("1h30m", 5_400_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("500ms", 500),
        ("90s", 90_000),
    ],
)
def test_a_duration_is_the_sum_of_its_units(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (1, "1ms"), (90_000, "1m30s"), (86_400_000, "1d"), (5_400_000, "1h30m")]
)
def test_a_duration_is_written_in_the_largest_units_that_fit(ms: int, text: str) -> None:
    assert format_duration(ms) == text


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "5M", "5 m", "-5s", "+5s", "1.5h", "30m1h", "1h1h", "5m\n", "٣s", "1w", "1e3s", "9" * 5_000 + "s"],
)
def test_a_text_without_one_clear_meaning_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write numbers with units"):
        parse_duration(text)


@pytest.mark.parametrize("value", [300, 1.5, True, None, ["5m"]])
def test_a_field_refuses_what_is_not_text(value: object) -> None:
    with pytest.raises(ValidationError, match="is not a duration: write text with a unit"):
        FIELD.validate_python(value)


def test_a_bare_number_is_answered_with_the_text_it_may_stand_for() -> None:
    with pytest.raises(ValidationError, match='as in "300s"'):
        FIELD.validate_python(300)


def test_a_field_is_written_as_the_text_it_was_read_from() -> None:
    assert FIELD.dump_json(FIELD.validate_python("1h30m")) == b'"1h30m"'
