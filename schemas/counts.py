"""The field types that rates and alerts share: counts by name, and rates.

Law: equal values serialise to equal bytes, so counts are kept in one order and rates to six decimals.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeInt

DECIMALS = 6


def _by_descending_count(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _by_name(texts: dict[str, str]) -> dict[str, str]:
    return dict(sorted(texts.items()))


def _rounded(rate: float) -> float:
    return round(rate, DECIMALS)


Counts = Annotated[dict[str, NonNegativeInt], AfterValidator(_by_descending_count)]
Texts = Annotated[dict[str, str], AfterValidator(_by_name)]
Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_rounded)]
Ratio = Annotated[float, Field(ge=0, le=1), AfterValidator(_rounded)]


def check_null_over_zero_jobs(total: int, *rates: float | None) -> None:
    """Refuse made-up rates: ValueError when there is one although there were no jobs."""
    if total == 0 and any(rate is not None for rate in rates):
        raise ValueError("a rate over zero jobs is null")
