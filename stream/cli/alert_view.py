"""Alert events as people read them.

Law: pure, and every word that comes from outside is shown as text: never read as markup, nor as orders to a terminal.
"""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from schemas.alert import AlertEvent, AlertKind
from schemas.times import format_time
from stream.domain.readable import readable

HEADINGS = ("time", "what", "severity", "rule", "preset", "failed", "rate", "top reason")
_SYMBOLS = {AlertKind.FIRED: "▲", AlertKind.RESOLVED: "✓"}
ALERT_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def alert_table(events: Iterable[AlertEvent]) -> Table:
    """Return a table with a row for each event."""
    table = Table(*HEADINGS, box=None, header_style="bold", pad_edge=False)
    for event in events:
        table.add_row(*_cells(event))
    return table


def alert_line(event: AlertEvent) -> Text:
    """Return one event as one line, in the same order as the table's columns."""
    widths = (20, 10, 8, 16, 12, 12, 7, 0)
    line = Text()
    for cell, width in zip(_cells(event), widths, strict=True):
        cell.pad_right(max(0, width - cell.cell_len))
        line.append_text(cell).append("  ")
    line.rstrip()
    return line


def _cells(event: AlertEvent) -> list[Text]:
    return [
        Text(clock_text(event.at), "dim"),
        _what(event),
        Text(event.severity, ALERT_STYLES.get(event.severity, "")),
        Text(readable(event.name)),
        Text("whole topic" if event.preset == "*" else readable(event.preset), "bold"),
        Text(f"{event.errors} of {event.total}"),
        Text(percent(event.error_rate)),
        top_reason(event),
    ]


def _what(event: AlertEvent) -> Text:
    style = "green" if event.kind is AlertKind.RESOLVED else ALERT_STYLES.get(event.severity, "bold")
    return Text(f"{_SYMBOLS[event.kind]} {event.kind}", style)


def top_reason(event: AlertEvent) -> Text:
    """Return the commonest reason of an alert that fired, and why one that has resolved did."""
    if event.kind is AlertKind.RESOLVED:
        return Text(f"{event.resolve_reason}".replace("_", " "), "dim")
    reason, count = next(iter(event.reasons.items()), ("", 0))
    return Text(readable(f"{reason} {count}") if reason else "")


def clock_text(at_ms: int) -> str:
    """Return a time to the second; finer than that nobody reads."""
    return format_time(at_ms // 1000 * 1000)


def percent(share: float | None) -> str:
    """Return a share as people write it, or a dash where there is none."""
    return "-" if share is None else f"{share:.1%}"
