"""How soon it is noticed that no jobs come any more, by day and at night, and how often that is said by mistake.

Law: whether `silence` fires is said by the workers' own code; its false alarms are counted on many weeks, in a way that
a test shows to be the same.

Jobs come at random, at a rate that may depend on the time of day. After a job none comes for so long with a chance of
exp(-jobs expected), so patience follows from how often one may be wrong. One who knew the rate of every minute would
fire once log(jobs a week) jobs are missing, sooner by day than at night; `silence` has one patience for all day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import log

import numpy as np

from benchmarks.alerting.__main__ import WEEK
from benchmarks.alerting.healthy import gaps
from benchmarks.alerting.simulated import MINUTE_MS, START_MS, Ends, Outcome, outcomes, told
from benchmarks.alerting.traffic import HEALTHY, Table, Traffic
from benchmarks.alerting.tuned import text
from stream.domain.episodes import Incident
from stream.domain.rules import RuleSet, SilenceRule

DAY = 24 * 60
RHYTHM = 0.8
"""By day there are nine times as many jobs as at night."""
WEEKS = 50
"""In which false alarms are counted."""
PRESETS = 20
WATCHES_MINUTES = 120
"""At least so long it is watched what becomes of a stop."""


@dataclass(frozen=True, slots=True)
class Flow:
    """How many jobs come; with a rhythm there are most of them at a quarter of a day, and fewest at three."""

    traffic: Traffic
    has_rhythm: bool

    def per_pane(self, begin: int, panes: int) -> Table:
        """Return how many jobs are expected of each pane from one on."""
        days = np.arange(begin, begin + panes) * self.traffic.pane_minutes / DAY
        share = 1 + RHYTHM * np.sin(2 * np.pi * days) if self.has_rhythm else np.ones(panes)
        expected: Table = self.traffic.per_pane * share
        return expected

    def false_alarms(self, patience: int) -> float:
        """Return how often a week no job comes for so many panes."""
        day = self.traffic.panes(DAY)
        until = np.concatenate([[0], np.cumsum(self.per_pane(0, day + patience))])
        chances = np.exp(until[:day] - until[patience : day + patience])
        return 7 * float((self.per_pane(0, day) * chances).sum())

    def patience(self) -> int:
        """Return for how many panes no job comes by chance once a week or more seldom."""
        return next(panes for panes in count(1) if self.false_alarms(panes) <= 1)

    def least_minutes(self, at: int) -> float:
        """Return how soon one who knows every minute's rate fires, if jobs stop before a pane."""
        missing = log(WEEK * self.traffic.jobs_per_minute) - 1  # of which one is how long ago the last job came
        panes = next(panes for panes in count(1) if self.per_pane(at, panes).sum() >= missing)
        return panes * self.traffic.pane_minutes


@dataclass(frozen=True, slots=True)
class Stop:
    """From a time of day on, from 0 to 1, only a share of the jobs come."""

    name: str
    at: float = 0.25
    share: float = 0.0


STEADY = (Stop("stop"), Stop("fall to a tenth", share=0.1))
RHYTHMIC = (Stop("stop at noon"), Stop("stop at midnight", 0.75), Stop("fall to a tenth at noon", share=0.1))


def silences(traffic: Traffic) -> tuple[SilenceRule, SilenceRule]:
    """Return a rule that is wrong once a week if jobs are steady, and one that is if there are few at night."""
    steady, rhythmic = (
        SilenceRule.model_validate({"name": name, "presets": ("preset-*",), "after": text(patience, traffic)})
        for name, patience in (
            ("silence", Flow(traffic, False).patience()),
            ("silence-fit-for-nights", Flow(traffic, True).patience()),
        )
    )
    return steady, rhythmic


def draw(flow: Flow, stop: Stop, spans: tuple[int, int], presets: int, random: np.random.Generator) -> Ends:
    """Return the jobs in so many panes before a stop and after it, and those of one preset more, that goes on."""
    (before, after), pane_ms = spans, round(flow.traffic.pane_minutes * MINUTE_MS)
    expected = flow.per_pane(flow.traffic.panes(stop.at * DAY) - before, before + after) * presets
    expected[before:] *= stop.share
    # Of a log that ends nobody knows whether time goes on.
    going_on = np.arange(-before, after)
    panes = np.concatenate([np.repeat(going_on, random.poisson(expected)), going_on])
    times = panes * pane_ms + random.integers(0, pane_ms, len(panes))
    whose = random.integers(0, presets, len(panes))
    whose[-len(going_on) :] = presets
    order = np.argsort(times, kind="stable")
    return Ends(times[order], (random.random(len(times)) < HEALTHY)[order], whose[order])


@dataclass(frozen=True, slots=True)
class Found:
    """What rules make of one stop."""

    flow: str
    stop: str
    least_minutes: float | None
    """How soon one who knows every minute's rate fires; None if jobs do not stop."""
    outcomes: dict[str, Outcome]
    false_alarms: dict[str, float]
    """Of rules about silence, a week."""


def found(
    traffic: Traffic, others: RuleSet, random: np.random.Generator, presets: int = PRESETS, weeks: int = WEEKS
) -> Iterator[Found]:
    """Yield what rules about silence, and others, make of each stop."""
    quiet = silences(traffic)
    rules = RuleSet(rules=(*quiet, *others.rules))
    for flow, stops in ((Flow(traffic, False), STEADY), (Flow(traffic, True), RHYTHMIC)):
        wrong = dict(counted(flow, quiet, weeks, random))
        for stop in stops:
            least = None if stop.share else flow.least_minutes(traffic.panes(stop.at * DAY))
            name = "by day and night" if flow.has_rhythm else "steady"
            yield Found(name, stop.name, least, struck(flow, stop, rules, presets, random), wrong)


def counted(
    flow: Flow, rules: tuple[SilenceRule, ...], weeks: int, random: np.random.Generator
) -> Iterator[tuple[str, float]]:
    """Yield how often a week each rule is wrong."""
    total = random.poisson(np.tile(flow.per_pane(0, flow.traffic.panes(DAY)), 7 * weeks))
    for rule in rules:
        yield rule.name, gaps(_patience(rule, flow.traffic), total) / weeks


def _patience(rule: SilenceRule, traffic: Traffic) -> int:
    return traffic.panes(rule.after_ms / MINUTE_MS)


def struck(flow: Flow, stop: Stop, rules: RuleSet, presets: int, random: np.random.Generator) -> dict[str, Outcome]:
    """Return what each rule makes of a stop."""
    longest = max(_patience(rule, flow.traffic) for rule in rules.rules if isinstance(rule, SilenceRule))
    before = max(longest, *flow.traffic.windows)
    after = max(2 * longest, flow.traffic.panes(WATCHES_MINUTES))
    ends_at_ms = START_MS + round(after * flow.traffic.pane_minutes * MINUTE_MS)
    records = draw(flow, stop, (before, after), presets, random).records()
    found = told(rules, records, round(flow.traffic.pane_minutes * MINUTE_MS), ends_at_ms)
    return outcomes(found, rules, Incident("preset-*", START_MS, ends_at_ms), presets)
