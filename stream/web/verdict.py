"""Whether anything is wrong, in one sentence for somebody who has just been woken.

Law: pure. It is said only as far as it is known: what lies behind or has not been heard of is never called well. The
figures are those of the alert event, so they are what a notification says too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.times import read_time
from stream.domain.advice import commonest
from stream.domain.evidence import WHOLE_TOPIC
from stream.domain.readable import readable

MOST_NAMES, NAME_LENGTH = 3, 40
REPLAY_MS = 24 * 3_600_000
"""Events so far behind the clock are not late but old: somebody plays them again."""

SEVERITIES = ("critical", "warning", "info")
SILENCE = "silence"
_WORDS = {"critical": "Failing now", "warning": "Needs a look", "info": "For information"}


@dataclass(frozen=True, slots=True)
class Known:
    """What all workers know together, as far as it takes to judge it."""

    alerts: Sequence[Mapping[str, Any]]
    faults: Sequence[Mapping[str, Any]]
    presets: int
    behind_ms: int | None
    """How far what was decided lies behind the clock; None while nothing was."""
    behind_limit_ms: int


def judge(known: Known) -> dict[str, str]:
    """Return whether anything is wrong: a level, and one sentence for somebody who has just been woken."""
    firing = sorted((alert for alert in known.alerts if alert["state"] == "firing"), key=urgency)
    levels = [level for level in SEVERITIES if any(alert["severity"] == level for alert in firing)]
    if levels:
        return {"level": levels[0], "sentence": f"{_firing(firing, levels[0])}{_unwell(known.faults)}"}
    if known.faults:
        return {"level": "warning", "sentence": f"No alert is firing, but{_unwell(known.faults)}"}
    return _quiet(known)


def _firing(firing: Sequence[Mapping[str, Any]], level: str) -> str:
    worst = [alert for alert in firing if alert["severity"] == level]
    silent = [str(alert["preset"]) for alert in worst if alert["rule_kind"] == SILENCE]
    failing: dict[str, Mapping[str, Any]] = {}
    for alert in worst:
        if alert["rule_kind"] != SILENCE:
            failing.setdefault(alert["preset"], alert)
    rest = len({alert["preset"] for alert in firing} - {alert["preset"] for alert in worst})
    named = [_failing(alert, is_alone=len(failing) == 1) for alert in failing.values()]
    said = [f"{_WORDS[level]}: {_listed(named)}{f', and {rest} more to look at' if rest else ''}."] if named else []
    return " ".join([*said, *_silent(silent)])


def _failing(alert: Mapping[str, Any], *, is_alone: bool) -> str:
    """Return a preset with the figures with which its newest alert fired, and why where there is only one."""
    name, total = readable(_name(str(alert["preset"])), NAME_LENGTH), alert.get("total")
    if not total:
        return name
    why = _mostly(alert) if is_alone else ""
    return f"{name} ({alert['errors']:,} of {total:,} job{'s' if total > 1 else ''}{why})"


def _mostly(alert: Mapping[str, Any]) -> str:
    if not alert["reasons"]:
        return ""
    reason, count = commonest(alert["reasons"])
    share = "all" if count == alert["errors"] else "mostly" if 2 * count > alert["errors"] else ""
    return f", {share} {readable(reason, NAME_LENGTH)}" if share else ""


def _silent(presets: Sequence[str]) -> list[str]:
    if WHOLE_TOPIC in presets:
        return ["No jobs come in at all."]
    names = [readable(each, NAME_LENGTH) for each in dict.fromkeys(presets)]
    return [f"No jobs of {_listed(names)} come in."] if names else []


def _name(preset: str) -> str:
    return "all presets" if preset == WHOLE_TOPIC else preset


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:MOST_NAMES])
    hidden = len(names) - len(shown)
    shown += [f"{hidden} other preset{'s' if hidden > 1 else ''}"] if hidden else []
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _unwell(faults: Sequence[Mapping[str, Any]]) -> str:
    names = _listed(list(dict.fromkeys(str(fault["name"]) for fault in faults))) if faults else ""
    return f" presetwatch itself is unwell ({names})." if names else ""


def _quiet(known: Known) -> dict[str, str]:
    if known.behind_ms is None or not known.presets:
        return {"level": "unknown", "sentence": "Nothing can be said yet: no job has been heard of."}
    pending = sum(alert["state"] == "pending" for alert in known.alerts)
    soon = f"; {pending} alert{'s' if pending > 1 else ''} pending" if pending else ""
    if known.behind_ms >= REPLAY_MS:
        return {"level": "ok", "sentence": f"No alert is firing in these events, which are old{soon}."}
    if known.behind_ms > known.behind_limit_ms:
        return {"level": "unknown", "sentence": f"No alert is firing, but the newest events are not decided yet{soon}."}
    watched = "1 preset" if known.presets == 1 else f"{known.presets:,} presets"
    return {"level": "ok", "sentence": f"All is well: no alert is firing for {watched}{soon}."}


def urgency(alert: Mapping[str, Any]) -> tuple[int, int, str, str]:
    """Return what sorts alerts: the worst first, and of those the newest."""
    severity = str(alert["severity"])
    rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return rank, -read_time(alert["started_at"]), str(alert["preset"]), f"{alert['rule']} {alert.get('group', {})}"
