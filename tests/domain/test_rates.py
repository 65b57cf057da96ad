"""How far a rate can be trusted: the Wilson interval against published numbers, its equation, and its laws."""

from fractions import Fraction
from math import sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.evidence import Rated, rated
from stream.domain.rates import SHOWN_CONFIDENCE, wilson


@pytest.mark.parametrize(
    ("errors", "total", "low", "high"),
    [
        # R. G. Newcombe (1998), "Two-sided confidence intervals for the single proportion: comparison of seven
        # methods", Statistics in Medicine 17, 857-872, table I, method 3 (score, no continuity correction), 95 %.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_bounds_are_the_published_ones(errors: int, total: int, low: float, high: float) -> None:
    assert wilson(errors, total) == pytest.approx((low, high), abs=0.00005)


@pytest.mark.parametrize(
    ("confidence", "z"), [(0.90, 1.6449), (0.95, 1.9600), (0.99, 2.5758)], ids=["90 %", "95 %", "99 %"]
)
def test_a_rate_of_zero_or_one_has_the_bound_of_the_closed_form(confidence: float, z: float) -> None:
    # With no errors the interval is 0 to z² / (n + z²); z is the two-sided normal quantile, as printed in any table.
    for total in (1, 20, 1_000):
        share = z * z / (total + z * z)
        assert wilson(0, total, confidence) == pytest.approx((0, share), abs=1e-4)
        assert wilson(total, total, confidence) == pytest.approx((1 - share, 1), abs=1e-4)


JOBS = st.integers(1, 10**7).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))
CONFIDENCES = st.floats(0.01, 0.999)


def squared_distance(bound: float, errors: int, total: int) -> Fraction:
    """How many standard errors, squared, a true rate lies from the one seen; exactly."""
    true, seen = Fraction(bound), Fraction(errors, total)
    return (seen - true) ** 2 * total / (true * (1 - true))


@given(JOBS, CONFIDENCES)
def test_each_bound_is_a_true_rate_just_so_many_standard_errors_away(jobs: tuple[int, int], confidence: float) -> None:
    errors, total = jobs
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    low, high = wilson(errors, total, confidence)
    for bound in {low, high} - {0.0, 1.0}:
        assert sqrt(squared_distance(bound, errors, total)) == pytest.approx(z, rel=1e-4, abs=1e-6)
    assert errors == 0 or low > 0
    assert errors == total or high < 1


@given(JOBS, CONFIDENCES)
def test_the_bounds_hold_the_rate_and_are_shares(jobs: tuple[int, int], confidence: float) -> None:
    errors, total = jobs
    low, high = wilson(errors, total, confidence)
    assert 0 <= low <= errors / total <= high <= 1


@given(JOBS, CONFIDENCES)
def test_one_more_error_never_lowers_a_bound(jobs: tuple[int, int], confidence: float) -> None:
    errors, total = jobs
    if errors < total:
        before, after = wilson(errors, total, confidence), wilson(errors + 1, total, confidence)
        assert before[0] <= after[0]
        assert before[1] <= after[1]


@given(JOBS, CONFIDENCES, CONFIDENCES)
def test_more_confidence_asks_for_wider_bounds(jobs: tuple[int, int], one: float, other: float) -> None:
    less, more = sorted((one, other))
    narrow, wide = wilson(*jobs, less), wilson(*jobs, more)
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


@given(JOBS)
def test_ten_times_the_jobs_at_the_same_rate_narrow_the_bounds(jobs: tuple[int, int]) -> None:
    errors, total = jobs
    low, high = wilson(errors, total)
    lower, higher = wilson(10 * errors, 10 * total)
    assert low <= lower
    assert higher <= high
    assert higher - lower < high - low


@given(JOBS)
def test_the_bounds_of_successes_mirror_those_of_errors(jobs: tuple[int, int]) -> None:
    errors, total = jobs
    low, high = wilson(errors, total)
    assert wilson(total - errors, total) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_over_zero_jobs_any_rate_may_be_true_and_none_is_shown() -> None:
    assert wilson(0, 0) == (0, 1)
    assert rated(0, 0) == Rated(None, None, None)


def test_a_shown_rate_has_bounds_at_95_percent_and_six_decimals() -> None:
    assert SHOWN_CONFIDENCE == 0.95
    assert rated(1, 3) == Rated(0.333333, *(round(bound, 6) for bound in wilson(1, 3, 0.95)))
