"""The life cycle of one alert, that is of one rule for one preset.

    inactive --> pending --> firing --> inactive

Law: what is not in `TRANSITIONS` is illegal, raises, and leaves the state as it was. Time is the tick's event time.
Everything that can move an alert is a `Trigger`, and `trigger` is the only place that derives one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Protocol


class Phase(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class Signal(StrEnum):
    """What a rule's condition says at one tick."""

    BREACH = "breach"
    ELEVATED = "elevated"
    CLEAR = "clear"


class Trigger(StrEnum):
    """What moves an alert from one phase to the next."""

    BREACHED = "breached"
    HELD = "held"
    RELIEVED = "relieved"
    RECOVERED = "recovered"
    NO_DATA = "no_data"
    RULE_REMOVED = "rule_removed"


TRANSITIONS: dict[tuple[Phase, Trigger], Phase] = {
    (Phase.INACTIVE, Trigger.BREACHED): Phase.PENDING,
    (Phase.INACTIVE, Trigger.HELD): Phase.FIRING,
    (Phase.PENDING, Trigger.HELD): Phase.FIRING,
    (Phase.PENDING, Trigger.RELIEVED): Phase.INACTIVE,
    (Phase.PENDING, Trigger.RULE_REMOVED): Phase.INACTIVE,
    (Phase.FIRING, Trigger.RECOVERED): Phase.INACTIVE,
    (Phase.FIRING, Trigger.NO_DATA): Phase.INACTIVE,
    (Phase.FIRING, Trigger.RULE_REMOVED): Phase.INACTIVE,
}


class IllegalTransition(Exception):
    """A trigger that the alert's phase does not know; a bug, never a condition."""


class Timing(Protocol):
    """The parts of a rule that decide when its alerts move; durations in milliseconds."""

    @property
    def for_ms(self) -> int: ...  # noqa: D102
    @property
    def keep_firing_for_ms(self) -> int: ...  # noqa: D102
    @property
    def on_no_data(self) -> Literal["hold", "resolve"] | int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule's condition at one tick; without data the last signal stands."""

    signal: Signal
    has_data: bool = True


@dataclass(frozen=True, slots=True)
class Alert:
    """The state of one rule for one preset; times in epoch milliseconds."""

    phase: Phase = Phase.INACTIVE
    started_at_ms: int | None = None
    """The tick at which the condition was first met."""
    clear_since_ms: int | None = None
    no_data_since_ms: int | None = None

    def is_waiting(self, timing: Timing) -> bool:
        """Tell whether time alone, or the first tick without data, may move this alert."""
        timed = self.clear_since_ms is not None or timing.on_no_data != "hold"
        return self.phase is Phase.PENDING or (self.phase is Phase.FIRING and timed)


def observe(alert: Alert, reading: Reading, timing: Timing, at_ms: int) -> tuple[Alert, Trigger | None]:
    """Return the alert after one tick, and what moved it, if anything did."""
    alert = _keep_time(alert, reading, timing, at_ms)
    moved_by = trigger(alert, reading, timing, at_ms)
    return (alert, None) if moved_by is None else (move(alert, moved_by, at_ms), moved_by)


def move(alert: Alert, moved_by: Trigger, at_ms: int) -> Alert:
    """Return the alert in its next phase; raises `IllegalTransition`."""
    phase = TRANSITIONS.get((alert.phase, moved_by))
    if phase is None:
        raise IllegalTransition(f"an alert that is {alert.phase} cannot be {moved_by}")
    if phase is Phase.INACTIVE:
        return Alert()
    return replace(alert, phase=phase, started_at_ms=at_ms if alert.started_at_ms is None else alert.started_at_ms)


def _keep_time(alert: Alert, reading: Reading, timing: Timing, at_ms: int) -> Alert:
    if alert.phase is not Phase.FIRING:
        return alert
    if not reading.has_data:
        since = None if timing.on_no_data == "hold" else _first(alert.no_data_since_ms, at_ms)
        return _noted(alert, alert.clear_since_ms, since)
    clear = _first(alert.clear_since_ms, at_ms) if reading.signal is Signal.CLEAR else None
    return _noted(alert, clear, None)


def _noted(alert: Alert, clear_since_ms: int | None, no_data_since_ms: int | None) -> Alert:
    # An alert that fires on is asked at every tick, and seldom has anything new to note.
    if (clear_since_ms, no_data_since_ms) == (alert.clear_since_ms, alert.no_data_since_ms):
        return alert
    return replace(alert, clear_since_ms=clear_since_ms, no_data_since_ms=no_data_since_ms)


def _first(since_ms: int | None, at_ms: int) -> int:
    return at_ms if since_ms is None else since_ms


def trigger(alert: Alert, reading: Reading, timing: Timing, at_ms: int) -> Trigger | None:
    """Return what moves the alert at this tick, if anything does."""
    if alert.phase is Phase.FIRING:
        return _ending(alert, timing, at_ms)
    if reading.signal is not Signal.BREACH:
        return Trigger.RELIEVED if alert.phase is Phase.PENDING else None
    if alert.phase is Phase.INACTIVE and not reading.has_data:
        return None
    if at_ms - _first(alert.started_at_ms, at_ms) >= timing.for_ms:
        return Trigger.HELD
    return Trigger.BREACHED if alert.phase is Phase.INACTIVE else None


def _ending(alert: Alert, timing: Timing, at_ms: int) -> Trigger | None:
    patience_ms = timing.on_no_data if isinstance(timing.on_no_data, int) else 0
    if _lasted(alert.no_data_since_ms, patience_ms, at_ms):
        return Trigger.NO_DATA
    return Trigger.RECOVERED if _lasted(alert.clear_since_ms, timing.keep_firing_for_ms, at_ms) else None


def _lasted(since_ms: int | None, duration_ms: int, at_ms: int) -> bool:
    return since_ms is not None and at_ms - since_ms >= duration_ms
