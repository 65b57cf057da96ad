"""What the dashboard and whoever else looks at the whole is told, put together from what each worker knows.

Law: pure, and the same whichever worker puts it together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.times import format_time, read_time
from stream.domain.advice import say
from stream.domain.duration import format_duration
from stream.web.verdict import SILENCE, Known, judge, urgency

Answer = dict[str, Any]

WINDOWS_MS = tuple(minutes * 60_000 for minutes in (1, 5, 15, 60, 360, 1440))
SPANS_MS = tuple(hours * 900_000 for hours in (1, 4, 24, 96, 288, 672))  # 15m to 7d
MOST_STEPS = 120
"""Points in a chart: more than that nobody tells apart."""

MOST_FIRING, MOST_PENDING, MOST_RESOLVED = 200, 50, 50


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


def shown_alerts(alerts: Iterable[Mapping[str, Any]]) -> Answer:
    """Return alerts by state, the worst and then the newest first: how many there are, and as many as anyone reads."""
    by_state: dict[str, list[Mapping[str, Any]]] = {"firing": [], "pending": [], "resolved": []}
    for alert in alerts:
        by_state[alert["state"]].append(alert)
    return {
        "firing": [_advised(alert) for alert in sorted(by_state["firing"], key=urgency)[:MOST_FIRING]],
        "pending": sorted(by_state["pending"], key=urgency)[:MOST_PENDING],
        "resolved": sorted(by_state["resolved"], key=_newest_first)[:MOST_RESOLVED],
        "counts": {state: len(found) for state, found in by_state.items()},
    }


def _advised(alert: Mapping[str, Any]) -> Answer:
    """Return an alert with why it fires and what to do, in the words of those who are told of it."""
    is_silence = alert["rule_kind"] == SILENCE
    said = say(alert.get("reasons", {}), alert.get("parties", {}), is_silence=is_silence)
    own = alert.get("annotations", {}).get("description")
    return {**alert, "why": said.why, "do": own or said.do}


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
