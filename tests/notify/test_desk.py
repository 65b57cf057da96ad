"""All channels together, receipts and dead letters: what may be committed, and what is remembered."""

import json

from stream.notify.desk import Desk
from stream.notify.news import Buried, Fate, Item, Place, Receipt
from stream.notify.plan import Route
from stream.notify.receipts import FORGOTTEN_AFTER_MS, forget, mend, read_receipts, write_dead_letter, write_receipt
from tests.notify.alerts import ALERTMANAGER, MINUTE, NOON, PEOPLE, PROGRAM, fired, plan, resolved, said

ALL = plan(
    (PEOPLE + PROGRAM + ALERTMANAGER).replace('channels = ["chat"]', 'channels = ["chat", "am"]\ncontinue = true')
)


def test_the_log_is_done_up_to_what_no_channel_has_left_to_tell() -> None:
    desk = Desk(ALL, {})
    for offset, preset in enumerate("abc"):
        desk.take_in(fired(preset).to_json(), Place(1, offset), NOON, NOON)
    assert desk.done() == {1: 0}
    said(desk.lanes["am"], NOON)
    said(desk.lanes["chat"], NOON + MINUTE)
    assert desk.done() == {1: 0}
    said(desk.lanes["tickets"], NOON)
    assert desk.done() == {1: 1}
    said(desk.lanes["tickets"], NOON)
    said(desk.lanes["tickets"], NOON)
    assert desk.done() == {1: 3}


def test_what_is_no_alert_or_has_no_route_is_done_at_once() -> None:
    desk = Desk(plan(PEOPLE + 'severities = ["critical"]\n'), {})
    for offset, value in enumerate((b"garbage", None, b"{}", fired(severity="info").to_json())):
        desk.take_in(value, Place(0, offset), NOON, NOON)
    assert (desk.done(), desk.foreign) == ({0: 4}, 3)


def test_a_channel_that_is_new_hears_of_what_others_know_to_fire() -> None:
    ended = resolved(fired("ended"), NOON)
    desk = Desk(ALL, {"tickets": [Receipt(fired("lasting"), NOON), Receipt(ended, NOON)]})
    desk.share(NOON)
    assert said(desk.lanes["chat"], NOON + MINUTE) == ["fired lasting"]
    assert not desk.lanes["tickets"].waiting
    assert desk.done() == {}


def test_receipts_are_read_back_as_they_were_the_newest_of_each_subject_and_channel() -> None:
    event = fired("müsli")
    first, second = Receipt(event, NOON), Receipt(resolved(event, NOON + MINUTE), NOON + MINUTE, Fate.UNDELIVERED)
    records = [write_receipt("a", first), write_receipt("b", first), write_receipt("a", second)]
    assert len({record.key for record in records}) == 2
    found = read_receipts([b"garbage", None, *(record.value for record in records)])
    assert found == {"a": [second], "b": [first]}


def test_a_receipt_written_late_by_a_notifier_that_was_replaced_displaces_nothing() -> None:
    event = fired()
    alert, over = Receipt(event, NOON + MINUTE), Receipt(resolved(event, NOON + MINUTE), NOON + MINUTE)
    values = [write_receipt("a", receipt).value for receipt in (over, alert)]
    found = read_receipts(values)
    assert found == {"a": [over]}
    assert mend(values, found) == [write_receipt("a", over)]
    assert mend(reversed(values), found) == []
    again = [write_receipt("a", Receipt(event, at)).value for at in (NOON, NOON + MINUTE)]
    assert read_receipts(again) == {"a": [alert]}


def test_a_recovery_is_forgotten_after_a_month_and_what_fires_is_not() -> None:
    over, lasting = Receipt(resolved(fired("over"), NOON), NOON), Receipt(fired("lasting"), NOON)
    found = {"a": [over, lasting]}
    assert forget(found, NOON + FORGOTTEN_AFTER_MS) == []
    [deleted] = forget(found, NOON + FORGOTTEN_AFTER_MS + 1)
    assert (deleted.key, deleted.value) == (write_receipt("a", over).key, None)
    assert found == {"a": [lasting]}


def test_a_dead_letter_is_the_alert_as_it_came_and_says_why() -> None:
    event = fired()
    item = Item(event, event, Route(channels=("chat",)), Place(0, 0), NOON, tries=7)
    record = write_dead_letter("chat", Buried(item, "answered with status 410"))
    assert (record.key, record.value) == (b"summarize", event.to_json())
    assert dict(record.headers) == {"channel": b"chat", "reason": b"answered with status 410", "tries": b"7"}
    assert json.loads(record.value or b"")["id"] == event.id
