"""The contenders as rules that the workers' own code decides, each wrong about a healthy preset about once a week.

Law: nothing here decides anything, and only the window is chosen by an incident, once: it is the one in which a step to
10 % is noticed soonest. The level is the one that is reached by mistake once a week, found by bisection. What is not
tuned has the default of its kind.

What Prometheus does is a rule like any other: the plain rate (no confidence, one job is enough), no `keep_firing_for`,
which is its default, `for` only where the name says so, and no gap between firing and resolving. A rate of no jobs is
NaN there, which is above nothing, so the alert resolves.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from benchmarks.alerting.__main__ import WEEK, delay, level, struck
from benchmarks.alerting.contenders import (
    BURN_RATE,
    PLAIN_RATE,
    RATE_FOR,
    THRESHOLD,
    TWO_WINDOWS,
    Contender,
    held_panes,
)
from benchmarks.alerting.simulated import MINUTE_MS
from benchmarks.alerting.traffic import HEALTHY, INCIDENTS, TRAFFIC, Traffic, draw
from stream.domain.duration import format_duration, parse_duration
from stream.domain.rules import RuleSet
from stream.domain.shift_rule import ShiftRule

Keys = Mapping[str, Any]
"""A rule's keys, as in a rules file."""

LOADS = (
    # Panes of ten minutes would hide how soon a silence is noticed.
    replace(TRAFFIC[0], pane_minutes=5.0, windows=(72, 144, 288, 576)),
    *TRAFFIC[1:],
)
PROMETHEUS: Keys = {"min_jobs": 1, "confidence": 0.0, "keep_firing_for": "0s", "on_no_data": "resolve"}
OBJECTIVE = 0.9
PERIOD_MINUTES = 28 * 24 * 60
"""Of burn rates; with either a level is a share of the budget, and any share within a window is some level."""


def text(panes: int, traffic: Traffic) -> str:
    """Return how long so many panes are, as rules files have it."""
    return format_duration(round(panes * traffic.pane_minutes * MINUTE_MS))


def plain_rate(at: float, window: int, traffic: Traffic) -> Keys:
    """Return `rate > x`."""
    return {"kind": "threshold", "window": text(window, traffic), "error_rate": at, "resolve_below": at, **PROMETHEUS}


def rate_for(at: float, window: int, traffic: Traffic) -> Keys:
    """Return `rate > x for y`."""
    return {**plain_rate(at, window, traffic), "for": text(held_panes(window) - 1, traffic)}


def threshold(at: float, window: int, traffic: Traffic) -> Keys:
    """Return presetwatch's `threshold`."""
    return {"kind": "threshold", "window": text(window, traffic), "error_rate": at, "min_jobs": 1}


def burn_rate(at: float, window: int, traffic: Traffic) -> Keys:
    """Return presetwatch's `burn_rate`, with one pair of windows."""
    budget = at * window * traffic.pane_minutes / PERIOD_MINUTES / (1 - OBJECTIVE)
    pair = {"long": text(window, traffic), "short": text(max(1, window // 12), traffic), "budget": budget}
    period = format_duration(PERIOD_MINUTES * MINUTE_MS)
    return {"kind": "burn_rate", "objective": OBJECTIVE, "period": period, "pairs": (pair,), "min_jobs": 1}


def two_windows(at: float, window: int, traffic: Traffic) -> Keys:
    """Return what the SRE workbook writes for Prometheus."""
    return {**burn_rate(at, window, traffic), **PROMETHEUS}


WINDOWED: Mapping[str, tuple[Contender, Callable[[float, int, Traffic], Keys]]] = {
    "rate-above-x": (PLAIN_RATE, plain_rate),
    "rate-above-x-for-y": (RATE_FOR, rate_for),
    "two-windows": (TWO_WINDOWS, two_windows),
    "threshold": (THRESHOLD, threshold),
    "burn-rate": (BURN_RATE, burn_rate),
}
KEPT = "1h"
"""For how long the default rules have a run of failures keep firing: the remedy for rules that flap."""


def in_a_row(traffic: Traffic) -> int:
    """Return how many failures in a row come by chance once a week or more seldom, if looked for once a pane."""
    looks = WEEK * min(traffic.jobs_per_minute, 1 / traffic.pane_minutes)
    return next(errors for errors in count(1) if looks * (1 - HEALTHY) * HEALTHY**errors <= 1)


def windowed(traffic: Traffic, presets: int, random: np.random.Generator) -> Iterator[tuple[str, Keys]]:
    """Yield the rules that have a window, by their names, with the window that serves each best."""
    healthy = draw(traffic, np.full(traffic.panes(WEEK), HEALTHY), presets, random)
    jobs, begin = struck(traffic, INCIDENTS["step to 10 %"], presets, random)
    for name, (contender, keys) in WINDOWED.items():
        levels = {window: level(contender, window, healthy, traffic) for window in _windows(contender, traffic)}
        delays = {
            window: delay(contender.statistic(jobs, window) >= at, begin, traffic) for window, at in levels.items()
        }
        window = min(delays, key=lambda each: delays[each])
        yield name, keys(levels[window], window, traffic)


def _windows(contender: Contender, traffic: Traffic) -> tuple[int, ...]:
    # Of one that is too short for it, a fifth is no time to wait for.
    return tuple(window for window in traffic.windows if contender is not RATE_FOR or held_panes(window) > 1)


def longest_minutes(rules: RuleSet) -> float:
    """Return the longest window that must be full before a rule speaks."""
    return (
        max(max(rule.windows) for rule in rules.rules if not isinstance(rule, ShiftRule) and rule.windows) / MINUTE_MS
    )


def tune(traffic: Traffic, presets: int = 60, seed: int = 5) -> RuleSet:
    """Return every contender that counts failures, tuned on so many healthy presets of a week each."""
    rules = dict(windowed(traffic, presets, np.random.default_rng(seed)))
    # While the long window holds an outage, the short one may at any time hold too few jobs to show it.
    long = rules["burn-rate"]["pairs"][0]["long"]
    rules["burn-rate-kept"] = {**rules["burn-rate"], "keep_firing_for": max(KEPT, long, key=parse_duration)}
    rules["shift"] = {"kind": "shift", "baseline": HEALTHY, "detect": 0.10, "false_alarms": "1 per 7d"}
    rules["consecutive"] = {"kind": "consecutive", "errors": in_a_row(traffic)}
    rules["consecutive-kept"] = {**rules["consecutive"], "keep_firing_for": KEPT}
    return RuleSet.model_validate({"rules": tuple({"name": name, **keys} for name, keys in rules.items())})
