"""The alerts topic: each transition once, in an order that partitions and arrival do not change."""

from hypothesis import given
from hypothesis import strategies as st

from stream.cli.alert_log import AlertLog
from tests.cli.commands import alert

EVENTS = [
    alert(1000, preset="a"),
    alert(1000, preset="b", id="b-1"),
    alert(1000, preset="b", rule="nothing-works", id="c-1"),
    alert(2000, preset="a"),
    alert(2000, preset="a", id="d-2", sequence=2),
]


@given(st.permutations(EVENTS))
def test_the_order_of_arrival_does_not_change_what_is_told(arrived: list[object]) -> None:
    bodies = [event.to_json() for event in EVENTS]
    shuffled = [bodies[EVENTS.index(event)] for event in arrived]  # type: ignore[arg-type]  # permutations are untyped
    assert [told.body for told in AlertLog().take(shuffled)] == bodies


def test_a_transition_that_was_sent_twice_is_told_once() -> None:
    log = AlertLog()
    body = EVENTS[0].to_json()
    assert [len(log.take(bodies)) for bodies in ([body, body], [body], [EVENTS[1].to_json()])] == [1, 0, 1]


def test_what_is_no_alert_event_is_passed_over_and_counted() -> None:
    log = AlertLog()
    told = log.take([b"junk", None, b"{}", EVENTS[0].to_json()])
    assert ([one.event for one in told], log.foreign) == ([EVENTS[0]], 3)


def test_a_body_is_told_byte_for_byte_even_when_it_is_written_in_another_way() -> None:
    spaced = EVENTS[0].to_json().replace(b",", b", ")
    assert [told.body for told in AlertLog().take([spaced])] == [spaced]
