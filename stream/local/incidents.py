"""What the demo injects into its traffic, and when: the answers that its alerts are checked against.

Law: a plan is a pure function of seed, length and start. Starts are shares of the run and lengths are fixed, so that
from 20 minutes on each incident fires and resolves by demo_rules.toml and at least 4 healthy minutes follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from stream.local.draws import seed_random

DEMO_EPOCH_MS = 1_767_603_600_000  # 2026-01-05T09:00:00Z, a Monday
SHORTEST_FULL_MINUTES = 20
BASELINE = 0.015  # share of jobs that fail on a good day

Kind = Literal["outage", "slow_rise", "customer_burst", "silence"]

_LOW, _PEAK, _CLIMB = 0.02, 0.30, 0.8  # a slow rise: first and last error rate, share of its time spent climbing
_BURST = 0.46
_JITTER_MS = 10_000


@dataclass(frozen=True, slots=True)
class Incident:
    """One injected fault: `preset` is None when it hits the whole webhook; it holds from start up to, not at, end."""

    name: str
    kind: Kind
    preset: str | None
    starts_at_ms: int
    ends_at_ms: int
    expected_rules: tuple[str, ...]

    def covers(self, at_ms: int) -> bool:
        """Tell whether the fault holds at that moment."""
        return self.starts_at_ms <= at_ms < self.ends_at_ms


@dataclass(frozen=True, slots=True)
class _Script:
    name: str
    kind: Kind
    preset: str | None
    start_share: float
    length_seconds: int
    expected_rules: tuple[str, ...]


_OUTAGE = _Script("summaries-down", "outage", "summarize", 0.10, 180, ("high-error-rate", "nothing-works"))
_SCRIPTS = (
    _OUTAGE,
    _Script("transcripts-worsen", "slow_rise", "transcript", 0.20, 300, ("slow-rise", "high-error-rate")),
    _Script("customer-forbids", "customer_burst", "soap-notes", 0.40, 140, ("customer-errors", "high-error-rate")),
    _Script("webhook-silent", "silence", None, 0.675, 150, ("no-events",)),
)


def plan(seed: int, minutes: int, started_at_ms: int = DEMO_EPOCH_MS) -> tuple[Incident, ...]:
    """List the incidents of a run, by start; under 20 minutes the outage alone, with no time to resolve if under 5."""
    rng = seed_random(seed, "plan")
    run_ms = max(0, minutes) * 60_000
    if minutes < SHORTEST_FULL_MINUTES:
        length_seconds = min(180, max(45, 9 * minutes))
        return (_place(_OUTAGE, rng, run_ms, started_at_ms, length_seconds),) if minutes > 0 else ()
    return tuple(_place(script, rng, run_ms, started_at_ms, script.length_seconds) for script in _SCRIPTS)


def find_incident(incidents: Sequence[Incident], preset: str | None, at_ms: int) -> Incident | None:
    """Find the fault that this preset (None: the batch webhook as a whole) suffers at that moment."""
    return next((incident for incident in incidents if incident.preset == preset and incident.covers(at_ms)), None)


def error_share(incident: Incident | None, at_ms: int) -> float:
    """Give the probability, 0 to 1, that a job fails at that moment under this fault, or on a good day."""
    if incident is None:
        return BASELINE
    if incident.kind == "slow_rise":
        progress = (at_ms - incident.starts_at_ms) / (incident.ends_at_ms - incident.starts_at_ms)
        return _LOW + (_PEAK - _LOW) * min(1.0, progress / _CLIMB)
    return 1.0 if incident.kind == "outage" else _BURST


def _place(script: _Script, rng: Random, run_ms: int, started_at_ms: int, length_seconds: int) -> Incident:
    early_ms = int(rng.random() * min(_JITTER_MS, run_ms // 30))
    start = started_at_ms + int(script.start_share * run_ms) - early_ms
    end = start + length_seconds * 1000
    return Incident(script.name, script.kind, script.preset, start, end, script.expected_rules)
