"""The overview as people read it in a terminal: the dashboard's essentials, the worst first.

Law: pure, no longer than the screen, and every word that comes from outside is shown as text, never read as
markup, nor as orders to a terminal.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.alert import AlertEvent
from schemas.rate import Rate
from stream.cli.alert_view import ALERT_STYLES, clock_text, percent, top_reason
from stream.cli.rate_view import BAR_CELLS, cut_short, rate_table

Overview = Mapping[str, Any]

_SYMBOLS = {"critical": "●", "warning": "▲", "info": "■", "ok": "✓"}
_STYLES = {"critical": "bold white on red", "warning": "bold black on yellow", "ok": "bold green", "info": "bold cyan"}
_OTHER_LINES = 11
"""Lines of the screen that are neither alerts nor presets, two of them the verdict's."""

_WIDE = 110
"""Columns from which on there is room for a whole bar beside the reasons."""

MOST_FAULTS = 3

RARE = ("duplicates", "late", "rejected", "lost")


def top_view(overview: Overview, lines: int, trouble: str = "", columns: int = _WIDE) -> RenderableType:
    """Return what fits on a screen of so many lines and columns; `trouble` says why it is not the newest."""
    firing = overview["alerts"]["firing"]
    room = max(2, lines - _OTHER_LINES)
    faults = [cut_short(f"! {each['name']}: {each['detail']}", "yellow") for each in overview["faults"][:MOST_FAULTS]]
    room = max(2, room - len(faults))
    parts: list[RenderableType] = [_verdict(overview, trouble), cut_short(_freshness(overview), "dim"), *faults, Text()]
    shown = firing[: max(1, room // 2)]
    if shown:
        parts += [_firing(map(_event, shown)), *_more(len(shown), overview["alerts"]["counts"]["firing"]), Text()]
    bar_cells = BAR_CELLS if columns >= _WIDE else BAR_CELLS // 2
    parts += [_presets(overview, room - len(shown), bar_cells), cut_short(_ingest(overview["ingest"]), "dim")]
    return Group(*parts)


def _firing(events: Iterable[AlertEvent]) -> Table:
    """Return a table with a row of one line for each alert; all of them fire, so only since when is said."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("since", "", "preset", "rule"):
        table.add_column(heading)
    table.add_column("failed", justify="right")
    table.add_column("rate", justify="right")
    table.add_column("top reason")
    for event in events:
        numbers = Text(f"{event.errors} of {event.total}", no_wrap=True), Text(percent(event.error_rate), no_wrap=True)
        preset = cut_short("whole topic" if event.preset == "*" else event.preset, "bold")
        since = Text(clock_text(event.started_at)[5:16].replace("T", " "), "dim", no_wrap=True)
        mark = Text(f"{_SYMBOLS[event.severity]} {event.severity}", ALERT_STYLES[event.severity], no_wrap=True)
        table.add_row(since, mark, preset, cut_short(event.name), *numbers, cut_short(top_reason(event).plain))
    return table


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


def _presets(overview: Overview, most: int, bar_cells: int) -> RenderableType:
    rates = worst_first(overview)
    if not rates:
        return Text("No job has been heard of yet.")
    return Group(rate_table(rates[:most], overview["window"], bar_cells), *_more(min(most, len(rates)), len(rates)))


def worst_first(overview: Overview) -> Sequence[Rate]:
    """Return the rates of an overview: of presets that fire first, then by how bad they are for certain."""
    ends = {"window_start": overview["newest"], "window_end": overview["newest"]}
    firing = {alert["preset"] for alert in overview["alerts"]["firing"]}
    rates = [Rate.model_validate({**rate, **ends}) for rate in overview["rates"]]
    return sorted(rates, key=lambda rate: (rate.preset not in firing, -(rate.error_rate_low or 0.0), rate.preset))


def _ingest(ingest: Mapping[str, Any]) -> str:
    recent = ingest["recent"]
    rare = ", ".join(f"{_sum(recent[name]):,} {name}" for name in RARE)
    return f"Last 5m: {recent['read']:,} read, {recent['counted']:,} counted, {rare}"


def _sum(count: int | Mapping[str, int]) -> int:
    return count if isinstance(count, int) else sum(count.values())
