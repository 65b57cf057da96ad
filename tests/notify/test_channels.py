"""The ways out, against servers that fail at times."""

import asyncio
import json
import socket

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from schemas.alert import AlertEvent
from stream.notify.channels.alertmanager import as_alert
from stream.notify.channels.outcome import Failed, judge
from stream.notify.news import Delivery, Item
from stream.notify.plan import Plan, Route
from stream.notify.senders import senders_of
from stream.notify.service import wall_clock_ms
from tests.notify.alerts import ALERTMANAGER, MINUTE, NOON, PEOPLE, PROGRAM, WEBHOOK_SECRET, fired, plan, resolved
from tests.notify.receiver import Received, Receiver, receiving
from tests.notify.running import Shelf, running


def at(receiver: Receiver, text: str) -> Plan:
    """Return a plan whose channels lead to a receiver, and to which no alert of these tests is old."""
    text = f'stale_after = "9999d"\n{text}'
    return plan(text.replace("http://127.0.0.1:1", receiver.url).replace("127.0.0.1:1", receiver.url[len("http://") :]))


def verified(received: Received) -> AlertEvent:
    body = Verifier(WEBHOOK_SECRET).verify(received.body, received.headers)
    assert body["type"] == f"presetwatch.alert.{body['data']['kind']}"
    return AlertEvent.model_validate(body["data"])


async def test_a_webhook_is_signed_so_that_the_library_verifies_it_and_notices_what_was_changed() -> None:
    event = fired("müsli")
    async with receiving() as receiver, running(at(receiver, PROGRAM), Shelf()) as told:
        told.add(event)
        await receiver.until(lambda it: it.taken)
    [received] = receiver.got
    assert verified(received) == event
    assert (received.path, received.headers["webhook-id"]) == ("/hook", event.id)
    with pytest.raises(WebhookVerificationError):
        Verifier(WEBHOOK_SECRET).verify(received.body + b" ", received.headers)


async def test_a_server_that_fails_at_times_gets_everything_in_order_under_the_same_ids() -> None:
    event = fired()
    async with receiving(500, 200, 503) as receiver, running(at(receiver, PROGRAM), Shelf()) as told:
        told.add(event, resolved(event, NOON + MINUTE))
        await receiver.until(lambda it: len(it.taken) == 2)
    assert [(each.status, verified(each).kind.value) for each in receiver.got] == [
        (500, "fired"),
        (200, "fired"),
        (503, "resolved"),
        (200, "resolved"),
    ]
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 2


async def test_what_is_refused_for_good_is_a_dead_letter_and_what_follows_is_told() -> None:
    shelf = Shelf()
    async with receiving(422) as receiver, running(at(receiver, PROGRAM), shelf) as told:
        told.add(fired("bad"), fired("good"))
        await receiver.until(lambda it: it.taken)
        await shelf.until(lambda it: it.letters)
    assert [verified(each).preset for each in receiver.got] == ["bad", "good"]
    [letter] = shelf.letters
    assert json.loads(letter.value or b"")["preset"] == "bad"
    assert dict(letter.headers)["reason"] == b"answered with status 422: said so"


async def test_a_channel_that_hangs_and_one_that_nobody_answers_hold_up_no_other() -> None:
    dead = PROGRAM.replace("tickets", "dead")
    async with receiving(0) as slow, receiving() as quick:
        text = PROGRAM.replace("127.0.0.1:1", slow.url[len("http://") :]).split("\n[[route]]")[0]
        text += dead.split("\n[[route]]")[0]
        text += PROGRAM.replace("tickets", "quick").replace("127.0.0.1:1", quick.url[len("http://") :])
        found = plan(text.replace('channels = ["quick"]', 'channels = ["tickets", "dead", "quick"]'))
        async with running(found, Shelf()) as told:
            events = [fired(f"p{number}") for number in range(20)]
            told.add(*events)
            await quick.until(lambda it: len(it.taken) == 20)
            assert (len(slow.got), told.session.desk.done()) == (1, {0: 0})
            for task in told.session._tasks:  # it would wait ten seconds for the one that hangs
                task.cancel()
            await asyncio.wait(told.session._tasks)
            told.session._tasks.clear()
    assert [verified(each).id for each in quick.taken] == [event.id for event in events]


async def test_a_session_that_ends_lets_what_is_being_sent_come_to_its_end() -> None:
    shelf = Shelf()
    async with receiving() as receiver:
        async with running(at(receiver, PROGRAM), shelf) as told:
            told.add(fired())
            await receiver.until(lambda it: it.got)
        assert len(shelf.receipts) == 1


async def test_what_was_taken_before_a_restart_is_not_sent_again() -> None:
    shelf = Shelf()
    a, b = fired("a"), fired("b")
    async with receiving() as receiver:
        found = at(receiver, PROGRAM)
        async with running(found, shelf) as told:
            told.add(a)
            await shelf.until(lambda it: it.receipts)
        async with running(found, shelf) as told:
            told.add(a, b)
            await receiver.until(lambda it: len(it.got) == 2)
    assert [verified(each).preset for each in receiver.got] == ["a", "b"]


async def test_people_get_one_message_with_title_body_and_tone() -> None:
    text = PEOPLE + 'group_window = "50ms"\n'
    async with receiving(500) as receiver, running(at(receiver, text), Shelf()) as told:
        told.add(*(fired(f"p{number}") for number in range(3)))
        await receiver.until(lambda it: it.taken)
    first, second = (json.loads(each.body) for each in receiver.got)
    assert (second["title"], second["type"]) == ("[critical] 3 presets: p0, p1, p2", "failure")
    assert "What: 3 alerts are firing" in second["message"]
    assert first["title"] == second["title"]


async def test_a_place_that_cannot_be_reached_is_said_in_a_few_words_that_hold_no_secret() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"http://user:hush@127.0.0.1:{taken.getsockname()[1]}"
        for text in (PROGRAM, ALERTMANAGER):
            [sender] = senders_of(plan(text.replace("http://127.0.0.1:1", address))).values()
            outcome = await sender.send(delivery(fired()), wall_clock_ms())
            await sender.close()
            assert isinstance(outcome, Failed)
            assert (outcome.is_final, "cannot be reached" in outcome.why) == (False, True)
            assert "hush" not in outcome.why


def delivery(event: AlertEvent) -> Delivery:
    return Delivery((Item(event, event, Route(channels=()), None, NOON),))


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, None),
        (204, {}, None),
        (302, {}, Failed("answered with status 302")),
        (401, {}, Failed("answered with status 401")),
        (422, {}, Failed("answered with status 422", is_final=True)),
        (429, {"Retry-After": "7"}, Failed("answered with status 429", wait_ms=7_000)),
        (503, {"Retry-After": "99999"}, Failed("answered with status 503", wait_ms=600_000)),
        (503, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, Failed("answered with status 503")),
    ],
)
def test_an_answer_says_whether_trying_again_may_help(status: int, headers: dict[str, str], outcome: object) -> None:
    assert judge(status, headers, "") == outcome


def test_an_alertmanager_is_told_of_what_fires_with_an_end_that_moves_ahead() -> None:
    event = fired(labels={"team": "média", "a.b": "c", "none": "", "9": "x", "preset": "mine"})
    first, later = (as_alert(event, now, MINUTE, "https://pw/") for now in (NOON, NOON + MINUTE))
    ours = {"alertname": "high-error-rate", "preset": "summarize", "severity": "critical", "rule_kind": "threshold"}
    assert first["labels"] == later["labels"] == {"team": "média", "a_b": "c", "_9": "x", **ours}
    assert (first["startsAt"], first["endsAt"]) == ("2026-01-05T12:00:00Z", "2026-01-05T12:04:00Z")
    assert (later["startsAt"], later["endsAt"]) == ("2026-01-05T12:00:00Z", "2026-01-05T12:05:00Z")
    assert first["annotations"] == later["annotations"]


def test_an_alertmanager_keeps_alerts_about_several_reasons_apart_by_a_label() -> None:
    told = [as_alert(fired(group={"reason": name}), NOON, MINUTE, None)["labels"] for name in ("timeout", "other")]
    assert [labels["reason"] for labels in told] == ["timeout", "other"]
    assert {labels["alertname"] for labels in told} == {"high-error-rate"}


def test_an_alertmanager_is_told_of_a_recovery_with_the_time_it_happened_and_never_a_future_one() -> None:
    over = resolved(fired(), NOON + MINUTE)
    assert as_alert(over, NOON + 9 * MINUTE, MINUTE, None)["endsAt"] == "2026-01-05T12:01:00Z"
    assert as_alert(over, NOON, MINUTE, None)["endsAt"] == "2026-01-05T12:00:00Z"
