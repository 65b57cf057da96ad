"""How often the default rules tell of one outage in which some jobs still succeed: once is right.

Law: webhooks go through the pure fold of both stages, so what is counted is what the alerts topic would get.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.alerting.simulated import START_MS, Ends, told
from benchmarks.alerting.traffic import HEALTHY
from stream.domain.episodes import count_flaps
from stream.domain.rules import RuleSet

PANE_MS = 10_000


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


def draw(outage: Outage, share: float, random: np.random.Generator) -> Ends:
    """Return the jobs of all presets."""
    span_ms = round(outage.hours * 3_600_000)
    jobs = random.poisson(outage.jobs_per_minute * outage.hours * 60 * outage.presets)
    times = np.sort(random.integers(0, span_ms, jobs))
    fails = random.random(jobs) < np.where((times >= span_ms / 4) & (times < span_ms * 3 / 4), share, HEALTHY)
    return Ends(times, fails, random.integers(0, outage.presets, jobs))


def alerts(rules: RuleSet, outage: Outage, share: float, random: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return how often each rule fires for a preset, and how often soon after it resolved."""
    found = told(rules, draw(outage, share, random).records(), PANE_MS, START_MS)
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
            counts = alerts(rules, outage, share, random).values()
            cells = [f"{episodes:.2g} ({flaps:.2g})" if episodes else "0" for episodes, flaps in counts]
            lines.append(f"| {outage.name} | {share:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
