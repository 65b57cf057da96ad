"""What a back-test came to.

Law: pure values; each rules file is judged by itself, on the same records and incidents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.alert import AlertEvent
from stream.domain.backtest import PaneSums
from stream.domain.episodes import Episode, Incident, Score, delay_of, episodes_of, score
from stream.domain.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rules file came to, as a whole and by rule."""

    name: str
    rules: RuleSet
    episodes: list[Episode]
    score: Score
    by_rule: dict[str, Score]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all of them came to; the span of event time is in epoch milliseconds, the pane's length too."""

    span: tuple[int, int]
    pane_ms: int
    panes: Mapping[str, PaneSums]
    incidents: Sequence[Incident]
    verdicts: list[Verdict]
    records: Mapping[str, Any]
    """What became of the records, in numbers."""

    def delays(self, incident: Incident) -> list[int | None]:
        """Return how long each rules file took to tell of an incident, in milliseconds."""
        return [delay_of(incident, verdict.episodes) for verdict in self.verdicts]


def judge(
    name: str, rules: RuleSet, events: Sequence[AlertEvent], incidents: Sequence[Incident], span: tuple[int, int]
) -> Verdict:
    """Return what a rules file came to in a stretch of time by the alert events it led to; the log ends with it."""
    since_ms, ends_at_ms = span
    episodes = [
        one._replace(fired_at_ms=max(one.fired_at_ms, since_ms))
        for one in episodes_of(events, ends_at_ms)
        if not since_ms or one.ends_at_ms > since_ms
    ]
    by_rule = {each.name: score([one for one in episodes if one.rule == each.name], incidents) for each in rules.rules}
    return Verdict(name, rules, episodes, score(episodes, incidents), by_rule)
