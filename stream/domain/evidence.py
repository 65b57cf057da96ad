"""The alert event: what is said when an alert fires or resolves, and by which numbers.

Law: an event is a function of the rule, the preset, the tick and the counts alone. It holds no wall clock and is the
same on every replay, byte for byte; `episode` is a hash of rule, preset and start, `id` is episode and sequence.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from schemas.alert import AlertEvent, AlertKind, ResolveReason
from schemas.times import format_time
from stream.domain.alerting import Trigger
from stream.domain.annotations import DETAILS, Value, render
from stream.domain.causes import Party
from stream.domain.duration import format_duration
from stream.domain.rates import wilson
from stream.domain.rule_base import BaseRule
from stream.domain.rules import Rule
from stream.domain.sight import Counted, Counts, Finding, IsError, Sum, sum_errors
from stream.domain.tally import ALL_PRESETS

WHOLE_TOPIC = "*"
"""How the topic as a whole is named where a preset's name is expected."""

RESOLVING = {Trigger.RECOVERED: "recovered", Trigger.NO_DATA: "no_data", Trigger.RULE_REMOVED: "rule_removed"}


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that has just fired or resolved; times in epoch milliseconds."""

    rule: Rule
    preset: str
    moved_by: Trigger
    started_at_ms: int
    at_ms: int
    finding: Finding
    sample_jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rated:
    """A window's error rate with its bounds at 95 %, rounded for reading; none of them exists over zero jobs."""

    rate: float | None
    low: float | None
    high: float | None


def rated(errors: int, total: int) -> Rated:
    """Return the rate of errors over total as it is shown."""
    if not total:
        return Rated(None, None, None)
    low, high = wilson(errors, total)
    return Rated(round(errors / total, 6), round(low, 6), round(high, 6))


def episode_of(rule: str, preset: str, started_at_ms: int, group: str = "") -> str:
    """Return the name of the episode that a rule began for a preset, or for one group of its jobs, at a tick."""
    parts = (rule, preset, str(started_at_ms), *((group,) if group else ()))
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def group_of(rule: BaseRule) -> dict[str, str]:
    """Return by what, besides the preset, the alerts of a rule differ."""
    return {"reason": rule.group} if rule.group else {}


def describe(change: Change, counted: Counted, party_of: Callable[[str], Party]) -> AlertEvent:
    """Return the event that tells of a change."""
    rule, finding = change.rule, change.finding
    resolve_reason = RESOLVING.get(change.moved_by)
    jobs = sum_errors(finding.counts, counted.is_error)
    rates = rated(jobs.errors, jobs.total)
    reasons = count_reasons(finding.counts, counted.is_error)
    episode = episode_of(rule.name, change.preset, change.started_at_ms, rule.group)
    sequence = 1 if resolve_reason is None else 2
    return AlertEvent(
        id=f"{episode}-{sequence}",
        episode=episode,
        sequence=sequence,
        kind="fired" if resolve_reason is None else "resolved",
        rule=rule.name,
        rule_kind=rule.kind,
        severity=rule.severity,
        preset=change.preset or WHOLE_TOPIC,
        group=group_of(rule),
        at=change.at_ms,
        started_at=change.started_at_ms,
        window_start=finding.window_start_ms,
        window_end=change.at_ms,
        errors=jobs.errors,
        finished=finished_in(finding.counts),
        total=jobs.total,
        error_rate=rates.rate,
        error_rate_low=rates.low,
        error_rate_high=rates.high,
        threshold=finding.threshold,
        reasons=reasons,
        parties=count_parties(reasons, party_of),
        sample_jobs=change.sample_jobs,
        resolve_reason=resolve_reason,
        labels=dict(rule.labels),
        annotations=annotate(change, jobs, rates),
    )


def resolve_removed(fired: AlertEvent, at_ms: int, counts: Counts, party_of: Callable[[str], Party]) -> AlertEvent:
    """Return the event that ends an alert whose rule is gone; `counts` are the jobs of a window as long as it had."""
    group = fired.group.get("reason", "")
    is_error: IsError = (lambda reason: reason == group) if group else bool
    jobs, reasons = sum_errors(counts, is_error), count_reasons(counts, is_error)
    rates = rated(jobs.errors, jobs.total)
    return fired.model_copy(
        update={
            "id": f"{fired.episode}-2",
            "sequence": 2,
            "kind": AlertKind.RESOLVED,
            "resolve_reason": ResolveReason.RULE_REMOVED,
            "at": at_ms,
            "window_start": at_ms - (fired.window_end - fired.window_start),
            "window_end": at_ms,
            "errors": jobs.errors,
            "finished": finished_in(counts),
            "total": jobs.total,
            "error_rate": rates.rate,
            "error_rate_low": rates.low,
            "error_rate_high": rates.high,
            "reasons": reasons,
            "parties": count_parties(reasons, party_of),
            "sample_jobs": (),
        }
    )


def finished_in(counts: Counts) -> int:
    """Return the jobs of a window that did not fail."""
    return sum(count for cell, count in counts.items() if not cell.reason)


def count_reasons(counts: Counts, is_error: IsError) -> dict[str, int]:
    """Return the errors of a window by reason."""
    reasons: Counter[str] = Counter()
    for cell, count in counts.items():
        if cell.reason and is_error(cell.reason):
            reasons[cell.reason] += count
    return dict(reasons)


def count_parties(reasons: Mapping[str, int], party_of: Callable[[str], Party]) -> dict[str, int]:
    """Return errors by the party their reason points at."""
    parties: Counter[str] = Counter()
    for reason, count in reasons.items():
        parties[party_of(reason).value] += count
    return dict(parties)


def annotate(change: Change, jobs: Sum, rates: Rated) -> dict[str, str]:
    """Return the rule's annotations with their placeholders filled in."""
    values: dict[str, Value] = {
        "preset": "the whole topic" if change.preset == ALL_PRESETS else change.preset,
        "reason": change.rule.group or None,
        "rule": change.rule.name,
        "severity": change.rule.severity,
        "errors": jobs.errors,
        "finished": finished_in(change.finding.counts),
        "total": jobs.total,
        "error_rate": rates.rate,
        "error_rate_low": rates.low,
        "error_rate_high": rates.high,
        "threshold": change.finding.threshold,
        "window": format_duration(change.at_ms - change.finding.window_start_ms),
        "window_start": format_time(change.finding.window_start_ms),
        "window_end": format_time(change.at_ms),
        "at": format_time(change.at_ms),
        "started_at": format_time(change.started_at_ms),
        **DETAILS,
        **change.finding.details,
    }
    return {name: render(template, values) for name, template in change.rule.annotations.items()}
