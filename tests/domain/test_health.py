"""What a worker says is wrong with it, told as timelines of what it says of itself."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from stream.domain.health import (
    RECOVERY_SECONDS,
    REJECTED_OF,
    REJECTED_SECONDS,
    STANDSTILL_SECONDS,
    Fault,
    Name,
    Vitals,
    Watch,
)

STEP = 5.0
EVENTS = "events[0]"


def sound(at: float) -> Vitals:
    """Everything moves."""
    moving = int(at * 10)
    return Vitals(
        at,
        is_ready=True,
        broker_answered_at=at,
        ends={EVENTS: moving + 5},
        positions={EVENTS: moving},
        chunks_waiting={"events": 1},
        chunks_done={"events": moving},
        clocks_ms={"tallies[0]": moving},
        read=moving,
    )


def names(faults: list[Fault]) -> list[Name]:
    return [fault.name for fault in faults]


def looks(watch: Watch, since: float, seconds: float, **stuck: object) -> Iterator[tuple[float, list[Fault]]]:
    """Look every few seconds; what is given stays as it is."""
    at = since
    while at <= since + seconds:
        yield at, watch.look(replace(sound(at), **stuck))  # type: ignore[arg-type]  # fields of all kinds
        at += STEP


STUCK = [
    (Name.RECOVERY, RECOVERY_SECONDS, {"is_ready": False}),
    (Name.BROKER, STANDSTILL_SECONDS, {"broker_answered_at": 1_000.0}),
    (Name.CONSUMER, STANDSTILL_SECONDS, {"positions": {EVENTS: 7}, "chunks_waiting": {"events": 0}}),
    (Name.AGENT, STANDSTILL_SECONDS, {"positions": {EVENTS: 7}, "chunks_done": {"events": 9}}),
    (Name.WATERMARK, STANDSTILL_SECONDS, {"clocks_ms": {"tallies[0]": 5}}),
    (Name.WATERMARK, STANDSTILL_SECONDS, {"clocks_ms": {"tallies[0]": None}}),
]


@pytest.mark.parametrize(("name", "patience", "stuck"), STUCK)
def test_what_stands_still_is_named_in_time_and_forgotten_when_it_moves(
    name: Name, patience: float, stuck: dict[str, object]
) -> None:
    watch = Watch()
    assert not watch.look(sound(995.0))
    for at, faults in looks(watch, 1_000.0, 59.0, **stuck):
        assert names(faults) == ([name] if at - 1_000.0 >= patience else [])
    assert not watch.look(sound(1_060.0))


@pytest.mark.parametrize(("name", "patience", "stuck"), STUCK)
def test_a_pause_that_ends_in_time_is_none(name: Name, patience: float, stuck: dict[str, object]) -> None:
    watch = Watch()
    for round_ in range(4):
        since = 1_000.0 + 100 * round_
        again = stuck if "broker_answered_at" not in stuck else {"broker_answered_at": since}
        for _, faults in looks(watch, since, patience - STEP, **again):
            assert not faults
        assert not watch.look(sound(since + patience))


def test_a_worker_that_waits_for_work_is_sound() -> None:
    watch = Watch()
    at_rest = {"positions": {EVENTS: 7}, "ends": {EVENTS: 7}, "chunks_waiting": {"events": 0}, "read": 7}
    for _, faults in looks(watch, 1_000.0, 600.0, **at_rest):
        assert not faults


def test_a_broker_that_is_gone_is_the_one_fault_named() -> None:
    watch = Watch()
    stuck: dict[str, object] = {"chunks_done": {}, "clocks_ms": {"tallies[0]": 5}, "broker_answered_at": 1_000.0}
    *_, (_, faults) = looks(watch, 1_000.0, 120.0, **stuck)
    assert names(faults) == [Name.BROKER]


@pytest.mark.parametrize(
    ("read", "rejected", "loud"),
    [
        (REJECTED_OF, REJECTED_OF, True),
        (REJECTED_OF, REJECTED_OF // 2, True),
        (REJECTED_OF, REJECTED_OF // 2 - 1, False),
        (REJECTED_OF - 1, REJECTED_OF - 1, False),
        (100_000, 1_000, False),
    ],
)
def test_when_half_is_rejected_it_is_said(read: int, rejected: int, *, loud: bool) -> None:
    watch = Watch()
    watch.look(replace(sound(1_000.0), read=50, rejected=0))
    faults = watch.look(replace(sound(1_005.0), read=50 + read, rejected=rejected))
    assert names(faults) == ([Name.REJECTED] if loud else [])
    # It stays said until the records are old, and no longer.
    last = {"read": 50 + read, "rejected": rejected}
    for at, later in looks(watch, 1_010.0, 2 * REJECTED_SECONDS, **last):
        assert bool(later) == (loud and at <= 1_000.0 + REJECTED_SECONDS)


def test_a_restart_is_asked_for_only_where_it_may_help() -> None:
    assert [name for name in Name if name.may_be_mended_by_a_restart] == [Name.AGENT, Name.CONSUMER, Name.RECOVERY]


def test_a_refused_rules_file_is_told_at_once_and_asks_for_no_restart() -> None:
    watch = Watch()
    assert watch.look(sound(0.0)) == []
    faults = watch.look(replace(sound(STEP), rules_refused="rules.toml:3: a fault"))
    assert names(faults) == [Name.RULES]
    assert "rules.toml:3: a fault" in faults[0].detail
    assert not Name.RULES.may_be_mended_by_a_restart
    assert watch.look(sound(2 * STEP)) == []
