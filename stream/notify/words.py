"""Alerts, times and durations as people say them.

Law: pure. No preset can be called so that it looks like another line. Times are UTC and say so; durations are as fine
as anybody cares.
"""

from schemas.alert import AlertEvent, ResolveReason, RuleKind
from schemas.times import format_time
from stream.domain.duration import format_duration
from stream.domain.readable import one_line, readable

_FINEST_MS = ((24 * 3_600_000, 3_600_000), (3_600_000, 60_000))
_ENDINGS = {
    ResolveReason.RECOVERED: "it has recovered",
    ResolveReason.NO_DATA: "no jobs come any more, which is no proof of recovery",
    ResolveReason.RULE_REMOVED: "its rule was removed, so nobody watches it now",
}


def named(event: AlertEvent) -> str:
    """Return what a person calls the preset of an alert."""
    return "all presets" if event.preset == "*" else readable(event.preset)


def what(event: AlertEvent) -> str:
    """Return an alert in a line: the summary of its rule, or its figures."""
    return one_line(event.annotations.get("summary", "")) or f"{named(event)}: {how_bad(event)}"


def how_bad(event: AlertEvent) -> str:
    """Return the figures of an alert, with how sure they are and what the rule allows."""
    if event.rule_kind is RuleKind.SILENCE:
        return f"no job has ended since {clock(event.window_start)}"
    said = f"{event.errors:,} of {event.total:,} jobs failed"
    if event.error_rate is None or event.error_rate_low is None or event.error_rate_high is None:
        return said
    sure = f"95% sure: {event.error_rate_low:.1%} to {event.error_rate_high:.1%}"
    limit = f"; the limit is {event.threshold:.1%}" if event.rule_kind is RuleKind.THRESHOLD and event.threshold else ""
    return f"{said}, {event.error_rate:.1%} ({sure}){limit}"


def ending(event: AlertEvent) -> str:
    """Return how an alert ended, and how long it lasted."""
    lasted = _rough(max(0, event.at - event.started_at))
    reason = _ENDINGS[event.resolve_reason or ResolveReason.RECOVERED]
    now = f" ({event.errors:,} of {event.total:,} jobs failed)" if event.total else ""
    return f"{reason}{now}; lasted {lasted}, from {clock(event.started_at)} to {clock(event.at)}"


def clock(ms: int) -> str:
    """Return an instant to the second, as in `2024-03-25 21:33:30 UTC`."""
    return format_time(_whole_seconds(ms)).replace("T", " ").removesuffix("Z") + " UTC"


def ago(ms: int, now: int) -> str:
    """Return how long ago something was, to be put after a time; nothing for what is now or ahead."""
    return f", {_rough(now - ms)} ago" if now - ms >= 1000 else ""


def _rough(ms: int) -> str:
    """Return a duration as finely as anybody cares: hours of days, minutes of hours."""
    finest = next((finest for least, finest in _FINEST_MS if ms >= least), 1000)
    return format_duration(ms // finest * finest)


def _whole_seconds(ms: int) -> int:
    return ms // 1000 * 1000
