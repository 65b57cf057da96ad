"""Whether short bursts of failures are noticed, how soon, and how often one is told of.

Law: the first case is none at all: what is noticed of that in the same time is chance.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.alerting.simulated import Case, Outcome, strike
from benchmarks.alerting.traffic import HEALTHY, Rate, Table, Traffic
from benchmarks.alerting.tuned import longest_minutes
from stream.domain.rules import RuleSet

APART = 20.0
"""Minutes from the start of one spike to that of the next."""

PRESETS = {"5 an hour": 60, "1 a minute": 200, "300 a minute": 8}


def bursts(minutes: float, share: float, times: int = 1) -> Rate:
    """Return a rate that is so high for some minutes, and that again every twenty minutes."""

    def rate(at: Table) -> Table:
        is_struck = (at >= 0) & (at < times * APART) & (at % APART < minutes)
        return np.where(is_struck, share, HEALTHY)

    return rate


def cases(before: float) -> Iterator[Case]:
    """Yield what happens, after so many minutes in which windows fill."""
    # For an hour after the last spike, and as long as windows hold it if that is longer, alerts may come again.
    after = max(60, before)
    yield Case("none, in 3 m", bursts(3, HEALTHY), 3, before, after)
    for minutes, share in ((1, 0.5), (1, 1.0), (2, 0.75), (3, 0.5), (3, 1.0)):
        yield Case(f"{minutes} m of {share:.0%}", bursts(minutes, share), minutes, before, after)
    for minutes, share in ((1, 1.0), (3, 0.5)):
        lasts = 5 * APART + minutes
        yield Case(f"6 times {minutes} m of {share:.0%}", bursts(minutes, share, 6), lasts, before, after)


def found(
    traffic: Traffic, rules: RuleSet, random: np.random.Generator, presets: int | None = None
) -> Iterator[tuple[str, dict[str, Outcome]]]:
    """Yield what every rule makes of each case."""
    for case in cases(longest_minutes(rules)):
        yield case.name, strike(case, rules, traffic, presets or PRESETS[traffic.name], random)
