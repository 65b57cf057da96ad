"""What rules have to be asked at which of many ticks, looked up for all of them at once.

Law: a rule that is left out at a tick would not have breached there. Most rules are clear at most ticks, and their
windows show it before anything else about the tick is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stream.domain.sight import Bar, Counts, Sum
from stream.domain.windows import NEVER_MS, Numbers, WindowKey, Windows

MOST_TICKS = 256
"""Looked up at once: enough that a tick's share is small, few enough that they stay in the processor's caches."""


class Screen:
    """The bars of a preset's rules, as columns."""

    def __init__(self, bars: Sequence[Sequence[tuple[WindowKey, Bar]]], keys: Sequence[WindowKey]) -> None:
        barred = [rule for rule, its in enumerate(bars) if its]
        every = [(keys.index(key), bar) for its in bars for key, bar in its]
        self.rules = len(bars)
        self.key_at = {key: place for place, key in enumerate(keys)}
        self._unbarred = [rule for rule, its in enumerate(bars) if not its]
        self._barred = barred
        self._firsts = np.cumsum([0, *(len(bars[rule]) for rule in barred)])[:-1]
        self._keys = np.array([key for key, _ in every], np.intp)
        self._rates = np.array([bar.error_rate for _, bar in every])
        self._least = np.array([bar.min_jobs for _, bar in every], np.int64)

    def passed(self, sums: Numbers) -> NDArray[np.bool_]:
        """Return which rules (second axis) have to be asked at each tick (first), given the sums of their windows."""
        asked = np.zeros((len(sums), self.rules), np.bool_)
        asked[:, self._unbarred] = True
        if self._barred:
            errors, jobs = sums[:, self._keys, 0], sums[:, self._keys, 1]
            over = (jobs >= self._least) & (errors / np.maximum(jobs, 1) > self._rates)
            asked[:, self._barred] = np.logical_or.reduceat(over, self._firsts, axis=1)
        return asked


@dataclass(slots=True)
class Outlook:
    """The ticks of one preset from one on, `pane_ms` apart; times in epoch milliseconds."""

    first_ms: int
    pane_ms: int
    closing: Mapping[int, Counts]
    """The panes that close at these ticks and hold jobs, by start."""
    windows: Windows
    """In which those panes have closed."""
    screen: Screen
    ticks: int
    _sums: Numbers = field(init=False)
    _asked: list[int] = field(init=False)
    _ends: list[int] = field(init=False)
    _changes: list[int] = field(init=False)
    _shown: tuple[int, list[list[int]]] = field(default=(-1, []), init=False)
    """The sums of the tick that was looked at last: its rules ask for them one by one."""

    def __post_init__(self) -> None:
        self._sums, lost_ms = self.windows.sums_and_losses_at(self.first_ms + self.pane_ms * np.arange(self.ticks))
        asked = self.screen.passed(self._sums)
        self._asked = asked.nonzero()[1].tolist()
        self._ends = [0, *np.cumsum(asked.sum(axis=1)).tolist()]
        self._changes = np.where(lost_ms < NEVER_MS, lost_ms - lost_ms % self.pane_ms + self.pane_ms, NEVER_MS).tolist()

    @property
    def last_ms(self) -> int:
        """The last of the ticks."""
        return self.first_ms + self.pane_ms * (self.ticks - 1)

    def _tick(self, at_ms: int) -> int:
        return (at_ms - self.first_ms) // self.pane_ms

    def asked_at(self, at_ms: int) -> list[int]:
        """Return the places of the rules that have to be asked at a tick."""
        tick = self._tick(at_ms)
        return self._asked[self._ends[tick] : self._ends[tick + 1]]

    def changes_after(self, at_ms: int) -> int:
        """Return the first tick after one at which a window holds fewer jobs, if no more come; `NEVER_MS` if none."""
        return self._changes[self._tick(at_ms)]

    def sum_at(self, at_ms: int, key: WindowKey) -> Sum:
        """Return the jobs of a window that ends at a tick."""
        tick = self._tick(at_ms)
        if tick != self._shown[0]:
            self._shown = tick, self._sums[tick].tolist()
        return Sum(*self._shown[1][self.screen.key_at[key]])
