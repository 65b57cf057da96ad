"""The deciding stage's state as table rows and back.

Law: a board restored from its rows decides as the board they were taken from. Rows may be newer than the clock's row
but never older: a preset's row carries the tick it was decided to, and tallies merge by offset.

Table `rates` holds one row per preset and block of panes, and one per preset and day of hours; table `alerts` one per
preset, and one for the clock.
"""

import json
from collections.abc import Iterator, Mapping

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.alert import AlertEvent
from stream.domain.alerting import Alert
from stream.domain.clocks import Clocks, Waiting
from stream.domain.deciding import Board
from stream.domain.hours import DAY_MS
from stream.domain.packing import UNREADABLE, read_pane
from stream.domain.panes import HOUR_MS
from stream.domain.preset import Preset, Stamped
from stream.domain.recency import Recency
from stream.domain.sight import Shift
from stream.domain.tally import Cell
from stream.domain.watching import BLOCK_PANES, DecidingPolicy

CLOCK_KEY = b"clock"
PRESET_PREFIX = b"preset:"

Rows = Mapping[bytes, bytes]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class StampedPane(msgspec.Struct, frozen=True):
    """One source partition's tally of one pane, as of a source offset."""

    source: int
    offset: int
    counts: msgspec.Raw
    """A `PaneForm`."""


class BlockRow(msgspec.Struct, frozen=True):
    """A block of a preset's panes."""

    panes: tuple[StampedPane, ...]


class SettledHour(msgspec.Struct, frozen=True):
    """The jobs of one hour of a preset."""

    start_ms: int
    counts: tuple[tuple[Cell, int], ...]


class DayRow(msgspec.Struct, frozen=True):
    """The settled hours of a preset that start on one day."""

    hours: tuple[SettledHour, ...]


class PresetRow(_Row):
    """What a preset's rules remember between ticks."""

    decided_to_ms: int | None
    last_job_ms: int
    alerts: dict[str, Alert]
    recency: Recency
    fired: dict[str, AlertEvent] = {}
    shifts: dict[str, Shift] = {}
    meanings: dict[str, str] = {}
    recency_by_source: dict[str, Recency] = {}


FORMAT = 1
"""Of all rows: raised when a release writes what the one before cannot read."""


class _Version(msgspec.Struct):
    v: int = FORMAT


class ClockRow(_Row):
    """How far a tallies partition has been read and decided, and in which format all rows are."""

    v: int = FORMAT
    position: int
    pane_ms: int
    tick_ms: int | None
    watermarks: dict[int, int]
    counted: dict[int, int] = {}
    waiting: dict[int, list[Waiting]] = {}
    resolved: tuple[AlertEvent, ...] = ()


class Unreadable(Exception):
    """A state row that this version cannot read; going on without it would give wrong numbers."""


def block_key(preset: str, block_ms: int) -> bytes:
    """Return the key of a block of a preset's panes."""
    return json.dumps([preset, block_ms], ensure_ascii=False, separators=(",", ":")).encode()


def day_key(preset: str, day_ms: int) -> bytes:
    """Return the key of a day of a preset's hours."""
    return json.dumps([preset, day_ms, "hours"], ensure_ascii=False, separators=(",", ":")).encode()


def day_row(board: Board, name: str, day_ms: int) -> bytes | None:
    """Return the hours of a preset's day, or None once nothing is left of it."""
    preset = board.presets.get(name)
    past = preset.hours.past if preset else {}
    starts = [start for start in range(day_ms, day_ms + DAY_MS, HOUR_MS) if start in past]
    hours = tuple(SettledHour(start, tuple(sorted(past[start].items()))) for start in starts)
    return msgspec.json.encode(DayRow(hours)) if hours else None


def preset_key(preset: str) -> bytes:
    """Return the key of a preset's row."""
    return PRESET_PREFIX + preset.encode()


def block_row(board: Board, name: str, block_ms: int) -> bytes | None:
    """Return a block of a preset's panes, or None once nothing is left of it."""
    preset = board.presets.get(name)
    panes = tuple(_stamped(preset, block_ms)) if preset else ()
    return msgspec.json.encode(BlockRow(panes)) if panes else None


def _stamped(preset: Preset, block_ms: int) -> Iterator[StampedPane]:
    for start in range(block_ms, block_ms + BLOCK_PANES * preset.pane_ms, preset.pane_ms):
        for source, stamped in preset.panes.get(start, {}).items():
            yield StampedPane(source, stamped.offset, stamped.packed(start))


def preset_row(preset: Preset | None) -> bytes | None:
    """Return what a preset's rules remember, or None once the preset is forgotten."""
    if preset is None:
        return None
    row = PresetRow(
        decided_to_ms=preset.decided_to_ms,
        last_job_ms=preset.last_job_ms,
        alerts=preset.alerts,
        recency=preset.recency,
        fired=preset.fired,
        shifts=preset.shifts,
        meanings=preset.meanings,
        recency_by_source=preset.recency_by_source,
    )
    return row.model_dump_json().encode()


def clock_row(board: Board, position: int) -> bytes:
    """Return how far a tallies partition has been read and decided."""
    row = ClockRow(
        position=position,
        pane_ms=board.policy.pane_ms,
        tick_ms=board.tick_ms,
        watermarks=board.clocks.watermarks,
        counted=board.clocks.counted,
        waiting=board.clocks.waiting,
        resolved=tuple(board.resolved),
    )
    return row.model_dump_json().encode()


def restore(policy: DecidingPolicy, watches_topic: bool, rates: Rows, alerts: Rows) -> tuple[Board, int]:
    """Return the board that was stored and the offset to read on from; raises `Unreadable`."""
    board = Board(policy, watches_topic)
    try:
        _check_format(alerts.get(CLOCK_KEY, b"{}"))
        clock = ClockRow.model_validate_json(alerts[CLOCK_KEY]) if CLOCK_KEY in alerts else None
        for key, value in alerts.items():
            if key.startswith(PRESET_PREFIX):
                _restore_preset(board, key.removeprefix(PRESET_PREFIX).decode(), PresetRow.model_validate_json(value))
        for key, value in rates.items():
            name, _, *of_hours = json.loads(key)
            if of_hours:
                _restore_day(board, name, msgspec.json.decode(value, type=DayRow))
            else:
                _restore_block(board, name, msgspec.json.decode(value, type=BlockRow))
    except (*UNREADABLE, ValidationError, ValueError, TypeError, LookupError) as error:
        raise Unreadable(f"a row of the rates or alerts table cannot be read: {error}") from error
    if clock is not None:
        _restore_clock(board, clock)
    board.resume()
    return board, clock.position if clock else 0


def _check_format(clock: bytes) -> None:
    found = msgspec.json.decode(clock, type=_Version).v
    if found != FORMAT:
        raise Unreadable(f"it has format {found}, of another version of presetwatch; this reads {FORMAT}")


def _restore_clock(board: Board, clock: ClockRow) -> None:
    if clock.pane_ms != board.policy.pane_ms:
        raise Unreadable(f"the state was written with PANE={clock.pane_ms} ms, not {board.policy.pane_ms} ms")
    board.tick_ms = clock.tick_ms
    board.clocks = Clocks(board.policy.sources, dict(clock.watermarks), dict(clock.counted), dict(clock.waiting))
    board.resolved.extend(clock.resolved)


def _restore_preset(board: Board, name: str, row: PresetRow) -> None:
    preset = board.preset(name)
    preset.decided_to_ms, preset.last_job_ms = row.decided_to_ms, row.last_job_ms
    preset.alerts, preset.recency, preset.fired = dict(row.alerts), row.recency, dict(row.fired)
    preset.shifts, preset.meanings = dict(row.shifts), dict(row.meanings)
    preset.recency_by_source = dict(row.recency_by_source)


def _restore_day(board: Board, name: str, row: DayRow) -> None:
    past = board.preset(name).hours.past
    past.update((hour.start_ms, dict(hour.counts)) for hour in row.hours)


def _restore_block(board: Board, name: str, row: BlockRow) -> None:
    preset = board.preset(name)
    for source, offset, packed in ((pane.source, pane.offset, pane.counts) for pane in row.panes):
        pane = read_pane(packed)
        preset.take(pane.start_ms, source, Stamped.read(offset, pane, packed.copy()))
        board.newest_pane_ms = max(board.newest_pane_ms, pane.start_ms)
