"""The bound on presets: names beyond it are counted together.

Law: a preset is known while a pane of it is retained, and one that is not known counts under its own name only while
fewer than the bound are known; so no sender can grow state without end, and where batches are cut does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stream.domain.columns import Kind, Times
from stream.domain.tally import ALL_PRESETS

OVERFLOW_PRESET = "(other)"
"""Where presets beyond the bound are counted."""

_NOT_COUNTED = {ALL_PRESETS, OVERFLOW_PRESET}


@dataclass(slots=True)
class Bounded:
    """The presets known before a batch, by the start of their newest pane, and those that the batch brings."""

    known: Mapping[str, int]
    most: int
    fresh: dict[str, int] = field(default_factory=dict)
    retained: int = 0
    """How many presets were known when panes older than `retained_since` had been dropped."""
    retained_since: int | None = None

    def bounded(
        self, kinds: Sequence[Kind], codes: NDArray[np.intp], newest: Times, oldest: Times
    ) -> tuple[Sequence[Kind], NDArray[np.intp]]:
        """Return kinds and codes of jobs, in log order, with presets bounded; the times are starts of panes."""
        fresh = {kind.preset for kind in kinds if kind.preset not in self.known}
        not_counted = sum(name in self.known or name in fresh for name in _NOT_COUNTED)
        if len(self.known) + len(fresh) - not_counted <= self.most:
            return kinds, codes
        code_of: dict[Kind, int] = {}
        bounded = [
            code_of.setdefault(self._bound(kinds[code], *times), len(code_of))
            for code, *times in zip(codes.tolist(), newest.tolist(), oldest.tolist(), strict=True)
        ]
        return list(code_of), np.array(bounded, np.intp)

    def _bound(self, kind: Kind, newest: int, oldest: int) -> Kind:
        preset = self._name(kind.preset, oldest)
        self.fresh[preset] = max(newest, self.fresh.get(preset, newest))
        return kind._replace(preset=preset)

    def _name(self, preset: str, oldest: int) -> str:
        if self._newest(preset) >= oldest or preset in _NOT_COUNTED:
            return preset
        if oldest != self.retained_since:
            names = (self.known.keys() | self.fresh.keys()) - _NOT_COUNTED
            self.retained, self.retained_since = sum(self._newest(name) >= oldest for name in names), oldest
        if self.retained >= self.most:
            return OVERFLOW_PRESET
        self.retained += 1
        return preset

    def _newest(self, preset: str) -> int:
        return max(self.known.get(preset, -1), self.fresh.get(preset, -1))
