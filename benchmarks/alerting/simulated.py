"""Jobs of like presets, and what a set of rules tells of them.

Law: webhooks go through the pure fold of both stages, so what is counted is what the alerts topic would get.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.alerting.traffic import Rate, Traffic
from benchmarks.events import Event, body
from stream.domain.causes import Causes
from stream.domain.episodes import Episode, Incident, delay_of, episodes_of
from stream.domain.replay import Replay, Replayed
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings

START_MS = 1_767_603_600_000  # 2026-01-05T09:00:00Z
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Ends:
    """How jobs end: when, in milliseconds since `START_MS` and in order, of which preset, and whether they fail."""

    times: NDArray[np.int64]
    fails: NDArray[np.bool_]
    presets: NDArray[np.int64]

    def records(self) -> Iterator[Replayed]:
        """Yield their webhooks."""
        columns = zip(self.times.tolist(), self.fails.tolist(), self.presets.tolist(), strict=True)
        for number, (time, failed, preset) in enumerate(columns):
            at_ms = START_MS + time
            event = Event(f"job-{number}", f"preset-{preset}", failed, at_ms, at_ms / 1000)
            yield Replayed(0, number, at_ms, None, body(event))


@dataclass(frozen=True, slots=True)
class Case:
    """An incident that strikes like presets at `START_MS`; durations in minutes."""

    name: str
    rate: Rate
    lasts: float
    before: float
    """Of healthy traffic, in which windows fill."""
    after: float
    """Of healthy traffic, in which alerts resolve."""

    def draw(self, traffic: Traffic, presets: int, random: np.random.Generator) -> Ends:
        """Return the jobs of all presets: they come at random, and fail independently at the rate of their time."""
        begin, end = round(-self.before * MINUTE_MS), round((self.lasts + self.after) * MINUTE_MS)
        jobs = random.poisson(traffic.jobs_per_minute * (end - begin) / MINUTE_MS * presets)
        times = np.sort(random.integers(begin, end, jobs))
        fails = random.random(jobs) < self.rate(times / MINUTE_MS)
        return Ends(times, fails, random.integers(0, presets, jobs))

    @property
    def incident(self) -> Incident:
        """The incident, as a back-test would be told of it."""
        return Incident("*", START_MS, START_MS + round(self.lasts * MINUTE_MS), self.name)


def shown(number: float) -> str:
    """Return a number in three digits, or in more if it has more before its point."""
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule makes of a case, in the mean of its presets."""

    noticed: float
    """The share of presets of which it speaks while the incident lasts, or within five minutes after it."""
    delay_minutes: float | None
    """How long after the incident's start, of these presets."""
    episodes: float | None
    """How many of its alerts fire from the incident's start on, of these presets."""

    def __str__(self) -> str:
        if self.delay_minutes is None or self.episodes is None:
            return "-"
        share = "" if self.noticed == 1 else f"{self.noticed:.{0 if self.noticed >= 0.01 else 1}%}: "
        return f"{share}{shown(self.delay_minutes)} m, {shown(self.episodes)}"


def told(rules: RuleSet, records: Iterable[Replayed], pane_ms: int, ends_at_ms: int) -> list[Episode]:
    """Return every episode of every rule, by the time it fired."""
    settings, causes = Settings(_env_file=None, pane=pane_ms), Causes(rules.reasons)
    replay = Replay(counting_policy(settings, rules), deciding_policy(settings, rules, causes, 1), causes)
    return episodes_of(replay.run(records), ends_at_ms)


def strike(
    case: Case, rules: RuleSet, traffic: Traffic, presets: int, random: np.random.Generator
) -> dict[str, Outcome]:
    """Return what each rule makes of a case."""
    records = case.draw(traffic, presets, random).records()
    ends_at_ms = START_MS + round((case.lasts + case.after) * MINUTE_MS)
    found = told(rules, records, round(traffic.pane_minutes * MINUTE_MS), ends_at_ms)
    return outcomes(found, rules, case.incident, presets)


def outcomes(episodes: Sequence[Episode], rules: RuleSet, incident: Incident, presets: int) -> dict[str, Outcome]:
    """Return what each rule makes of an incident."""
    mine: dict[tuple[str, str], list[Episode]] = {}
    for one in episodes:
        mine.setdefault((one.rule, one.preset), []).append(one)
    names = [f"preset-{preset}" for preset in range(presets)]
    return {rule.name: outcome(incident, [mine.get((rule.name, name), []) for name in names]) for rule in rules.rules}


def outcome(incident: Incident, by_preset: Sequence[Sequence[Episode]]) -> Outcome:
    """Return what a rule makes of an incident; presets that it is firing for already are left out."""
    starts_ms = incident.starts_at_ms
    quiet = [mine for mine in by_preset if not any(one.fired_at_ms < starts_ms < one.ends_at_ms for one in mine)]
    delays = [(delay_of(incident, mine), sum(one.fired_at_ms >= starts_ms for one in mine)) for mine in quiet]
    found = [(delay, count) for delay, count in delays if delay is not None]
    if not found:
        return Outcome(0, None, None)
    delay_ms, episodes = (sum(column) / len(found) for column in zip(*found, strict=True))
    return Outcome(len(found) / len(quiet), delay_ms / MINUTE_MS, episodes)
