"""One preset as the deciding stage knows it: its panes by source partition, its rolling windows, its alerts.

Law: closing panes in order keeps every window equal to the sum of its panes, at a cost that depends on neither the
window's length nor the number of panes kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

import msgspec

from schemas.alert import AlertEvent
from stream.domain.alerting import Alert, Phase
from stream.domain.hours import Hours
from stream.domain.packing import Endings, PaneForm, counts_of, endings_of, pack, read_pane, unpack
from stream.domain.panes import HOUR_MS, next_boundary, pane_start
from stream.domain.recency import Recency
from stream.domain.rule_fields import FINE_MS
from stream.domain.sight import Counted, Counts, Shift
from stream.domain.tally import Cell, FailedJob, Tally, add_counts, merged
from stream.domain.windows import WindowKey, Windows

EVIDENCE_JOBS = 5
"""Failed jobs named in an alert: enough to look some up, few enough to read."""


FORGET_AFTER_MS = 30 * 24 * HOUR_MS
"""A preset without jobs, panes or open alerts for this long is forgotten, with its run of failures."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A source partition's tally of a pane as of a source offset.

    Only the counts are at hand. The rest is asked for when the pane closes and by evidence, and stays packed where it
    came so: there are many panes.
    """

    offset: int
    seen: Counts
    decided: Counts
    whole: Tally | msgspec.Raw

    @classmethod
    def of(cls, offset: int, tally: Tally) -> "Stamped":
        """Return a tally that was not packed."""
        return cls(offset, tally.seen, tally.decided, tally)

    @classmethod
    def read(cls, offset: int, pane: PaneForm, packed: msgspec.Raw) -> "Stamped":
        """Return a pane's tally, given its JSON and what that says; the JSON is kept and must not be a part of more."""
        return cls(offset, *counts_of(pane), packed)

    @property
    def tally(self) -> Tally:
        """All of the tally."""
        return self.whole if isinstance(self.whole, Tally) else unpack(read_pane(self.whole))

    @property
    def endings(self) -> Endings:
        """How the jobs of the tally have ended."""
        if isinstance(self.whole, Tally):
            return Endings(self.whole.last_decided_ms, self.whole.recency, self.whole.recency_by_source)
        return endings_of(self.whole)

    def packed(self, start_ms: int) -> msgspec.Raw:
        """Return the tally as JSON, given the start of its pane."""
        return pack(start_ms, self.whole) if isinstance(self.whole, Tally) else self.whole


@dataclass(slots=True)
class Preset:
    """The state of one preset. Windows are derived from panes; the rest is kept in tables."""

    pane_ms: int
    errors_kept: int
    panes: dict[int, dict[int, Stamped]] = field(default_factory=dict)
    windows: Windows = field(default_factory=Windows)
    hours: Hours = field(default_factory=Hours)
    alerts: dict[str, Alert] = field(default_factory=dict)
    recency: Recency = field(default_factory=Recency)
    recency_by_source: dict[str, Recency] = field(default_factory=dict)
    """The same for the jobs of each source type."""
    meanings: dict[str, str] = field(default_factory=dict)
    """The fingerprint of the rule that each alert is one of, by the rule's key."""
    fired: dict[str, AlertEvent] = field(default_factory=dict)
    """What was said when each alert that is firing now fired, by the rule's key."""
    shifts: dict[str, Shift] = field(default_factory=dict)
    """How far it has moved from its baseline, by the rule's key."""
    ahead: list[int] = field(default_factory=list)
    """Starts of panes that have not closed yet, as a heap."""
    last_job_ms: int = -1
    decided_to_ms: int | None = None
    due_ms: int | None = None

    def catch_up(self, tick_ms: int | None) -> None:
        """Take note of ticks that were passed over because nothing could change at them."""
        if tick_ms is not None:
            self.decided_to_ms = max(tick_ms, self.decided_to_ms or tick_ms)

    def is_due(self, tick_ms: int) -> bool:
        """Tell whether there is anything to decide at a tick or before."""
        return self.due_ms is not None and self.due_ms <= tick_ms

    def is_closed(self, start_ms: int) -> bool:
        """Tell whether a pane has been decided on; after a crash a preset's row may be ahead of the clock's."""
        return self.decided_to_ms is not None and start_ms < self.decided_to_ms

    def take(self, start_ms: int, source: int, stamped: Stamped) -> bool:
        """Keep a tally unless a newer one of the same source partition is known; tell whether it was kept."""
        if start_ms not in self.panes:
            self.panes[start_ms] = {}
            if not self.is_closed(start_ms):
                heappush(self.ahead, start_ms)
        by_source = self.panes[start_ms]
        known = by_source.get(source)
        if known is not None and known.offset >= stamped.offset:
            return False
        by_source[source] = stamped
        return True

    def add(self, start_ms: int, tally: Tally, kept: int) -> None:
        """Count a tally on top of a pane's; `kept` is how many failures are remembered of each reason."""
        known = self.panes.get(start_ms, {}).get(0)
        if known is None:
            self.take(start_ms, 0, Stamped.of(0, tally))
        else:
            self.take(start_ms, 0, Stamped.of(known.offset + 1, merged((known.tally, tally), kept)))

    def pane(self, start_ms: int) -> Tally:
        """Return a pane's tally over all source partitions."""
        by_source = self.panes.get(start_ms, {})
        return merged((stamped.tally for stamped in by_source.values()), self.errors_kept)

    def seen_between(self, start_ms: int, end_ms: int) -> dict[Cell, int]:
        """Return the jobs by event time in [start, end)."""
        total: dict[Cell, int] = {}
        for start in self._starts_between(start_ms, end_ms):
            for stamped in self.panes[start].values():
                add_counts(total, stamped.seen)
        return total

    def open_windows(self, keys: Iterable[WindowKey], hours_ms: int) -> list[int]:
        """Derive the rolling windows, as they stood when this preset was last decided on, from its panes and hours.

        Returns the hours that only panes were known of, and that must outlive them.
        """
        panes, known = {start: self.decided_in(start) for start in self.panes}, tuple(keys)
        self.windows.open((key for key in known if key.length_ms <= FINE_MS), panes, self.decided_to_ms)
        long = (key for key in known if key.length_ms > FINE_MS)
        return self.hours.open(long, hours_ms, panes, self.decided_to_ms)

    def decided_in(self, start_ms: int) -> Counts:
        """Return the jobs of a pane that rules may use; to be read only."""
        known = self.panes.get(start_ms, {})
        if len(known) == 1:
            return next(iter(known.values())).decided
        total: dict[Cell, int] = {}
        for stamped in known.values():
            add_counts(total, stamped.decided)
        return total

    def close_panes(self, until_ms: int) -> dict[int, Counts]:
        """Have windows take in all panes that close by a tick, which is yet to be passed; return these by start."""
        closing = {start: self.decided_in(start) for start in sorted(self.ahead) if start < until_ms}
        self.windows.close(closing)
        return closing

    def pass_tick(self, at_ms: int, closed: Counts) -> None:
        """Note how the jobs of the pane that ends at a tick have ended."""
        start_ms = at_ms - self.pane_ms
        if closed and self.last_job_ms < start_ms - FORGET_AFTER_MS:
            # Whether memory was tidied in between must not matter.
            self.recency, self.recency_by_source, self.shifts = Recency(), {}, {}
        for stamped in self.panes.get(start_ms, {}).values():
            self._remember(stamped.endings)
        self.decided_to_ms = at_ms
        while self.ahead and self.ahead[0] < at_ms:
            heappop(self.ahead)

    def _remember(self, pane: Endings) -> None:
        self.last_job_ms = max(self.last_job_ms, pane.last_decided_ms)
        self.recency.merge(pane.recency, self.errors_kept)
        for source_type, recency in pane.recency_by_source.items():
            self.recency_by_source.setdefault(source_type, Recency()).merge(recency, self.errors_kept)

    def decided_between(self, start_ms: int, end_ms: int) -> dict[Cell, int]:
        """Return the jobs that rules may use of the panes in [start, end)."""
        total: dict[Cell, int] = {}
        for start in self._starts_between(start_ms, end_ms):
            add_counts(total, self.decided_in(start))
        return total

    def counts_since(self, start_ms: int, at_ms: int) -> dict[Cell, int]:
        """Return the jobs that rules may use up to a tick; from the whole hour of an instant that is long ago."""
        if at_ms - start_ms <= FINE_MS:
            return self.decided_between(start_ms, at_ms)
        # A row of hours may be newer than the tick, and is not asked for those that had not passed by then.
        hour_ms = pane_start(at_ms, HOUR_MS)
        total = self.hours.counts_between(start_ms, hour_ms)
        add_counts(total, self.decided_between(hour_ms, at_ms))
        return total

    def expire(self, oldest_ms: int) -> list[int]:
        """Drop panes that start before an instant, and name them."""
        expired = [start for start in self.panes if start < oldest_ms]
        for start in expired:
            del self.panes[start]
        self.windows.expire(oldest_ms)
        return expired

    def newest_failures(self, start_ms: int, end_ms: int, counted: Counted) -> tuple[str, ...]:
        """Name the newest failed jobs in [start, end), newest first."""
        found: list[FailedJob] = []
        for start in sorted(self._starts_between(start_ms, end_ms), reverse=True):
            found += [sample for sample in reversed(self.pane(start).samples) if counted.includes(sample)]
            if len(found) >= EVIDENCE_JOBS:
                break
        return tuple(job.job_id for job in found[:EVIDENCE_JOBS])

    def has_open_alert(self) -> bool:
        """Tell whether any alert is pending or firing."""
        return any(alert.phase is not Phase.INACTIVE for alert in self.alerts.values())

    def rules_gone(self, meanings: Mapping[str, str]) -> list[str]:
        """Name the rules that something is remembered of and that are not there, or do not mean what they meant."""
        known = {rule: self.meanings.get(rule, meanings.get(rule)) for rule in self.alerts}
        known |= {rule: shift.rule for rule, shift in self.shifts.items() if rule not in known}
        return sorted(rule for rule, meaning in known.items() if rule not in meanings or meanings[rule] != meaning)

    def forget_rule(self, rule: str) -> None:
        """Forget what is remembered of a rule, other than what was said when its alert fired."""
        for remembered in (self.alerts, self.meanings, self.shifts):
            remembered.pop(rule, None)

    def _starts_between(self, start_ms: int, end_ms: int) -> Iterator[int]:
        spanned = range(next_boundary(start_ms, self.pane_ms), end_ms, self.pane_ms)
        if len(spanned) < len(self.panes):
            return (start for start in spanned if start in self.panes)
        return (start for start in self.panes if start_ms <= start < end_ms)
