"""Trying whether channels can be reached, with an alert that says it is a test.

Law: what is sent cannot be taken for an alert, and nothing of it is kept.
"""

import asyncio
from collections.abc import Sequence
from time import time
from uuid import uuid4

from schemas.alert import AlertEvent
from stream.notify.channels.outcome import Failed, Outcome, Sender
from stream.notify.news import Delivery, Item
from stream.notify.plan import Plan, Route
from stream.notify.senders import senders_of

ANSWERS_WITHIN_SECONDS = 60.0


async def try_out(plan: Plan, names: Sequence[str]) -> list[tuple[str, Outcome]]:
    """Send a made-up alert to each of the channels named; return how that went, in the order of the plan."""
    senders = {name: sender for name, sender in senders_of(plan).items() if name in names}
    outcomes = await asyncio.gather(*(_send(sender) for sender in senders.values()))
    return list(zip(senders, outcomes, strict=True))


async def _send(sender: Sender) -> Outcome:
    now = int(time() * 1000)
    event = made_up(now, uuid4().hex[:16])
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            return await sender.send(Delivery((Item(event, event, Route(channels=()), None, now, 1),)), now)
    except TimeoutError:
        return Failed(f"gave no answer within {ANSWERS_WITHIN_SECONDS:g} s")
    finally:
        await sender.close()


def made_up(now: int, episode: str) -> AlertEvent:
    """Return an alert event that says it is a test."""
    minute = 60_000
    return AlertEvent.model_validate(
        {
            "id": f"{episode}-1",
            "episode": episode,
            "sequence": 1,
            "kind": "fired",
            "rule": "notify-test",
            "rule_kind": "threshold",
            "severity": "info",
            "preset": "notify-test",
            "at": now,
            "started_at": now - minute,
            "window_start": now - 6 * minute,
            "window_end": now - minute,
            "errors": 14,
            "finished": 46,
            "total": 60,
            "error_rate": 0.233333,
            "error_rate_low": 0.144401,
            "error_rate_high": 0.354212,
            "threshold": 0.1,
            "reasons": {"input_forbidden": 12, "other": 2},
            "parties": {"customer": 12, "unknown": 2},
            "labels": {"test": "true"},
            "annotations": {"summary": "This is a test of presetwatch notify: nothing has happened"},
        }
    )
