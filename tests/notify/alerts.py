"""Alert events, plans and times for tests about notifying."""

from typing import Any

from schemas.alert import AlertEvent
from stream.notify.lane import Lane
from stream.notify.lanes import open_lane
from stream.notify.news import Place
from stream.notify.plan import Plan
from stream.notify.plan_file import load_plan
from tests.cli.commands import alert

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
NOON = 1_767_614_400_000
"""2026-01-05 12:00:00 UTC."""

WEBHOOK_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # the example of the specification


def fired(preset: str = "summarize", at: int = NOON, **given: Any) -> AlertEvent:
    """Return an alert that begins to fire."""
    rule = given.get("rule", "high-error-rate")
    episode = f"{rule}-{preset}-{at}"
    return alert(at, **{"id": f"{episode}-1", "episode": episode, "preset": preset, **given})


def resolved(alert: AlertEvent, at: int, **given: Any) -> AlertEvent:
    """Return the end of an alert."""
    end = {"id": f"{alert.episode}-2", "sequence": 2, "kind": "resolved", "at": at, "resolve_reason": "recovered"}
    return AlertEvent.model_validate({**alert.model_dump(by_alias=True), **end, **given})


def plan(text: str) -> Plan:
    """Return the plan that a notify file says; it must be sound."""
    found = load_plan(text, "notify.toml", {})
    assert isinstance(found, Plan), "\n".join(map(str, found))
    return found


PEOPLE = """\
[[channel]]
name = "chat"
kind = "apprise"
url = "json://127.0.0.1:1"

[[route]]
channels = ["chat"]
"""
PROGRAM = f"""\
[[channel]]
name = "tickets"
kind = "webhook"
url = "http://127.0.0.1:1/hook"
secret = "{WEBHOOK_SECRET}"

[[route]]
channels = ["tickets"]
"""
ALERTMANAGER = """\
[[channel]]
name = "am"
kind = "alertmanager"
url = "http://127.0.0.1:1"

[[route]]
channels = ["am"]
"""


def lane(text: str, told: Any = ()) -> Lane:
    """Return the lane of a plan's first channel."""
    found = plan(text)
    return open_lane(found.channels[0], found, told)


class Log:
    """Feeds a lane, each record at the next offset of partition 0."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.offset = 0

    def add(self, event: AlertEvent, arrived_at: int | None = None) -> None:
        """Let an event arrive, when it happens unless said otherwise."""
        arrived_at = event.at if arrived_at is None else arrived_at
        self.lane.add(event, Place(0, self.offset), arrived_at, arrived_at)
        self.offset += 1


def said(lane: Lane, now: int, *, is_taken: bool = True) -> list[str] | None:
    """Let a lane send what is due; return `kind preset` of all that is in it, reminders with a `*`, or None."""
    delivery = lane.take(now)
    if delivery is None:
        return None
    if is_taken:
        lane.delivered(lane.receipts_of(delivery, now))
    else:
        lane.failed("no", now)
    news = [f"{item.event.kind} {item.event.preset}" for item in delivery.news]
    return news + [f"{receipt.event.kind} {receipt.event.preset} *" for receipt in delivery.again]
