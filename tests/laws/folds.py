"""The pure fold with meters and room: nothing expires and no job is forgotten, unless a law is about just that."""

from collections.abc import Iterable

from stream.cli.metered import Metered
from stream.domain.deciding import Board
from stream.domain.panes import HOUR_MS
from stream.domain.replay import Replayed
from stream.domain.rules import RuleSet
from stream.domain.tally import Cell
from tests.laws.logs import CAUSES, canonical, counting_policy, deciding_policy

ROOM_MS = 10_000 * HOUR_MS
"""More than a year: longer than any drawn log."""


def new_fold(rules: RuleSet, sources: int, **policy: int) -> Metered:
    """Return a fold over so many source partitions; `policy` narrows what is remembered, in milliseconds."""
    counting = counting_policy(rules, **{"horizon_ms": ROOM_MS, "retention_ms": ROOM_MS, **policy})
    return Metered(counting, deciding_policy(rules, sources, counting.retention_ms), CAUSES)


def read(fold: Metered, records: Iterable[Replayed]) -> list[bytes]:
    """Read a log record by record, let time pass to its end, and return what was said."""
    events = [event for record in records for event in fold.take(record.partition, [record])]
    return canonical([*events, *fold.finish()])


def seen(board: Board) -> dict[tuple[str, int], dict[Cell, int]]:
    """Return the jobs of every preset by event time."""
    panes = ((name, start, preset.pane(start).seen) for name, preset in board.presets.items() for start in preset.panes)
    return {(name, start): counts for name, start, counts in panes if counts}


def decided(board: Board) -> dict[tuple[str, int], dict[Cell, int]]:
    """Return the jobs that rules may use, by preset and by the pane in which they may."""
    presets = board.presets.items()
    panes = ((name, start, preset.pane(start).decided) for name, preset in presets for start in preset.panes)
    return {(name, start): counts for name, start, counts in panes if counts}
