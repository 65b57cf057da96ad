"""The overview as people read it in a terminal: the dashboard's essentials, the worst first.

Law: pure, no longer than the screen, and every word that comes from outside is shown as text, never read as markup.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from schemas.alert import AlertEvent
from schemas.rate import Rate
from stream.cli.alert_view import alert_table
from stream.cli.rate_view import rate_table

Overview = Mapping[str, Any]

_SYMBOLS = {"critical": "●", "warning": "▲", "info": "■", "ok": "✓"}
_STYLES = {"critical": "bold white on red", "warning": "bold black on yellow", "ok": "bold green", "info": "bold cyan"}
_OTHER_LINES = 11
"""Lines of the screen that are neither alerts nor presets."""

RARE = ("duplicates", "late", "rejected", "lost")


def top_view(overview: Overview, lines: int, trouble: str = "") -> RenderableType:
    """Return what fits on a screen of so many lines; `trouble` says why it is not the newest."""
    firing = overview["alerts"]["firing"]
    room = max(2, lines - _OTHER_LINES)
    shown = firing[: max(1, room // 2)]
    parts: list[RenderableType] = [_verdict(overview, trouble), Text(_freshness(overview), "dim"), Text()]
    parts += [alert_table(map(_event, shown)), *_more(len(shown), overview["alerts"]["counts"]["firing"]), Text()]
    parts += [_presets(overview, room - len(shown)), Text(_ingest(overview["ingest"]), "dim")]
    return Group(*parts)


def _verdict(overview: Overview, trouble: str) -> Text:
    if trouble:
        return Text(f"? Not live: {trouble} Last known: {overview['verdict']['sentence']}", "bold reverse")
    level = str(overview["verdict"]["level"])
    said = f"{_SYMBOLS.get(level, '?')} {level.upper()}  {overview['verdict']['sentence']}"
    return Text(said, _STYLES.get(level, "bold"))


def _freshness(overview: Overview) -> str:
    if overview["decided_to"] is None:
        return "Nothing has been decided yet."
    return f"Decided up to {overview['decided_to']}, newest job {overview['newest'] or 'none'}"


def _event(alert: Mapping[str, Any]) -> AlertEvent:
    return AlertEvent.model_validate({name: value for name, value in alert.items() if name != "state"})


def _more(shown: int, found: int) -> list[RenderableType]:
    return [Text(f"and {found - shown} more", "dim")] if found > shown else []


def _presets(overview: Overview, most: int) -> RenderableType:
    rates = worst_first(overview)
    if not rates:
        return Text("No job has been heard of yet.")
    return Group(rate_table(rates[:most], overview["window"]), *_more(min(most, len(rates)), len(rates)))


def worst_first(overview: Overview) -> Sequence[Rate]:
    """Return the rates of an overview: of presets that fire first, then by how bad they are for certain."""
    ends = {"window_start": overview["newest"], "window_end": overview["newest"]}
    firing = {alert["preset"] for alert in overview["alerts"]["firing"]}
    rates = [Rate.model_validate({**rate, **ends}) for rate in overview["rates"]]
    return sorted(rates, key=lambda rate: (rate.preset not in firing, -(rate.error_rate_low or 0.0), rate.preset))


def _ingest(ingest: Mapping[str, Any]) -> str:
    recent = ingest["recent"]
    rare = ", ".join(f"{_sum(recent[name]):,} {name}" for name in RARE)
    return f"Last 5 minutes: {recent['read']:,} records read, {recent['counted']:,} jobs counted, {rare}"


def _sum(count: int | Mapping[str, int]) -> int:
    return count if isinstance(count, int) else sum(count.values())
