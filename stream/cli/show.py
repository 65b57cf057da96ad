"""What the audience of a demo sees while it runs: alerts as they come, what was injected when, how far it is.

Law: with JSON, stdout has alert events and nothing else, byte for byte as on the topic; without it stdout has lines for
people. The bar is on stderr, or above it when both are one terminal.
"""

import sys
from collections import deque
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from stream.cli.alert_log import Told
from stream.cli.alert_view import alert_line, clock_text
from stream.cli.output import err, flush, out, write_line
from stream.cli.verdict import Finding
from stream.domain.duration import format_duration
from stream.local.incidents import Incident


class Show:
    """One run as it is seen."""

    def __init__(self, incidents: Sequence[Incident], starts_at_ms: int, ends_at_ms: int, *, as_json: bool) -> None:
        self.as_json = as_json
        self.lines = err() if as_json else out()
        self.bar = _bar(self.lines, is_hidden=as_json and sys.stdout.isatty())
        self._task = self.bar.add_task("event time", total=ends_at_ms - starts_at_ms, clock="")
        self.starts_at_ms = starts_at_ms
        self._to_come = deque(sorted(incidents, key=lambda incident: incident.starts_at_ms))

    def tell(self, told: Sequence[Told]) -> None:
        """Show what has fired or resolved; raises `BrokenPipeError` when nobody reads on."""
        for one in told:
            if self.as_json:
                write_line(one.body)
            else:
                self.lines.print(alert_line(one.event), soft_wrap=True)
        flush()

    def pass_time(self, at_ms: int) -> None:
        """Show how far the traffic is, and what has been injected by then."""
        while self._to_come and self._to_come[0].starts_at_ms <= at_ms:
            self.lines.print(incident_line(self._to_come.popleft()), soft_wrap=True)
        self.bar.update(self._task, completed=at_ms - self.starts_at_ms, clock=clock_text(at_ms))


def _bar(lines: Console, *, is_hidden: bool) -> Progress:
    console = lines if lines.is_terminal else err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[clock]}"),
        console=console,
        transient=True,
        disable=is_hidden or not console.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def incident_line(incident: Incident) -> Text:
    """Return what is injected as one line, its first columns those of an alert's."""
    lasts = format_duration((incident.ends_at_ms - incident.starts_at_ms) // 1000 * 1000)
    what = f"{incident.kind} of {incident.preset or 'whole topic'} for {lasts}".replace("_", " ")
    return Text.assemble((f"{clock_text(incident.starts_at_ms):<20}  ", "dim"), (f"● injected  {what}", "magenta"))


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return a table with a row for each incident and rule that should notice it."""
    table = Table("incident", "began", "rule", "fired after", "resolved", "", box=None, header_style="bold")
    for finding in findings:
        incident, began = finding.incident.name, clock_text(finding.incident.starts_at_ms)
        resolved = clock_text(finding.resolved.at) if finding.resolved else "-"
        mark = Text("✗", "bold red") if finding.miss else Text("✓", "green")
        table.add_row(incident, began, finding.rule, finding.delay, resolved, mark)
    return table
