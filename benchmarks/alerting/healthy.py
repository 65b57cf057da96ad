"""How often the default rules cry wolf: healthy presets for many quarters, under a rules file.

    python -m benchmarks.alerting.healthy               # stream/rules.toml, some minutes
    python -m benchmarks.alerting.healthy --rules MINE  # your own; threshold, consecutive and silence rules

Law: whether a rule fires, and until when, is said by the code that the workers run. A condition is asked once for each
number of jobs that a window may hold, how few errors fire it; only around a firing is it asked at every tick.

Rules are tried one by one, as if none inhibited another. All errors are such as the rule counts, and the preset is the
only one on the topic: each is the worst case.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.alerting import outages
from stream.domain.alerting import Alert, Phase, Reading, Signal, Trigger, observe
from stream.domain.conditions import CONDITIONS
from stream.domain.recency import Recency
from stream.domain.rules import ConsecutiveRule, Rule, SilenceRule, ThresholdRule
from stream.domain.sight import EVERYTHING, Sight, Sum
from stream.rules_file import default_rules_path, read

RESULTS = Path(__file__).parents[1] / "results"
PANE_MS = 10_000
DAY_PANES = 24 * 3600_000 // PANE_MS
QUARTER_DAYS = 90

Numbers = NDArray[np.int64]


class Load(NamedTuple):
    """How many jobs a preset has, and whether by day there are nine times as many as at night."""

    name: str
    jobs_per_minute: float
    has_rhythm: bool

    def per_pane(self, panes: int) -> NDArray[np.float64]:
        at_days = np.arange(panes) / DAY_PANES
        share = 1 + 0.8 * np.sin(2 * np.pi * at_days) if self.has_rhythm else np.ones(panes)
        return self.jobs_per_minute * PANE_MS / 60_000 * share


LOADS = tuple(
    Load(f"{name}{', by day and night' if has_rhythm else ''}", jobs_per_minute, has_rhythm)
    for name, jobs_per_minute in (
        ("5 an hour", 5 / 60),
        ("1 a minute", 1),
        # Where windows of an hour, and of five minutes, hold just enough jobs to say anything.
        ("100 an hour", 100 / 60),
        ("4 a minute", 4),
        ("300 a minute", 300),
    )
    for has_rhythm in (False, True)
)
RATES = (0.01, 0.02, 0.03)


@dataclass(frozen=True, slots=True)
class Panes:
    """A preset's jobs, pane by pane."""

    errors: Numbers
    total: Numbers


def draw(load: Load, rate: float, days: int, random: np.random.Generator) -> Panes:
    """Return jobs that come at random and fail independently."""
    total = random.poisson(load.per_pane(days * DAY_PANES))
    return Panes(random.binomial(total, rate), total)


def false_alarms(rule: Rule, panes: Panes, rate: float, random: np.random.Generator) -> int:
    """Return how often a rule fires."""
    if isinstance(rule, ThresholdRule):
        return len(list(threshold_episodes(rule, panes)))
    if isinstance(rule, ConsecutiveRule):
        return runs(rule.errors, int(panes.total.sum()), rate, random)
    if isinstance(rule, SilenceRule):
        return gaps(rule.after_ms // PANE_MS, panes.total)
    raise NotImplementedError(f"healthy presets cannot be simulated for rules of kind {rule.kind} yet")


def threshold_episodes(rule: ThresholdRule, panes: Panes) -> Iterator[tuple[int, int]]:
    """Yield from which tick to which an alert fires, in panes since the beginning; the last may be open."""
    length = rule.window_ms // PANE_MS
    errors, total = (_window(values, length) for values in (panes.errors, panes.total))
    breaches = np.flatnonzero(errors >= fewest(rule, int(total.max(initial=0)))[total])
    ends_at = 0
    for at in breaches.tolist():
        if at >= ends_at:
            fired_at, ends_at = _follow(rule, errors, total, at)
            if fired_at is not None:
                yield fired_at + 1, ends_at + 1


def _window(values: Numbers, length: int) -> Numbers:
    sums = np.cumsum(values)
    sums[length:] -= sums[:-length].copy()
    return sums


def fewest(rule: ThresholdRule, most: int) -> Numbers:
    """Return for each number of jobs up to `most` the fewest errors that fire a rule; one more than all if none do."""
    found, errors = np.arange(1, most + 2), 0
    for total in range(rule.min_jobs, most + 1):
        # More jobs never need fewer errors.
        while errors <= total and _signal(rule, errors, total) is not Signal.BREACH:
            errors += 1
        found[total] = errors
    return found


def _signal(rule: ThresholdRule, errors: int, total: int) -> Signal:
    sight = Sight(0, PANE_MS, {}, lambda *_: Sum(errors, total), lambda _: {}, Recency(), 0)
    return CONDITIONS[ThresholdRule].signal(rule, sight, EVERYTHING)


def _follow(rule: ThresholdRule, errors: Numbers, total: Numbers, at: int) -> tuple[int | None, int]:
    """Return in which pane an alert fires whose condition is first met in one, if it does, and in which it is over."""
    alert, fired_at = Alert(), None
    for tick in range(at, len(total)):
        reading = Reading(_signal(rule, int(errors[tick]), int(total[tick])), bool(total[tick]))
        alert, moved_by = observe(alert, reading, rule, tick * PANE_MS)
        fired_at = tick if moved_by is Trigger.HELD else fired_at
        if alert.phase is Phase.INACTIVE:
            return fired_at, tick
    return fired_at, len(total)


def runs(length: int, jobs: int, rate: float, random: np.random.Generator) -> int:
    """Return how often so many jobs in a row fail among many that fail independently."""
    first_of_runs = np.flatnonzero(random.random(round(jobs * rate)) >= rate)
    return int(np.count_nonzero(np.diff(first_of_runs) >= length))


def gaps(panes: int, total: Numbers) -> int:
    """Return how often no job comes for so many panes."""
    return int(np.count_nonzero(np.diff(np.flatnonzero(total)) > panes))


def tried(rules: Sequence[Rule], quarters: int, seed: int = 5) -> Iterator[tuple[Load, float, dict[str, float]]]:
    """Yield for each load and error rate the false alarms of each rule per preset and quarter."""
    random = np.random.default_rng(seed)
    for load in LOADS:
        for rate in RATES:
            counts = dict.fromkeys((rule.name for rule in rules), 0)
            for _ in range(quarters):
                panes = draw(load, rate, QUARTER_DAYS, random)
                for rule in rules:
                    counts[rule.name] += false_alarms(rule, panes, rate, random)
            yield load, rate, {name: count / quarters for name, count in counts.items()}


def table(found: Sequence[tuple[Load, float, dict[str, float]]]) -> str:
    """Return the figures in Markdown."""
    names = list(found[0][2])
    lines = [f"| jobs | errors | {' | '.join(names)} | all |", f"|---|---:|{'---:|' * (len(names) + 1)}"]
    for load, rate, counts in found:
        cells = [f"{count:.2g}" for count in (*counts.values(), sum(counts.values()))]
        lines.append(f"| {load.name} | {rate:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path, default=default_rules_path())
    parser.add_argument("--quarters", type=int, default=20, help="of each load and error rate")
    given = parser.parse_args()
    rules = read(given.rules, PANE_MS)
    if isinstance(rules, tuple):
        parser.exit(1, "".join(f"{fault}\n" for fault in rules))
    healthy = table(list(tried(rules.rules, given.quarters)))
    text = (
        f"False alarms of the default rules per preset and quarter; {given.quarters} were simulated\n\n{healthy}"
        f"\nAlerts of one outage in which only some of the jobs fail\n\n{outages.table(rules)}"
    )
    print(text)
    if given.rules == default_rules_path():
        (RESULTS / "default-rules.md").write_text(text)


if __name__ == "__main__":
    main()
