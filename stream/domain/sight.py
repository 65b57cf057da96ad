"""What can be seen of one preset at one tick, and what a rule finds in it.

Law: what is seen was decided before the tick, and looking changes nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from stream.domain.alerting import Signal
from stream.domain.annotations import Value
from stream.domain.panes import HOUR_MS, pane_start
from stream.domain.recency import Recency, total
from stream.domain.rule_base import BaseRule
from stream.domain.rule_fields import FINE_MS
from stream.domain.tally import Cell, FailedJob

Counts = Mapping[Cell, int]

IsError = Callable[[str], bool]
"""Tells whether a failure of this reason is an error to the rule."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Which jobs a rule looks at, and which of their failures are errors to it; rules that agree share one."""

    is_error: IsError
    source_types: frozenset[str] = frozenset()
    """Of jobs that it looks at; empty means all."""

    def of(self, counts: Counts) -> Counts:
        """Return the jobs that the rule looks at."""
        if not self.source_types:
            return counts
        return {cell: count for cell, count in counts.items() if cell.source_type in self.source_types}

    def includes(self, job: FailedJob) -> bool:
        """Tell whether a failed job is an error to the rule."""
        return self.is_error(job.reason) and (not self.source_types or job.source_type in self.source_types)


EVERYTHING = Counted(bool)


class Sum(NamedTuple):
    """Jobs of a window as one rule counts them: failures it leaves out still count in the total."""

    errors: int
    total: int


NOTHING = Sum(0, 0)


def sum_counts(counts: Counts, counted: Counted) -> Sum:
    """Return the jobs of a window as a rule counts them."""
    return sum_errors(counted.of(counts), counted.is_error)


def sum_errors(counts: Counts, is_error: IsError) -> Sum:
    """Return how many jobs of a window are errors, and all jobs."""
    errors = total = 0
    for cell, count in counts.items():
        total += count
        if cell.reason and is_error(cell.reason):
            errors += count
    return Sum(errors, total)


def window_start(at_ms: int, length_ms: int) -> int:
    """Return where a window that ends at a tick begins: long ones begin with a whole hour."""
    return (at_ms if length_ms <= FINE_MS else pane_start(at_ms, HOUR_MS)) - length_ms


def floor(at_ms: int, start_ms: int) -> int:
    """Return where a window begins that is to hold an instant: one that is long begins with a whole hour."""
    return start_ms if at_ms - start_ms <= FINE_MS else pane_start(start_ms, HOUR_MS)


class Chart(NamedTuple):
    """One of the sums that tell whether a preset has moved from its baseline."""

    score: int
    since_ms: int
    """The last time the sum was at zero; epoch milliseconds."""


class Shift(NamedTuple):
    """How far a preset has moved from its baseline, as one rule sees it; times in epoch milliseconds."""

    rule: str
    """The rule's fingerprint: of a rule that has been changed nothing is known yet."""
    born_ms: int
    """When it was first looked at."""
    since_ms: int
    """While the preset is worse, when that began; else the last time the sum for the rate to detect was at zero."""
    baseline: float | None = None
    learned_ms: int = -1
    """The hour in which the baseline was last learned, or attempted to be."""
    score: int = 0
    """While the preset is worse, how far it has come back, as a number that is not above zero."""
    top_ms: int | None = None
    """While the preset is worse, the last time that it had not come back at all."""
    better_ms: int | None = None
    """When it last began to recover."""
    charts: tuple[Chart, ...] = ()
    """The sums, that for the lowest rate first; none stands for all at zero. While the preset is worse, but by less
    than the rule is to detect, the sum that tells whether it has come to be as bad as that."""
    found: int = -1
    """While the preset is worse, which of the bank's rates was found, from the end: -1 is the one to detect."""


@dataclass(slots=True)
class Sight:
    """What can be seen of one preset at one tick, after its last pane closed."""

    at_ms: int
    pane_ms: int
    closed: Counts
    """Jobs of the pane that has just closed."""
    sum_over: Callable[[BaseRule, int], Sum]
    """Jobs of one of a rule's windows, by its length in milliseconds, as the rule counts them."""
    counts_since: Callable[[int], Counts]
    """Jobs from an instant up to the tick; from the whole hour it lies in, if that is longer ago than `FINE_MS`."""
    recency: Recency
    last_job_ms: int
    """The newest job that counted, or the start of the watch; epoch milliseconds, -1 while there is neither."""
    hours_since: Callable[[int, Counted], Iterable[Sum]] = lambda start_ms, counted: ()
    """Jobs of each hour that has passed, from an instant on, as a rule counts them."""
    first_hour_since: Callable[[int, Counted], int] = lambda start_ms, counted: start_ms
    """The oldest hour from an instant on in which there are known to be jobs that a rule looks at."""
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    """By the rule's key."""
    recency_by_source: Mapping[str, Recency] = field(default_factory=dict)
    """What `recency` is for all jobs, for those of each source type."""

    def recency_of(self, source_types: Collection[str], kept: int) -> Recency:
        """Return how the jobs of some source types have ended lately, of all where none is named."""
        chosen = [self.recency_by_source[name] for name in source_types if name in self.recency_by_source]
        return total(chosen, kept) if source_types else self.recency

    def has_closed(self, source_types: Collection[str]) -> bool:
        """Tell whether jobs of some source types, or any where none is named, are in the pane that has just closed."""
        return any(not source_types or cell.source_type in source_types for cell in self.closed)

    def floor(self, start_ms: int) -> int:
        """Return from when on `counts_since` an instant counts."""
        return floor(self.at_ms, start_ms)


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition's evidence: the jobs of a window that the rule looks at, and the threshold they were held against."""

    window_start_ms: int
    counts: Counts
    threshold: float | int
    details: Mapping[str, Value] = field(default_factory=dict)
    """What only rules of this kind can say, by the name it has in annotations."""


class Bar(NamedTuple):
    """What a window must show, at the least, for a rule to breach: a higher error rate than this, of so many jobs."""

    length_ms: int
    error_rate: float
    min_jobs: int


class Condition(Protocol):
    """One kind of rule."""

    def bars(self, rule: Any) -> Sequence[Bar]:
        """Return bars of which one has been passed wherever the rule breaches; none if windows cannot tell."""
        ...

    def signal(self, rule: Any, sight: Sight, counted: Counted) -> Signal:
        """Return what the rule says."""
        ...

    def has_data(self, rule: Any, sight: Sight) -> bool:
        """Tell whether there was anything to go by; else the last signal stands."""
        ...

    def find(self, rule: Any, sight: Sight, counted: Counted) -> Finding:
        """Return the numbers it says it by."""
        ...
