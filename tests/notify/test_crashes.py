"""Whenever a notifier crashes, whatever a channel refuses: nothing is lost, only what was being sent is repeated."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertEvent
from stream.notify.desk import Desk
from stream.notify.news import Place
from stream.notify.plan import Plan
from stream.notify.receipts import Record, read_receipts, write_receipt
from tests.notify.alerts import ALERTMANAGER, HOUR, MINUTE, NOON, PEOPLE, PROGRAM, fired, plan, resolved

STEPS = st.lists(st.sampled_from(["read", "send", "refuse", "crash", "crash while sending", "commit"]), max_size=60)
PARTITIONS = 2


def a_log() -> list[tuple[int, AlertEvent]]:
    """Return what four presets go through, with a copy of each fourth record, as a worker's crash leaves it."""
    found: list[tuple[int, AlertEvent]] = []
    for turn in range(3):
        for number in range(4):
            event = fired(f"p{number}", NOON + turn * 10 * MINUTE)
            ended = resolved(event, event.at + MINUTE)
            found += [(number % PARTITIONS, event), (number % PARTITIONS, ended)]
            found += [(number % PARTITIONS, ended)] if number == 3 else []
    return found


@dataclass(slots=True)
class Notifier:
    """What survives a crash, and the desk, which does not."""

    plan: Plan
    log: list[tuple[int, AlertEvent]]
    now: int = NOON + HOUR
    receipts: list[Record] = field(default_factory=list)
    committed: dict[int, int] = field(default_factory=dict)
    sent: list[AlertEvent] = field(default_factory=list)
    crashes_while_sending: int = 0
    desk: Desk = field(init=False)
    positions: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with what is stored."""
        self.desk = Desk(self.plan, read_receipts(record.value for record in self.receipts))
        self.positions = {partition: self.committed.get(partition, 0) for partition in range(PARTITIONS)}

    def do(self, step: str) -> bool:
        """Take a step; tell whether there was anything to do."""
        self.now += MINUTE
        if step == "read":
            return sum(self._read(partition) for partition in range(PARTITIONS)) > 0
        if step == "commit":
            self.committed = {**self.committed, **self.desk.done()}
        elif step == "crash":
            self.start()
        else:
            return self._send(step)
        return True

    def _read(self, partition: int) -> bool:
        records = [event for number, event in self.log if number == partition]
        offset = self.positions[partition]
        if offset == len(records):
            return False
        self.positions[partition] += 1
        self.desk.take_in(records[offset].to_json(), Place(partition, offset), NOON, self.now)
        return True

    def _send(self, step: str) -> bool:
        [(name, lane)] = self.desk.lanes.items()
        delivery = lane.take(self.now)
        if delivery is None or (delivery.is_silent and not delivery.silent):
            return False
        if step == "refuse":
            lane.failed("no", self.now)
            return True
        self.sent += [item.event for item in delivery.news]
        if step == "crash while sending":
            self.crashes_while_sending += 1
            self.start()
            return True
        receipts = lane.receipts_of(delivery, self.now)
        self.receipts += [write_receipt(name, receipt) for receipt in receipts]
        lane.delivered(receipts)
        return bool(delivery.news or delivery.silent)

    def finish(self) -> None:
        """Read all there is and tell it."""
        while self.do("read"):
            pass
        while self.do("send"):
            pass
        self.do("commit")


@given(STEPS)
@pytest.mark.parametrize("text", [PROGRAM, PEOPLE, ALERTMANAGER], ids=["program", "people", "alertmanager"])
def test_a_channel_knows_in_the_end_how_everything_ended(text: str, steps: list[str]) -> None:
    notifier = Notifier(plan(text), a_log())
    for step in steps:
        notifier.do(step)
    notifier.finish()
    [lane] = notifier.desk.lanes.values()
    ends = {event.preset: event.id for _, event in notifier.log}
    assert {receipt.event.preset: receipt.event.id for receipt in lane.told.values()} == ends
    assert notifier.committed == Counter(partition for partition, _ in notifier.log)


@given(STEPS)
def test_a_program_gets_every_transition_in_order_and_only_what_was_being_sent_twice(steps: list[str]) -> None:
    notifier = Notifier(plan(PROGRAM), a_log())
    for step in steps:
        notifier.do(step)
    notifier.finish()
    times = Counter(event.id for event in notifier.sent)
    assert set(times) == {event.id for _, event in notifier.log}
    assert times.total() - len(times) <= notifier.crashes_while_sending
    for preset in ("p0", "p1", "p2", "p3"):
        sent = [(event.started_at, event.sequence) for event in notifier.sent if event.preset == preset]
        firsts = list(dict.fromkeys(sent))
        assert firsts == sorted(firsts)
