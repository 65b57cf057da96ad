"""When an event happened: every way Daily's `event_ts` may look, and what is made of it."""

import pytest

from stream.domain.event_time import EventTime, NoTime, TimeQuality, clean

RECORD_MS = 1_711_402_410_000
SENT_MS = 1_711_402_402_539
YEAR_MS = 365 * 86_400_000

TRUSTED: list[tuple[object, int, TimeQuality]] = [
    (1711402402.539, SENT_MS, TimeQuality.OK),
    (1711402402, SENT_MS - 539, TimeQuality.OK),
    (1711402402.5385, SENT_MS, TimeQuality.OK),
    (1711402402.5384, SENT_MS - 1, TimeQuality.OK),
    (SENT_MS, SENT_MS, TimeQuality.MILLISECONDS),
    (float(SENT_MS), SENT_MS, TimeQuality.MILLISECONDS),
    (SENT_MS + 0.5, SENT_MS + 1, TimeQuality.MILLISECONDS),
    ("1711402402.539", SENT_MS, TimeQuality.TEXT),
    (" 1711402402539 ", SENT_MS, TimeQuality.TEXT),
    ("1.711402402539e9", SENT_MS, TimeQuality.TEXT),
    (RECORD_MS + 300_000, RECORD_MS + 300_000, TimeQuality.MILLISECONDS),
    (RECORD_MS - YEAR_MS, RECORD_MS - YEAR_MS, TimeQuality.MILLISECONDS),
]

ABSURD: list[tuple[object, TimeQuality]] = [
    (None, TimeQuality.MISSING),
    (float("nan"), TimeQuality.NOT_A_NUMBER),
    (float("inf"), TimeQuality.NOT_A_NUMBER),
    (float("-inf"), TimeQuality.NOT_A_NUMBER),
    (True, TimeQuality.NOT_A_NUMBER),
    ([1711402402], TimeQuality.NOT_A_NUMBER),
    ({}, TimeQuality.NOT_A_NUMBER),
    ("", TimeQuality.NOT_A_NUMBER),
    ("NaN", TimeQuality.NOT_A_NUMBER),
    ("yesterday", TimeQuality.NOT_A_NUMBER),
    ("1_711_402_402", TimeQuality.NOT_A_NUMBER),
    ("١٧١١٤٠٢٤٠٢", TimeQuality.NOT_A_NUMBER),
    ("9" * 5000, TimeQuality.NOT_A_NUMBER),
    ("1e999", TimeQuality.NOT_A_NUMBER),
    (0, TimeQuality.NEGATIVE),
    (-0.0, TimeQuality.NEGATIVE),
    (-1711402402.539, TimeQuality.NEGATIVE),
    ("-1", TimeQuality.NEGATIVE),
    (-(10**400), TimeQuality.NEGATIVE),
    (RECORD_MS + 300_001, TimeQuality.FUTURE),
    (SENT_MS * 1000, TimeQuality.FUTURE),
    (SENT_MS * 1_000_000, TimeQuality.FUTURE),
    (1e11, TimeQuality.FUTURE),
    (1e300, TimeQuality.FUTURE),
    (10**400, TimeQuality.FUTURE),
    (1e-9, TimeQuality.ANCIENT),
    (1e11 + 1, TimeQuality.ANCIENT),
    (RECORD_MS - YEAR_MS - 1, TimeQuality.ANCIENT),
]


@pytest.mark.parametrize(("raw", "at_ms", "quality"), TRUSTED)
def test_a_plausible_time_is_the_events_own_in_whole_milliseconds(
    raw: object, at_ms: int, quality: TimeQuality
) -> None:
    assert clean(raw, RECORD_MS) == EventTime(at_ms, quality)
    assert quality.trusted


@pytest.mark.parametrize(("raw", "quality"), ABSURD, ids=lambda value: repr(value)[:24])
def test_an_absurd_time_falls_back_to_the_record_and_says_why(raw: object, quality: TimeQuality) -> None:
    assert clean(raw, RECORD_MS) == EventTime(RECORD_MS, quality)
    assert not quality.trusted


@pytest.mark.parametrize("record_ms", [None, -1, 0, 1_420_070_399_999, 4_102_444_800_001, 2**63 - 1])
@pytest.mark.parametrize("at_ms", [1_420_070_400_000, SENT_MS, 4_102_444_800_000])
def test_without_a_usable_record_time_a_plausible_event_time_stands_alone(record_ms: int | None, at_ms: int) -> None:
    assert clean(at_ms / 1000, record_ms) == EventTime(at_ms, TimeQuality.OK)


@pytest.mark.parametrize(
    ("raw", "quality"),
    [
        (None, TimeQuality.MISSING),
        ("junk", TimeQuality.NOT_A_NUMBER),
        (-5, TimeQuality.NEGATIVE),
        (1_420_070_399.999, TimeQuality.ANCIENT),
        (4_102_444_800.001, TimeQuality.FUTURE),
        (10**400, TimeQuality.FUTURE),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_without_a_usable_record_time_an_absurd_event_time_leaves_none(raw: object, quality: TimeQuality) -> None:
    assert clean(raw, None) == NoTime(quality)
    assert clean(raw, -1) == NoTime(quality)
