"""Whether a demo's incidents were found: what was injected, against what fired and resolved.

Law: pure. An incident counts as found when each rule that should notice it fires for its preset from its start to five
minutes past its end, and, where the run goes on for long enough, resolves again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.alert import AlertEvent, AlertKind
from stream.domain.duration import format_duration
from stream.domain.evidence import WHOLE_TOPIC
from stream.local.incidents import Incident

FIRES_WITHIN_MS = 5 * 60_000
RESOLVES_WITHIN_MS = 200_000
"""The demo's windows of two minutes and a minute of keep_firing_for, with some lateness."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one incident under one rule that should notice it."""

    incident: Incident
    rule: str
    fired: AlertEvent | None
    resolved: AlertEvent | None
    must_resolve: bool

    @property
    def delay(self) -> str:
        """How long after the incident's start the rule fired, in event time."""
        if self.fired is None:
            return "never"
        return format_duration((self.fired.at - self.incident.starts_at_ms) // 1000 * 1000)

    @property
    def miss(self) -> str | None:
        """What was missed; None when the incident was found."""
        if self.fired is None:
            return f"{self.rule} did not fire for {self.incident.name}"
        if self.must_resolve and self.resolved is None:
            return f"{self.rule} did not resolve after {self.incident.name}"
        return None


def judge(incidents: Iterable[Incident], events: Sequence[AlertEvent], ends_at_ms: int) -> list[Finding]:
    """Return a finding for each incident and rule, given all alert events of a run that ends then."""
    return [_judge(one, rule, events, ends_at_ms) for one in incidents for rule in one.expected_rules]


def _judge(incident: Incident, rule: str, events: Sequence[AlertEvent], ends_at_ms: int) -> Finding:
    fired = min(_firings(incident, rule, events), key=lambda event: event.at, default=None)
    ending = (event for event in events if fired and event.episode == fired.episode)
    resolved = next((event for event in ending if event.kind is AlertKind.RESOLVED), None)
    return Finding(incident, rule, fired, resolved, ends_at_ms - incident.ends_at_ms >= RESOLVES_WITHIN_MS)


def _firings(incident: Incident, rule: str, events: Sequence[AlertEvent]) -> Iterator[AlertEvent]:
    preset = incident.preset or WHOLE_TOPIC
    latest_ms = incident.ends_at_ms + FIRES_WITHIN_MS
    for event in events:
        is_about_it = event.rule == rule and event.preset == preset and event.kind is AlertKind.FIRED
        if is_about_it and incident.starts_at_ms <= event.at <= latest_ms:
            yield event


def differences(expected: Iterable[str], seen: Iterable[str]) -> str:
    """Return a sentence on how the ids of two sets of alert events differ."""
    missing, unexpected = sorted({*expected} - {*seen}), sorted({*seen} - {*expected})
    parts = ((missing, "are missing"), (unexpected, "are not in the replay"))
    return "; ".join(f"{len(ids)} {what} ({', '.join(ids)})" for ids, what in parts if ids) or "the bytes differ"
