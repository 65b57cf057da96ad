"""Several rule sets over one log: the jobs are counted once, and each rule set decides on them by itself.

Law: each trial's events are those of a replay of the log under its rules alone, byte for byte. Rule sets can be tried
together if they name the same reasons of their own, since a job's reason is part of what is counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.alert import AlertEvent
from stream.domain.deciding import Board
from stream.domain.replay import Replay
from stream.domain.sources import Batch
from stream.domain.tally import Tally
from stream.domain.tallying import PaneKey
from stream.domain.watching import DecidingPolicy

PaneSums = dict[int, list[int]]
"""By a pane's start in epoch milliseconds, the jobs that failed in it and all jobs."""


@dataclass(slots=True)
class Trial:
    """One rule set, and what it makes of the log."""

    policy: DecidingPolicy
    board: Board = field(init=False)
    events: list[AlertEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = Board(self.policy, watches_topic=True)

    def decide(self) -> None:
        """Decide what can be decided by now."""
        self.events.extend(self.board.decide())
        self.board.forget()


@dataclass(slots=True)
class Backtest(Replay):
    """A replay whose events are kept by trial; running it yields none."""

    others: Sequence[DecidingPolicy] = ()
    """Of the rule sets that are tried besides the first, `deciding`."""
    trials: list[Trial] = field(init=False)
    panes: dict[str, PaneSums] = field(default_factory=dict)
    """By preset, all jobs by event time."""
    meters: Counter[str] = field(default_factory=Counter)
    is_warming_up: bool = False
    """Whether what comes now fills windows and is not what is asked about."""
    first_ms: int | None = None
    """The start of the oldest pane that windows know of, in epoch milliseconds."""

    def __post_init__(self) -> None:
        # Slots and bare super() do not go together in a dataclass.
        Replay.__post_init__(self)
        self.trials = [Trial(policy) for policy in (self.deciding, *self.others)]
        self.board = self.trials[0].board

    @property
    def span(self) -> tuple[int, int]:
        """From when to when there were jobs, in epoch milliseconds; (0, 0) when there were none."""
        starts = [start for sums in self.panes.values() for start in (min(sums), max(sums))]
        return (min(starts), max(starts) + self.counting.pane_ms) if starts else (0, 0)

    def _boards(self) -> Iterable[Board]:
        return (trial.board for trial in self.trials)

    def _decide(self) -> Iterator[AlertEvent]:
        for trial in self.trials:
            trial.decide()
        return iter(())

    def _note(self, batch: Batch) -> None:
        if not self.is_warming_up:
            self.meters.update(batch.meters)

    def _note_tallies(self, tallies: Mapping[PaneKey, Tally]) -> None:
        first_ms = min((start for _, start in tallies), default=None)
        if first_ms is not None:
            self.first_ms = first_ms if self.first_ms is None else min(first_ms, self.first_ms)
        for (preset, start), tally in () if self.is_warming_up else tallies.items():
            if tally.seen:  # a pane in which late jobs became known may have none of its own
                sums = self.panes.setdefault(preset, {}).setdefault(start, [0, 0])
                sums[0] += sum(count for cell, count in tally.seen.items() if cell.reason)
                sums[1] += sum(tally.seen.values())
