"""What people ask of a board: rates, series, presets and alerts.

Law: answers count jobs by event time, late ones included, up to the newest pane heard of; asking changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.rate import Rate
from schemas.times import format_time
from stream.domain.alerting import Phase
from stream.domain.deciding import Board
from stream.domain.evidence import WHOLE_TOPIC, count_parties, count_reasons, group_of, rated
from stream.domain.panes import next_boundary
from stream.domain.preset import Preset
from stream.domain.tally import ALL_PRESETS, Cell


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of event time, [start, end) in epoch milliseconds."""

    start_ms: int
    end_ms: int


def internal_name(preset: str) -> str:
    """Return the name under which a preset is tallied; `*` asks for the topic as a whole."""
    return ALL_PRESETS if preset == WHOLE_TOPIC else preset


def newest_end(board: Board) -> int:
    """Return the end of the newest pane that has been heard of, in epoch milliseconds."""
    newest_ms = board.newest_pane_ms + board.policy.pane_ms if board.newest_pane_ms >= 0 else 0
    return max(board.tick_ms or 0, newest_ms)


def known_presets(board: Board) -> list[str]:
    """Return the presets of a board by name, the topic as a whole left out."""
    return sorted(name for name, preset in board.presets.items() if name != ALL_PRESETS and preset.panes)


def describe_preset(board: Board, name: str) -> dict[str, Any]:
    """Return what a list of presets says of one."""
    newest_ms = max(board.presets[name].panes)
    return {"preset": name, "last_seen": format_time(newest_ms + board.policy.pane_ms)}


def rate_in(board: Board, name: str, window: Window) -> Rate:
    """Return a preset's error rate in a window; without jobs there is no rate."""
    preset = board.presets.get(name)
    return rate_of(board, name, window, preset.seen_between(window.start_ms, window.end_ms) if preset else {})


def rate_of(board: Board, name: str, window: Window, counts: Mapping[Cell, int]) -> Rate:
    """Return the error rate of a window whose jobs are known."""
    errors = sum(count for cell, count in counts.items() if cell.reason)
    total = sum(counts.values())
    rates = rated(errors, total)
    reasons = count_reasons(counts, bool)
    return Rate(
        preset=name or WHOLE_TOPIC,
        window_start=window.start_ms,
        window_end=window.end_ms,
        errors=errors,
        finished=total - errors,
        total=total,
        error_rate=rates.rate,
        error_rate_low=rates.low,
        error_rate_high=rates.high,
        reasons=reasons,
        parties=count_parties(reasons, board.policy.party_of),
        stages=_count(counts, "stage"),
        root_stages=_count(counts, "root_stage"),
    )


def _count(counts: Mapping[Cell, int], part: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for cell, count in counts.items():
        name = getattr(cell, part)
        if name:
            total[name] = total.get(name, 0) + count
    return total


def last_window(board: Board, length_ms: int) -> Window:
    """Return the newest window of a length."""
    end_ms = newest_end(board)
    return Window(end_ms - length_ms, end_ms)


def series(board: Board, name: str, span_ms: int, step_ms: int) -> list[Rate]:
    """Return a preset's rates step by step over the newest span."""
    end_ms = next_boundary(newest_end(board), step_ms)
    starts = range(end_ms - span_ms, end_ms, step_ms)
    return [rate_in(board, name, Window(start, start + step_ms)) for start in starts]


def alerts(board: Board, states: frozenset[str]) -> list[dict[str, Any]]:
    """Return the board's alerts in some of the states `firing`, `pending` and `resolved`."""
    found: list[dict[str, Any]] = []
    for name, preset in board.presets.items():
        if "firing" in states:
            found += [_stated("firing", event.model_dump(mode="json")) for event in preset.fired.values()]
        if "pending" in states:
            found += [_stated("pending", pending) for pending in _pending(board, name, preset)]
    if "resolved" in states:
        found += [_stated("resolved", event.model_dump(mode="json")) for event in board.resolved]
    return found


def _stated(state: str, alert: dict[str, Any]) -> dict[str, Any]:
    return {"state": state, **alert}


def _pending(board: Board, name: str, preset: Preset) -> Iterator[dict[str, Any]]:
    for rule in board.policy.rules_for(name):
        alert = preset.alerts.get(rule.key)
        if alert is not None and alert.phase is Phase.PENDING and alert.started_at_ms is not None:
            yield {
                "rule": rule.name,
                "rule_kind": rule.kind,
                "severity": rule.severity,
                "preset": name or WHOLE_TOPIC,
                "group": group_of(rule),
                "started_at": format_time(alert.started_at_ms),
            }
