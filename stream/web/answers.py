"""What the dashboard and whoever else looks at the whole is told, put together from what each worker knows.

Law: pure. Whether anything is wrong is said in one sentence, and said only as far as it is known: what lies behind or
has not been heard of is never called well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.times import format_time, read_time
from stream.domain.duration import format_duration
from stream.domain.evidence import WHOLE_TOPIC

Answer = dict[str, Any]

WINDOWS_MS = tuple(minutes * 60_000 for minutes in (1, 5, 15, 60, 360, 1440))
SPANS_MS = tuple(hours * 900_000 for hours in (1, 4, 24, 96, 288, 672))  # 15m to 7d
MOST_STEPS = 120
"""Points in a chart: more than that nobody tells apart."""

MOST_FIRING, MOST_PENDING, MOST_RESOLVED = 200, 50, 50
MOST_NAMES, NAME_LENGTH = 3, 40
REPLAY_MS = 24 * 3_600_000
"""Events so far behind the clock are not late but old: somebody plays them again."""

SEVERITIES = ("critical", "warning", "info")
_WORDS = {"critical": "Failing now", "warning": "Needs a look", "info": "For information"}


def windows(pane_ms: int, kept_ms: int) -> list[str]:
    """Return the windows to choose from."""
    fitting = [each for each in WINDOWS_MS if each % pane_ms == 0 and each <= kept_ms]
    return [format_duration(each) for each in fitting or [pane_ms]]


def spans(pane_ms: int, kept_ms: int) -> list[dict[str, str]]:
    """Return the spans to choose from, each with the step that makes a readable chart of it."""
    fitting = [each for each in SPANS_MS if each % pane_ms == 0 and each <= kept_ms] or [kept_ms]
    return [{"span": format_duration(each), "step": format_duration(_step(each, pane_ms))} for each in fitting]


def _step(span_ms: int, pane_ms: int) -> int:
    panes = span_ms // pane_ms
    return next(each for each in range(1, panes + 1) if panes % each == 0 and panes // each <= MOST_STEPS) * pane_ms


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
    firing = sorted((alert for alert in known.alerts if alert["state"] == "firing"), key=_urgency)
    levels = [level for level in SEVERITIES if any(alert["severity"] == level for alert in firing)]
    if levels:
        return {"level": levels[0], "sentence": f"{_firing(firing, levels[0])}{_unwell(known.faults)}"}
    if known.faults:
        return {"level": "warning", "sentence": f"No alert is firing, but{_unwell(known.faults)}"}
    return _quiet(known)


def _firing(firing: Sequence[Mapping[str, Any]], level: str) -> str:
    worst = [alert for alert in firing if alert["severity"] == level]
    silent = _names(alert["preset"] for alert in worst if alert["rule_kind"] == "silence")
    failing = _names(alert["preset"] for alert in worst if alert["rule_kind"] != "silence")
    rest = len({alert["preset"] for alert in firing} - {alert["preset"] for alert in worst})
    said = [f"{_WORDS[level]}: {_listed(failing)}{f', and {rest} more to look at' if rest else ''}."] if failing else []
    said += [f"No job comes in for {_listed(silent)}."] if silent else []
    return " ".join(said)


def _names(presets: Iterable[str]) -> list[str]:
    return list(dict.fromkeys("the whole topic" if each == WHOLE_TOPIC else each for each in presets))


def _listed(names: Sequence[str]) -> str:
    shown = [_plain(name) for name in names[:MOST_NAMES]]
    hidden = len(names) - len(shown)
    shown += [f"{hidden} other preset{'s' if hidden > 1 else ''}"] if hidden else []
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _plain(name: str) -> str:
    # Marks that turn the direction of what follows must not reach the rest of the sentence.
    text = "".join(each if each.isprintable() else "·" for each in name[:NAME_LENGTH])
    return text if len(name) <= NAME_LENGTH else f"{text}…"


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


def shown_alerts(alerts: Iterable[Mapping[str, Any]]) -> Answer:
    """Return alerts by state, the worst and then the newest first: how many there are, and as many as anyone reads."""
    by_state: dict[str, list[Mapping[str, Any]]] = {"firing": [], "pending": [], "resolved": []}
    for alert in alerts:
        by_state[alert["state"]].append(alert)
    return {
        "firing": sorted(by_state["firing"], key=_urgency)[:MOST_FIRING],
        "pending": sorted(by_state["pending"], key=_urgency)[:MOST_PENDING],
        "resolved": sorted(by_state["resolved"], key=_newest_first)[:MOST_RESOLVED],
        "counts": {state: len(found) for state, found in by_state.items()},
    }


def _urgency(alert: Mapping[str, Any]) -> tuple[int, int, str, str]:
    severity = str(alert["severity"])
    rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return rank, -read_time(alert["started_at"]), str(alert["preset"]), f"{alert['rule']} {alert.get('group', {})}"


def _newest_first(alert: Mapping[str, Any]) -> tuple[int, str]:
    return -read_time(alert["at"]), str(alert["id"])


def added(counts: Iterable[Mapping[str, Any]]) -> Answer:
    """Return counts of several workers added up, whatever is in them by name."""
    total: Answer = {}
    for each in counts:
        for name, value in each.items():
            total[name] = added([total.get(name, {}), value]) if isinstance(value, dict) else total.get(name, 0) + value
    return total


def combine(parts: Sequence[Answer], window: str, now_ms: int, behind_limit_ms: int) -> Answer:
    """Return the overview of everything from the part of each worker."""
    alerts = [alert for part in parts for alert in part["alerts"]]
    rates = sorted((rate for part in parts for rate in part["rates"]), key=lambda rate: str(rate["preset"]))
    faults = [fault for part in parts for fault in part["faults"]]
    clocks = [clock for part in parts for clock in part["decided_to_ms"].values()]
    decided_to_ms = min(clocks) if clocks and None not in clocks else None
    newest_ms = max((part["newest_ms"] for part in parts), default=0) or None
    behind_ms = None if decided_to_ms is None else now_ms - decided_to_ms
    return {
        "verdict": judge(Known(alerts, faults, len(rates), behind_ms, behind_limit_ms)),
        "window": window,
        "decided_to": None if decided_to_ms is None else format_time(decided_to_ms),
        "newest": None if newest_ms is None else format_time(newest_ms),
        "behind_limit_seconds": behind_limit_ms / 1000,
        "faults": faults,
        "rules": sorted({part["rules"] for part in parts if "rules" in part}),
        "alerts": shown_alerts(alerts),
        "ingest": added(part["ingest"] for part in parts),
        "rates": rates,
    }


@dataclass(slots=True)
class Sent:
    """What a listener has been told, so that it is told only what is new."""

    rates: dict[str, Answer] = field(default_factory=dict)
    rest: Answer = field(default_factory=dict)
    is_new: bool = True

    def changes(self, overview: Answer) -> Answer:
        """Return what has changed: whole sections, but of the rates only those that did; the first time everything."""
        rates = {rate["preset"]: rate for rate in overview["rates"]}
        rest = {name: part for name, part in overview.items() if name != "rates"}
        told: Answer = {name: part for name, part in rest.items() if name not in self.rest or self.rest[name] != part}
        fresh = [rate for preset, rate in rates.items() if self.rates.get(preset) != rate]
        gone = [preset for preset in self.rates if preset not in rates]
        told |= ({"rates": fresh} if fresh or self.is_new else {}) | ({"gone": gone} if gone else {})
        told |= {"whole": True} if self.is_new else {}
        self.rates, self.rest, self.is_new = rates, rest, False
        return told
