"""How often the default rules tell of one outage in which some jobs still succeed: once is right.

Law: webhooks go through the pure fold of both stages, so what is counted is what the alerts topic would get.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.events import Event, body
from stream.domain.causes import Causes
from stream.domain.episodes import count_flaps, episodes_of
from stream.domain.replay import Replay, Replayed
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings

HEALTHY = 0.02
START_MS = 1_767_603_600_000  # 2026-01-05T09:00:00Z


class Outage(NamedTuple):
    """One that hits some like presets, and begins when a quarter of the time is over and ends after three."""

    name: str
    jobs_per_minute: float
    hours: float
    presets: int


OUTAGES = (
    Outage("5 an hour, for two days", 5 / 60, 96, 10),
    Outage("1 a minute, for two hours", 1, 4, 10),
    Outage("300 a minute, for half an hour", 300, 1, 2),
)
SHARES = (0.5, 0.8, 0.95)
"""Of the jobs, those that fail."""


def records(outage: Outage, share: float, random: np.random.Generator) -> Iterator[Replayed]:
    """Yield the webhooks of all presets, in order."""
    span_ms = round(outage.hours * 3_600_000)
    jobs = random.poisson(outage.jobs_per_minute * outage.hours * 60 * outage.presets)
    times = np.sort(random.integers(0, span_ms, jobs))
    fails = random.random(jobs) < np.where((times >= span_ms / 4) & (times < span_ms * 3 / 4), share, HEALTHY)
    presets = random.integers(0, outage.presets, jobs)
    columns = zip(times.tolist(), fails.tolist(), presets.tolist(), strict=True)
    for number, (time, failed, preset) in enumerate(columns):
        at_ms = START_MS + time
        event = Event(f"job-{number}", f"preset-{preset}", failed, at_ms, at_ms / 1000)
        yield Replayed(0, number, at_ms, None, body(event))


def told(rules: RuleSet, outage: Outage, share: float, random: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return how often each rule fires for a preset, and how often soon after it resolved."""
    settings, causes = Settings(_env_file=None), Causes(rules.reasons)
    replay = Replay(counting_policy(settings, rules), deciding_policy(settings, rules, causes, 1), causes)
    found = episodes_of(replay.run(records(outage, share, random)), START_MS)
    by_rule = {rule.name: [one for one in found if one.rule == rule.name] for rule in rules.rules}
    return {
        name: (len(episodes) / outage.presets, count_flaps(episodes) / outage.presets)
        for name, episodes in by_rule.items()
    }


def table(rules: RuleSet, seed: int = 5) -> str:
    """Return the figures in Markdown: episodes for each preset, and in brackets how many of them are flaps."""
    random = np.random.default_rng(seed)
    names = [rule.name for rule in rules.rules]
    lines = [f"| jobs | fail | {' | '.join(names)} |", f"|---|---:|{'---:|' * len(names)}"]
    for outage in OUTAGES:
        for share in SHARES:
            counts = told(rules, outage, share, random).values()
            cells = [f"{episodes:.2g} ({flaps:.2g})" if episodes else "0" for episodes, flaps in counts]
            lines.append(f"| {outage.name} | {share:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
