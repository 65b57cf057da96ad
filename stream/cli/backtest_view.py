"""What a back-test came to, as a table for people and as JSON for programs.

Law: pure; without labelled incidents nothing is said of what was found, missed or false.
"""

from typing import Any

from rich.table import Table
from rich.text import Text

from schemas.times import format_time
from stream.domain.episodes import Incident, Score, is_false
from stream.domain.outcome import Outcome, Verdict
from stream.report.words import INCIDENT_HEADINGS, incident_cells, lasting, score_cells, score_headings


def scores_table(outcome: Outcome) -> Table:
    """Return a row for each rules file and for each of its rules."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in score_headings(outcome):
        table.add_column(heading, justify="left" if heading in ("rules", "rule") else "right")
    for verdict in outcome.verdicts:
        table.add_row(Text(verdict.name), "all", *score_cells(outcome, verdict.score), style="bold")
        for rule, score in verdict.by_rule.items():
            table.add_row("", Text(rule), *score_cells(outcome, score))
    return table


def incidents_table(outcome: Outcome) -> Table:
    """Return a row for each labelled incident: after how long each rules file told of it."""
    table = Table(*INCIDENT_HEADINGS, box=None, header_style="bold", pad_edge=False)
    for verdict in outcome.verdicts:
        table.add_column(Text(f"alert by {verdict.name}"), justify="right")
    for incident in outcome.incidents:
        known = (Text(cell) for cell in incident_cells(incident))
        table.add_row(*known, *(_delay_cell(delay) for delay in outcome.delays(incident)))
    return table


def _delay_cell(delay_ms: int | None) -> Text:
    return Text("missed", "bold red") if delay_ms is None else Text(f"after {lasting(delay_ms)}", "green")


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Return all of it for a program; durations are seconds, and None is what there is none of."""
    start_ms, end_ms = outcome.span
    span = {"from": format_time(start_ms), "to": format_time(end_ms)} if end_ms else {"from": None, "to": None}
    return {
        **span,
        "records": outcome.records,
        "incidents": [_incident(outcome, one) for one in outcome.incidents],
        "rules": [_verdict(outcome, verdict) for verdict in outcome.verdicts],
    }


def _incident(outcome: Outcome, incident: Incident) -> dict[str, Any]:
    found = zip(outcome.verdicts, outcome.delays(incident), strict=True)
    return {
        "name": incident.name,
        "preset": incident.preset,
        "start": format_time(incident.starts_at_ms),
        "end": format_time(incident.ends_at_ms),
        "delay_seconds": {verdict.name: seconds(delay_ms) for verdict, delay_ms in found},
    }


def _verdict(outcome: Outcome, verdict: Verdict) -> dict[str, Any]:
    episodes = [
        {
            "rule": one.rule,
            "preset": one.preset,
            "group": {"reason": one.group} if one.group else {},
            "fired_at": format_time(one.fired_at_ms),
            "ends_at": format_time(one.ends_at_ms),
            "resolve_reason": one.resolve_reason,
            "false_alarm": is_false(one, outcome.incidents) if outcome.incidents else None,
        }
        for one in verdict.episodes
    ]
    by_rule = {rule: _score(outcome, score) for rule, score in verdict.by_rule.items()}
    return {"file": verdict.name, **_score(outcome, verdict.score), "by_rule": by_rule, "list": episodes}


def _score(outcome: Outcome, score: Score) -> dict[str, Any]:
    is_judged = bool(outcome.incidents)
    return {
        "episodes": score.episodes,
        "firing_seconds": seconds(score.firing_ms),
        "found": score.found if is_judged else None,
        "median_delay_seconds": seconds(score.median_delay_ms),
        "worst_delay_seconds": seconds(score.worst_delay_ms),
        "false_alarms": score.false_alarms if is_judged else None,
        "flaps": score.flaps,
    }


def seconds(ms: int | None) -> float | None:
    """Return milliseconds as seconds."""
    return None if ms is None else ms / 1000
