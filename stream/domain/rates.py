"""Error rates and how far they can be trusted.

Law: low <= rate <= high, all within 0 and 1; a rate over zero jobs does not exist.
"""

from functools import lru_cache
from math import sqrt
from statistics import NormalDist

SHOWN_CONFIDENCE = 0.95
"""Confidence of the bounds shown with every rate."""


def wilson(errors: int, total: int, confidence: float = SHOWN_CONFIDENCE) -> tuple[float, float]:
    """Return the two-sided Wilson score interval of errors / total; (0, 1) when there is nothing to go by.

    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22(158), 209-212.
    It keeps its promise at small counts and rates near zero, where the normal approximation does not.
    """
    if not total:
        return 0.0, 1.0
    z = _z(confidence)
    rate, shrink = errors / total, 1 + z * z / total
    centre = (rate + z * z / (2 * total)) / shrink
    reach = z * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / shrink
    return (max(0.0, min(rate, centre - reach)), min(1.0, max(rate, centre + reach)))


def is_above(limit: float, errors: int, total: int, confidence: float) -> bool:
    """Tell whether a rate is above a limit and, at a confidence, no accident of few jobs; 0 asks for the rate alone."""
    # The bound lies below the rate, so that it is only worth computing where the rate itself is too high.
    return bool(total) and errors / total > limit and (not confidence or wilson(errors, total, confidence)[0] > limit)


@lru_cache(maxsize=64)
def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
