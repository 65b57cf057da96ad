"""Turning webhooks on again by itself: what a round does, and what Prometheus hears of it."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stream.daily.api import Pace
from stream.daily.client import connected
from stream.daily.failure import KeyRefused
from stream.daily.watch import Watch, WatchMeters
from tests.daily.stub import KEY, DailyStub, Fault

BOTH = ["batch-processor.job-finished", "batch-processor.error"]


class Round:
    """Rounds of one watch, and what came of them."""

    def __init__(self, daily: DailyStub) -> None:
        self.daily = daily
        self.registry = CollectorRegistry()
        self.meters = WatchMeters(self.registry)
        self.said: list[str] = []

    async def look(self) -> None:
        async with connected(self.daily.url, KEY, Pace(0.001, 1)) as client:
            await Watch(client, self.meters, self.said.append).look()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"presetwatch_daily_webhook{name}", labels)


def hook(uuid: str, state: str, **given: Any) -> dict[str, Any]:
    return {"uuid": uuid, "url": "https://example.com/", "state": state, "failedCount": 3, "eventTypes": BOTH, **given}


async def test_a_failed_webhook_is_turned_on_and_told_of(daily: DailyStub) -> None:
    daily.webhooks, rounds = [hook("a", "FAILED"), hook("b", "FAILED", eventTypes=[])], Round(daily)
    await rounds.look()
    assert [each["state"] for each in daily.webhooks] == ["ACTIVE", "FAILED"]
    assert rounds.value("_reactivations_total", uuid="a", outcome="done") == 1
    assert (rounds.value("_failed", uuid="a"), rounds.value("_failed_deliveries", uuid="a")) == (1, 3)
    assert rounds.value("_failed", uuid="b") is None
    assert len(rounds.said) == 1
    await rounds.look()
    assert rounds.value("_failed", uuid="a") == 0
    assert len(rounds.said) == 1
    daily.webhooks = []
    await rounds.look()
    assert rounds.value("_failed", uuid="a") is None


async def test_a_round_that_fails_is_told_and_the_next_one_looks_again(daily: DailyStub) -> None:
    daily.webhooks, daily.faults, rounds = [hook("a", "FAILED")], [Fault(503)], Round(daily)
    daily.answers_pings = False
    await rounds.look()
    assert rounds.value("s_seen_at_seconds") == 0
    await rounds.look()
    assert rounds.value("_reactivations_total", uuid="a", outcome="failed") == 1
    daily.answers_pings = True
    await rounds.look()
    assert daily.webhooks[0]["state"] == "ACTIVE"
    assert len(rounds.said) == 3


async def test_a_refused_key_ends_the_watch(daily: DailyStub) -> None:
    daily.faults, rounds = [Fault(401)], Round(daily)
    with pytest.raises(KeyRefused):
        await rounds.look()
