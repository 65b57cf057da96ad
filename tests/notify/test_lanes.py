"""What a channel is told and when, as timelines: time is passed in, nothing waits, nothing is sent."""

from stream.notify.lane import MOST_WAITING
from stream.notify.news import Fate, Receipt
from stream.notify.receipts import write_receipt
from tests.notify.alerts import (
    ALERTMANAGER,
    HOUR,
    MINUTE,
    NOON,
    PEOPLE,
    PROGRAM,
    SECOND,
    Log,
    fired,
    lane,
    resolved,
    said,
)


def test_people_get_one_message_for_an_outage_of_ten_presets() -> None:
    #  0 s  1 s ... 9 s            30 s
    #  ▲    ▲       ▲   (ten)      one message
    chat = lane(PEOPLE)
    log = Log(chat)
    for number in range(10):
        log.add(fired(f"p{number}", NOON + number * SECOND))
    assert said(chat, NOON + 29 * SECOND) is None
    assert chat.due_at() == NOON + 30 * SECOND
    assert said(chat, NOON + 30 * SECOND) == [f"fired p{number}" for number in range(10)]
    assert said(chat, NOON + HOUR) is None


def test_people_are_reminded_of_what_still_fires_and_of_nothing_that_has_resolved() -> None:
    chat = lane(PEOPLE)
    log = Log(chat)
    lasting, short = fired("lasting"), fired("short")
    log.add(lasting)
    log.add(short)
    told_at = NOON + MINUTE
    assert said(chat, told_at) == ["fired lasting", "fired short"]
    log.add(resolved(short, NOON + HOUR))
    assert said(chat, NOON + HOUR + MINUTE) == ["resolved short"]
    assert said(chat, told_at + 4 * HOUR - 1) is None
    assert said(chat, told_at + 4 * HOUR) == ["fired lasting *"]
    assert said(chat, told_at + 8 * HOUR - 1) is None
    assert said(chat, told_at + 8 * HOUR) == ["fired lasting *"]
    log.add(resolved(lasting, NOON + 9 * HOUR))
    assert said(chat, NOON + 9 * HOUR + MINUTE) == ["resolved lasting"]
    assert chat.due_at() is None


def test_reminders_that_are_due_soon_go_into_one_message() -> None:
    #  0 m  10 m    4 h    8 h
    #  ▲ a  ▲ b     a b    a b
    chat = lane(PEOPLE)
    log = Log(chat)
    for minute, preset in ((0, "a"), (10, "b")):
        log.add(fired(preset, NOON + minute * MINUTE))
        assert said(chat, NOON + (minute + 1) * MINUTE) == [f"fired {preset}"]
    for times in (1, 2):
        assert said(chat, NOON + MINUTE + times * 4 * HOUR) == ["fired a *", "fired b *"]
        assert said(chat, NOON + 11 * MINUTE + times * 4 * HOUR) is None


def test_without_a_repeat_nobody_is_reminded() -> None:
    chat = lane(PEOPLE + 'repeat = "0s"\n')
    Log(chat).add(fired())
    assert said(chat, NOON + MINUTE) == ["fired summarize"]
    assert chat.due_at() is None


def test_an_alert_that_is_over_before_it_was_told_is_one_line_of_one_message() -> None:
    chat = lane(PEOPLE)
    log = Log(chat)
    event = fired()
    log.add(event)
    log.add(resolved(event, NOON + 10 * SECOND))
    assert said(chat, NOON + MINUTE) == ["resolved summarize"]
    assert chat.due_at() is None


def test_who_does_not_want_to_hear_of_recoveries_is_not_told_nor_reminded() -> None:
    chat = lane(PEOPLE + "resolved = false\n")
    log = Log(chat)
    event = fired()
    log.add(event)
    assert said(chat, NOON + MINUTE) == ["fired summarize"]
    log.add(resolved(event, NOON + HOUR))
    assert said(chat, NOON + 2 * HOUR) == []
    assert (chat.due_at(), chat.floor()) == (None, {})


def test_a_recovery_from_what_nobody_was_told_of_is_not_told() -> None:
    chat = lane(PEOPLE)
    Log(chat).add(resolved(fired(), NOON))
    assert said(chat, NOON + MINUTE) == []


def test_a_digest_comes_at_its_hour_and_holds_what_happened_since_the_last() -> None:
    #  12:00  13:00 | 08:00 | 09:00 | 08:00
    #  ▲ a    ✓ a   | told  | ▲ b   | told
    chat = lane(PEOPLE + 'digest = "24h"\ndigest_at = "8h"\n')
    log = Log(chat)
    event = fired("a")
    log.add(event)
    log.add(resolved(event, NOON + HOUR))
    assert chat.due_at() == NOON + 20 * HOUR
    log.add(fired("b", NOON + 21 * HOUR))
    assert said(chat, NOON + 22 * HOUR) == ["resolved a"]
    assert chat.floor() == {0: 2}
    assert chat.due_at() == NOON + 44 * HOUR
    assert said(chat, NOON + 44 * HOUR) == ["fired b"]
    assert chat.due_at() is None


def test_one_channel_can_be_told_at_once_of_one_thing_and_daily_of_another() -> None:
    more = '\n[[route]]\nchannels = ["chat"]\ndigest = "24h"\n'
    chat = lane(PEOPLE + 'severities = ["critical"]\n' + more)
    log = Log(chat)
    log.add(fired("slow", severity="warning"))
    log.add(fired("bad", NOON + SECOND))
    assert said(chat, NOON + MINUTE) == ["fired bad"]
    assert chat.floor() == {0: 0}
    assert said(chat, NOON + 12 * HOUR) == ["fired bad *"]
    assert said(chat, NOON + 12 * HOUR) == ["fired slow"]


def test_what_a_channel_was_told_before_a_restart_it_is_not_told_again() -> None:
    event = fired()
    for text in (PEOPLE, PROGRAM, ALERTMANAGER):
        again = lane(text, [Receipt(resolved(event, NOON + MINUTE), NOON + MINUTE)])
        log = Log(again)
        log.add(event)
        log.add(resolved(event, NOON + MINUTE))
        assert not again.waiting
        log.add(fired(at=NOON + HOUR))
        assert said(again, NOON + 2 * HOUR) == ["fired summarize"]


def test_a_reminder_is_due_after_a_restart_when_it_would_have_been_without() -> None:
    chat = lane(PEOPLE, [Receipt(fired(), NOON + MINUTE)])
    assert chat.due_at() == NOON + MINUTE + 4 * HOUR
    assert said(chat, NOON + 5 * HOUR) == ["fired summarize *"]


def test_old_news_that_is_over_is_kept_from_people_and_old_news_that_is_not_is_told() -> None:
    chat = lane(PEOPLE)
    log = Log(chat)
    over = fired("over")
    log.add(over)
    log.add(resolved(over, NOON + HOUR))
    log.add(fired("lasting"))
    assert said(chat, NOON + 26 * HOUR) == ["fired lasting"]
    assert chat.floor() == {}


def test_old_news_that_is_over_is_kept_from_programs_too_the_alert_and_its_recovery() -> None:
    for text in (PROGRAM, ALERTMANAGER):
        told = lane(text)
        log = Log(told)
        over = fired("over")
        log.add(over)
        log.add(resolved(over, NOON + HOUR))
        log.add(fired("lasting"))
        messages = [said(told, NOON + 26 * HOUR) for _ in range(3)]
        assert [each for message in messages for each in message or ()] == ["fired lasting"]
        assert told.floor() == {}


def test_a_recovery_from_what_a_channel_was_told_of_is_told_however_late() -> None:
    event = fired()
    for text in (PEOPLE, PROGRAM, ALERTMANAGER):
        told = lane(text, [Receipt(event, NOON)])
        Log(told).add(resolved(event, NOON + HOUR))
        assert said(told, NOON + 48 * HOUR) == ["resolved summarize"]


def test_a_program_gets_each_transition_by_itself_and_in_order() -> None:
    tickets = lane(PROGRAM)
    log = Log(tickets)
    event = fired()
    log.add(event)
    log.add(resolved(event, NOON + SECOND))
    log.add(event)
    assert [said(tickets, NOON + MINUTE) for _ in range(3)] == [["fired summarize"], ["resolved summarize"], None]


def test_a_program_that_does_not_take_one_alert_is_sent_others_but_never_a_recovery_before_its_alert() -> None:
    tickets = lane(PROGRAM)
    log = Log(tickets)
    poison = fired("poison")
    log.add(poison)
    log.add(resolved(poison, NOON + SECOND))
    log.add(fired("fine", NOON + SECOND))
    assert said(tickets, NOON + MINUTE, is_taken=False) == ["fired poison"]
    assert said(tickets, NOON + MINUTE) is None
    assert said(tickets, NOON + MINUTE + SECOND) == ["fired fine"]
    assert said(tickets, NOON + MINUTE + SECOND, is_taken=False) == ["fired poison"]
    assert tickets.floor() == {0: 0}


def test_attempts_become_rarer_up_to_one_a_minute_and_then_the_message_is_buried() -> None:
    tickets = lane(PROGRAM)
    Log(tickets).add(fired())
    now, waits = NOON, []
    while not tickets.buried:
        assert said(tickets, now, is_taken=False) == ["fired summarize"]
        waits.append(((tickets.due_at() or tickets.not_before) - now) // SECOND)
        now = tickets.not_before
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert NOON + HOUR <= now <= NOON + HOUR + 2 * MINUTE
    assert (tickets.waiting, tickets.floor()) == ({}, {0: 0})
    tickets.mourn(tickets.buried[:1], [])
    assert tickets.floor() == {}


def test_a_message_that_is_refused_for_good_is_buried_at_once_and_others_go_on() -> None:
    tickets = lane(PROGRAM)
    log = Log(tickets)
    log.add(fired("bad"))
    log.add(fired("good"))
    tickets.take(NOON)
    tickets.failed("answered with status 422", NOON, is_final=True)
    assert [buried.why for buried in tickets.buried] == ["answered with status 422"]
    assert said(tickets, NOON) == ["fired good"]


def test_a_channel_that_asks_for_patience_gets_it() -> None:
    tickets = lane(PROGRAM)
    Log(tickets).add(fired())
    tickets.take(NOON)
    tickets.failed("answered with status 429", NOON, wait_ms=5 * MINUTE)
    assert tickets.due_at() == NOON + 5 * MINUTE


def test_what_happens_while_a_message_is_not_taken_goes_into_the_next_attempt() -> None:
    chat = lane(PEOPLE)
    log = Log(chat)
    event = fired("a")
    log.add(event)
    now = NOON + MINUTE
    chat.take(now)
    log.add(resolved(event, now))
    log.add(fired("b", now))
    chat.failed("no", now)
    assert said(chat, now + SECOND) == ["resolved a", "fired b"]
    assert chat.floor() == {}


def test_people_are_reminded_of_what_a_dead_letter_was_about() -> None:
    chat = lane(PEOPLE)
    event = fired()
    chat.mourn([], [Receipt(event, NOON, Fate.UNDELIVERED)])
    assert said(chat, NOON + 4 * HOUR) == ["fired summarize *"]


def test_no_more_waits_than_memory_is_set_aside_for_and_the_oldest_are_buried() -> None:
    tickets = lane(PROGRAM)
    log = Log(tickets)
    for number in range(MOST_WAITING + 1):
        log.add(fired(f"p{number}"))
    buried = [buried.item.event.preset for buried in tickets.buried]
    assert len(tickets.waiting) == MOST_WAITING * 9 // 10
    assert buried == [f"p{number}" for number in range(MOST_WAITING // 10 + 1)]
    assert tickets.floor() == {0: 0}


def test_a_long_history_at_the_first_start_makes_no_dead_letters() -> None:
    tickets = lane(PROGRAM)
    log = Log(tickets)
    for number in range(MOST_WAITING):
        event = fired(f"p{number}")
        log.add(event, NOON + 48 * HOUR)
        log.add(resolved(event, NOON + MINUTE), NOON + 48 * HOUR)
    assert len(tickets.waiting) <= MOST_WAITING
    assert not tickets.buried


def test_an_alertmanager_is_told_at_once_and_then_every_minute_of_all_that_fires() -> None:
    am = lane(ALERTMANAGER)
    log = Log(am)
    a, b = fired("a"), fired("b", NOON + 10 * SECOND)
    log.add(a)
    assert said(am, NOON) == ["fired a"]
    log.add(b)
    assert said(am, NOON + 10 * SECOND) == ["fired b", "fired a *"]
    assert said(am, NOON + 69 * SECOND) is None
    assert said(am, NOON + 70 * SECOND) == ["fired a *", "fired b *"]


def test_an_alertmanager_hears_of_a_recovery_for_a_while_in_case_it_restarts_before_it_has_told() -> None:
    am = lane(ALERTMANAGER)
    log = Log(am)
    event = fired()
    log.add(event)
    said(am, NOON)
    log.add(resolved(event, NOON + HOUR))
    assert said(am, NOON + HOUR) == ["resolved summarize"]
    assert said(am, NOON + HOUR + 14 * MINUTE) == ["resolved summarize *"]
    assert said(am, NOON + HOUR + 16 * MINUTE) == []


def test_an_alertmanager_is_told_after_a_restart_of_what_fired_before() -> None:
    am = lane(ALERTMANAGER, [Receipt(fired(), NOON)])
    assert said(am, NOON + HOUR) == ["fired summarize *"]


def test_alerts_of_one_rule_about_several_reasons_are_told_and_resolved_apart() -> None:
    for text in (PEOPLE, PROGRAM, ALERTMANAGER):
        channel = lane(text)
        log = Log(channel)
        timeout, forbidden = (
            fired(group={"reason": reason}, id=f"{reason}-1", episode=reason)
            for reason in ("timeout", "input_forbidden")
        )
        log.add(timeout)
        log.add(forbidden)
        log.add(resolved(timeout, NOON + SECOND))
        told = [one for minute in range(1, 5) for one in said(channel, NOON + minute * MINUTE) or []]
        assert "fired summarize" in told
        assert {receipt.event.name: receipt.event.kind for receipt in channel.told.values()} == {
            "high-error-rate/timeout": "resolved",
            "high-error-rate/input_forbidden": "fired",
        }


def test_a_receipt_of_an_alert_without_a_group_is_kept_under_the_key_of_an_earlier_version() -> None:
    record = write_receipt("chat", Receipt(fired(), NOON))
    assert record.key == b'["chat","high-error-rate","summarize"]'
    grouped = write_receipt("chat", Receipt(fired(group={"reason": "timeout"}), NOON))
    assert grouped.key == b'["chat","high-error-rate","summarize","timeout"]'
