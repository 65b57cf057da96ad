"""Counting as the rules for it read: one record at a time, with sets and dictionaries. Slow, short, and the measure of
what the product does by columns.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from stream.domain.counting import DECIDES_WITHIN_MS
from stream.domain.dedupe import is_forgotten
from stream.domain.panes import HOUR_MS, pane_end, pane_start
from stream.domain.parse import Ignored, Outcome, Rejected, parse
from stream.domain.presets import OVERFLOW_PRESET
from stream.domain.replay import Replayed
from stream.domain.sources import CountingPolicy, oldest_retained
from stream.domain.tally import ALL_PRESETS, Cell, FailedJob, Tally
from tests.laws.logs import CAUSES


@dataclass(slots=True)
class Reference:
    """One source partition."""

    policy: CountingPolicy
    watermark_ms: int | None = None
    jobs: dict[str, tuple[int, bool]] = field(default_factory=dict)
    panes: dict[tuple[str, int], Tally] = field(default_factory=dict)
    newest_pane: dict[str, int] = field(default_factory=dict)
    rejected: list[int] = field(default_factory=list)
    meters: Counter[str] = field(default_factory=Counter)

    def take(self, records: Iterable[Replayed]) -> None:
        for record in records:
            parsed = parse(record.value, record.timestamp, CAUSES)
            if isinstance(parsed, Rejected):
                self.rejected.append(record.offset)
                continue
            if isinstance(parsed, Outcome):
                self._take_outcome(parsed)
            self._advance(parsed)

    def _advance(self, parsed: Outcome | Ignored) -> None:
        if parsed.at_ms is not None:
            reached_ms = parsed.at_ms - self.policy.lateness_ms
            self.watermark_ms = max(reached_ms, self.watermark_ms or reached_ms)

    def _take_outcome(self, outcome: Outcome) -> None:
        hour, failed = self.jobs.get(outcome.job_id, (0, False))
        if outcome.job_id in self.jobs and not is_forgotten(hour, self.policy.horizon_ms, self.watermark_ms):
            self.meters["duplicates" if failed == outcome.failed else "conflicts"] += 1
        elif pane_end(outcome.at_ms, self.policy.pane_ms) <= oldest_retained(self.watermark_ms, self.policy):
            self.meters["expired"] += 1
        else:
            self.jobs[outcome.job_id] = outcome.at_ms // HOUR_MS, outcome.failed
            self.meters["counted"] += 1
            self._tally(outcome)

    def _tally(self, outcome: Outcome) -> None:
        preset, cause = self._bounded(outcome.preset), outcome.cause
        cell = Cell(outcome.source_type)
        if cause is not None:
            cell = Cell(outcome.source_type, cause.reason, cause.stage, cause.root_stage)
        job, decided_ms = (
            FailedJob(outcome.at_ms, outcome.job_id, cell.reason, cell.source_type),
            self._decided_at(outcome.at_ms),
        )
        for name in (preset, ALL_PRESETS):
            self._pane(name, outcome.at_ms).see(cell)
            if decided_ms is not None:
                self._pane(name, decided_ms).decide(cell, job, decided_ms, self.policy.errors_kept)

    def _decided_at(self, at_ms: int) -> int | None:
        if self.watermark_ms is None or at_ms >= self.watermark_ms:
            return at_ms
        self.meters["late"] += 1
        return self.watermark_ms if self.watermark_ms - at_ms <= DECIDES_WITHIN_MS else None

    def _pane(self, preset: str, at_ms: int) -> Tally:
        start = pane_start(at_ms, self.policy.pane_ms)
        self.newest_pane[preset] = max(start, self.newest_pane.get(preset, start))
        return self.panes.setdefault((preset, start), Tally())

    def _bounded(self, preset: str) -> str:
        oldest = oldest_retained(self.watermark_ms, self.policy)
        if self.newest_pane.get(preset, -1) >= oldest:
            return preset
        names = self.newest_pane.keys() - {ALL_PRESETS, OVERFLOW_PRESET}
        known = sum(self.newest_pane[name] >= oldest for name in names)
        return preset if known < self.policy.max_presets else OVERFLOW_PRESET
