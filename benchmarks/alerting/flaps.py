"""How often one lasting outage is told of, by the share of jobs that fail in it.

Law: each contender's level lies somewhere among the rates that are tried, so each is seen with a rate that hovers where
it is weakest. The first rate is the healthy one: what is told of that is chance.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.alerting.simulated import Case, Outcome, strike
from benchmarks.alerting.traffic import HEALTHY, Rate, Traffic
from benchmarks.alerting.tuned import longest_minutes
from stream.domain.rules import RuleSet

RATES = (HEALTHY, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.30, 0.50, 0.80)


class Span(NamedTuple):
    """How long outages of presets last that are so busy, and of how many."""

    minutes: float
    presets: int


SPANS = {"5 an hour": Span(4 * 1440, 10), "1 a minute": Span(720, 40), "300 a minute": Span(60, 4)}


def lasting(rate: float, minutes: float) -> Rate:
    """Return a rate that is so high for some minutes."""
    return lambda at: np.where((at >= 0) & (at < minutes), rate, HEALTHY)


def cases(span: Span, before: float) -> Iterator[Case]:
    """Yield an outage for each rate, after so many minutes in which windows fill, and as many in which they empty."""
    for rate in RATES:
        yield Case(f"{rate:.0%}", lasting(rate, span.minutes), span.minutes, before, before)


def found(
    traffic: Traffic, rules: RuleSet, random: np.random.Generator, span: Span | None = None
) -> Iterator[tuple[str, dict[str, Outcome]]]:
    """Yield what every rule makes of each case."""
    span = span or SPANS[traffic.name]
    for case in cases(span, longest_minutes(rules)):
        yield case.name, strike(case, rules, traffic, span.presets, random)
