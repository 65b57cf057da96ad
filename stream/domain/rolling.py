"""A preset's rates over time, each over a window that rolls: what a rule with that window held against its threshold.

Law: every point equals `rate_in` of its window, at a cost of one look at each pane however long the window is. The
last point ends where the newest window ends, so a chart and a list show the same number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.rate import Rate
from stream.domain.deciding import Board
from stream.domain.duration import format_duration
from stream.domain.panes import next_boundary
from stream.domain.preset import Preset
from stream.domain.queries import Window, newest_end, rate_of
from stream.domain.rules import ThresholdRule
from stream.domain.tally import ALL_PRESETS, Cell


@dataclass(slots=True)
class Rolling:
    """The jobs of a window that only moves forward."""

    preset: Preset
    starts: list[int] = field(init=False)
    counts: dict[Cell, int] = field(default_factory=dict)
    _first: int = 0
    _next: int = 0

    def __post_init__(self) -> None:
        self.starts = sorted(self.preset.panes)

    def move(self, window: Window) -> dict[Cell, int]:
        """Return the jobs in a window that neither starts nor ends before the one asked for last."""
        while self._next < len(self.starts) and self.starts[self._next] < window.end_ms:
            self._add(self._next, 1)
            self._next += 1
        while self._first < self._next and self.starts[self._first] < window.start_ms:
            self._add(self._first, -1)
            self._first += 1
        return {cell: count for cell, count in self.counts.items() if count}

    def _add(self, index: int, sign: int) -> None:
        for stamped in self.preset.panes[self.starts[index]].values():
            for cell, count in stamped.seen.items():
                self.counts[cell] = self.counts.get(cell, 0) + sign * count


def rolling_windows(end_ms: int, span_ms: int, step_ms: int, window_ms: int) -> Iterator[Window]:
    """Return the windows of a series, one for each step of the span, none past the newest pane's end."""
    last_ms = next_boundary(end_ms, step_ms)
    for at_ms in range(last_ms - span_ms + step_ms, last_ms + 1, step_ms):
        until_ms = min(at_ms, end_ms)
        yield Window(until_ms - window_ms, until_ms)


def rolling_series(board: Board, name: str, span_ms: int, step_ms: int, window_ms: int) -> list[Rate]:
    """Return a preset's rates over a rolling window, step by step over the newest span."""
    preset = board.presets.get(name)
    rolling = None if preset is None else Rolling(preset)
    windows = rolling_windows(newest_end(board), span_ms, step_ms, window_ms)
    return [rate_of(board, name, window, rolling.move(window) if rolling else {}) for window in windows]


def thresholds(board: Board, name: str) -> list[dict[str, Any]]:
    """Return the error rates that a preset's rules hold it against."""
    matching = board.policy.rules.matching(name) if name != ALL_PRESETS else ()
    rules = (rule for rule in matching if isinstance(rule, ThresholdRule))
    return [
        {
            "rule": rule.name,
            "severity": rule.severity,
            "error_rate": rule.error_rate,
            "window": format_duration(rule.window_ms),
            "parties": list(rule.parties),
            "reasons": list(rule.reasons),
            "source_types": list(rule.source_types),
            "group_by": list(rule.group_by),
        }
        for rule in rules
    ]
