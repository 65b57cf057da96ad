"""What a back-test's page draws: for each preset its rate over time, the limits it was held against and the episodes.

Law: pure, and as JSON. Every point is the rate of all jobs in a window that ends there; the window is at least as long
as the step, so that no job is left out. A rate over zero jobs is None.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.domain.backtest import PaneSums
from stream.domain.duration import format_duration
from stream.domain.episodes import Episode, Incident, is_false
from stream.domain.evidence import WHOLE_TOPIC, rated
from stream.domain.outcome import Outcome, Verdict
from stream.domain.panes import next_boundary
from stream.domain.queries import internal_name
from stream.domain.rules import ThresholdRule

POINTS = 800
"""At most so many of a chart's points, about one for each two pixels."""

MOST_CHARTS = 50
"""A page with more would be slow to open."""

USUAL_WINDOW_MS = 5 * 60_000

_STEPS_MS = tuple(minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))


def charted(outcome: Outcome) -> list[str]:
    """Return the presets to draw, the topic as a whole first, then those with alerts, then the busiest."""
    alerted = {one.preset for verdict in outcome.verdicts for one in verdict.episodes}
    jobs = {name: sum(total for _, total in sums.values()) for name, sums in outcome.panes.items()}
    names = {name or WHOLE_TOPIC for name in jobs} | alerted
    return sorted(
        names, key=lambda name: (name != WHOLE_TOPIC, name not in alerted, -jobs.get(internal_name(name), 0), name)
    )


def chart(outcome: Outcome, name: str) -> dict[str, Any]:
    """Return all that is drawn of one preset; times are epoch seconds."""
    step_ms = step_of(outcome)
    window_ms = max(step_ms, _window_of(outcome, name))
    return {
        "preset": name,
        "step": format_duration(step_ms),
        "window": format_duration(window_ms),
        **_series(outcome, outcome.panes.get(internal_name(name), {}), step_ms, window_ms),
        "limits": limits(outcome, name),
        "incidents": [_bar_of(one) for one in outcome.incidents if _concerns(one, name)],
        "lanes": [
            {"file": verdict.name, "episodes": [_episode(one, outcome.incidents) for one in _of(verdict, name)]}
            for verdict in outcome.verdicts
        ],
    }


def _of(verdict: Verdict, name: str) -> Iterator[Episode]:
    return (one for one in verdict.episodes if one.preset == name)


def _concerns(incident: Incident, name: str) -> bool:
    return name == WHOLE_TOPIC or fnmatchcase(name, incident.preset)


def step_of(outcome: Outcome) -> int:
    """Return the time between two points, in milliseconds."""
    start_ms, end_ms = outcome.span
    least_ms = (end_ms - start_ms) / POINTS
    fitting = (step for step in (outcome.pane_ms, *_STEPS_MS) if step >= least_ms and not step % outcome.pane_ms)
    return next(fitting, next_boundary(int(least_ms) + 1, _STEPS_MS[-1]))


def _window_of(outcome: Outcome, name: str) -> int:
    found = [rule.window_ms for _, rule in _threshold_rules(outcome, name)]
    return min(found, default=USUAL_WINDOW_MS)


def _threshold_rules(outcome: Outcome, name: str) -> Iterator[tuple[Verdict, ThresholdRule]]:
    for verdict in outcome.verdicts:
        for rule in verdict.rules.matching(name) if name != WHOLE_TOPIC else ():
            if isinstance(rule, ThresholdRule):
                yield verdict, rule


def limits(outcome: Outcome, name: str) -> list[dict[str, Any]]:
    """Return the error rates that threshold rules hold a preset against, each once, with the rules that do."""
    found: dict[tuple[float, str], list[str]] = {}
    for verdict, rule in _threshold_rules(outcome, name):
        only = ", ".join((*rule.parties, *rule.reasons, *rule.source_types, *("by reason",) * rule.is_per_reason))
        said = f"{rule.name} ({format_duration(rule.window_ms)}{f', only {only}' if only else ''})"
        where = f" in {verdict.name}" if len(outcome.verdicts) > 1 else ""
        found.setdefault((rule.error_rate, rule.severity), []).append(said + where)
    return [{"rate": rate, "severity": severity, "rules": rules} for (rate, severity), rules in sorted(found.items())]


def _series(outcome: Outcome, panes: PaneSums, step_ms: int, window_ms: int) -> dict[str, Any]:
    start_ms, end_ms = outcome.span
    ends = np.arange(next_boundary(start_ms + 1, step_ms), next_boundary(end_ms, step_ms) + 1, step_ms, dtype=np.int64)
    sums = _Sums(panes)
    errors, total = sums.between(ends - window_ms, ends)
    rates = [rated(*counts) for counts in zip(errors.tolist(), total.tolist(), strict=True)]
    failed, jobs = sums.between(ends - step_ms, ends)
    return {
        "at": (ends // 1000).tolist(),
        "rate": [each.rate for each in rates],
        "low": [each.low for each in rates],
        "high": [each.high for each in rates],
        "errors": failed.tolist(),
        "jobs": jobs.tolist(),
    }


class _Sums:
    """Sums over any stretch of panes at the cost of two looks."""

    def __init__(self, panes: PaneSums) -> None:
        starts = sorted(panes)
        self.starts = np.array(starts, np.int64)
        counts = np.array([(0, 0), *(panes[start] for start in starts)], np.int64)
        self.sums = np.cumsum(counts, axis=0)

    def between(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return errors and jobs of the panes that start in [start, end)."""
        first, last = (np.searchsorted(self.starts, edges) for edges in (starts, ends))
        counts = self.sums[last] - self.sums[first]
        return counts[:, 0], counts[:, 1]


def _bar_of(incident: Incident) -> dict[str, Any]:
    about = incident.name or f"incident of {incident.preset}"
    return {"from": incident.starts_at_ms / 1000, "to": incident.ends_at_ms / 1000, "name": about}


def _episode(one: Episode, incidents: Sequence[Incident]) -> dict[str, Any]:
    return {
        "from": one.fired_at_ms / 1000,
        "to": one.ends_at_ms / 1000,
        "rule": f"{one.rule}/{one.group}" if one.group else one.rule,
        "severity": one.severity,
        "isFalse": bool(incidents) and is_false(one, incidents),
        "isOpen": one.resolve_reason is None,
        "summary": one.summary,
    }
