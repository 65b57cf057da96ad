"""What becomes of a request to Daily: the answer, or a failure that says whose turn it is, and never a secret."""

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from stream.daily.api import Pace, read_retry_after
from stream.daily.client import Daily, NewWebhook, connected
from stream.daily.failure import KeyRefused, OutOfReach, Refused
from tests.daily.stub import KEY, DailyStub, Fault, job, job_id

BRISK = Pace(spacing_seconds=0.001, attempts=3, first_wait_seconds=0.001)
NEW = NewWebhook("https://hooks.example.com/webhooks/daily", "c2VjcmV0LW9mLW91cnM=")


async def ask(daily: DailyStub, question: Callable[[Daily], Awaitable[Any]], key: str = KEY, pace: Pace = BRISK) -> Any:
    async with connected(daily.url, key, pace) as client:
        return await question(client)


async def listed(client: Daily, after: str | None = None) -> list[str | None]:
    return [each.id async for page in client.pages(after) for each in page.jobs]


async def test_all_pages_of_the_listing_are_read_in_order(daily: DailyStub) -> None:
    daily.jobs = [job(number) for number in range(250)]
    assert await ask(daily, listed) == [job_id(number) for number in range(250)]
    assert await ask(daily, lambda client: listed(client, job_id(199))) == [job_id(n) for n in range(200, 250)]


async def test_a_listing_that_never_moves_on_is_given_up(daily: DailyStub) -> None:
    page = {"data": [{"id": "a", "status": "finished"}]}
    daily.faults = [Fault(200, page, path="/v1/batch-processor")] * 3
    with pytest.raises(OutOfReach, match="the same jobs again after a"):
        await ask(daily, listed)


async def test_jobs_of_odd_shapes_are_listed_without_what_is_odd(daily: DailyStub) -> None:
    daily.faults = [Fault(200, {"data": [None, {"id": 7}, {"id": []}]}), Fault(200, {"data": []})]
    assert await ask(daily, listed) == [None, "7", None]


@pytest.mark.parametrize("body", ["", "null", "7", '{"data": {}}', "[1, null, {}]"])
async def test_a_listing_that_is_none_is_a_failure(daily: DailyStub, body: str) -> None:
    daily.faults = [Fault(200, body)] * 3
    with pytest.raises(OutOfReach):
        await ask(daily, listed)


async def test_all_that_is_told_of_a_job_is_returned_and_one_that_is_gone_is_none(daily: DailyStub) -> None:
    daily.jobs = [job(1, "error")]
    found = await ask(daily, lambda client: client.job(job_id(1)))
    assert found.items() >= job(1, "error").items()
    assert await ask(daily, lambda client: client.job("..")) is None
    assert daily.requests[-1].path == "/v1/batch-processor/.."
    assert await ask(daily, lambda client: client.job("a/../../b?c#d")) is None


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_passing_failure_is_got_over(daily: DailyStub, status: int) -> None:
    daily.faults = [Fault(status), Fault(status, {"error": "server-error"})]
    daily.jobs = [job(1)]
    assert (await ask(daily, lambda client: client.job(job_id(1))))["id"] == job_id(1)
    assert len(daily.requests) == 3


async def test_a_failure_that_does_not_pass_is_told_with_what_daily_says(daily: DailyStub) -> None:
    daily.faults = [Fault(503, {"error": "server-error", "info": "maintenance"})] * 3
    with pytest.raises(OutOfReach, match=r"\(503: server-error: maintenance\): try again later"):
        await ask(daily, Daily.webhooks)


@pytest.mark.parametrize("status", [429, 503])
async def test_nothing_is_sent_while_daily_asks_to_wait(daily: DailyStub, status: int) -> None:
    daily.faults = [Fault(status, headers={"Retry-After": "1"})]
    await ask(daily, Daily.webhooks)
    first, second = daily.requests
    assert second.at - first.at >= 1


async def test_a_wait_of_an_hour_is_told_and_not_waited_for(daily: DailyStub) -> None:
    daily.faults = [Fault(429, headers={"Retry-After": "3600"})]
    with pytest.raises(OutOfReach, match="try again in 3600 s"):
        await ask(daily, Daily.webhooks)
    assert len(daily.requests) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        ("0", 0),
        ("-5", 0),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90),
        ("Thu, 01 Jan 2026 00:01:30", 90),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


async def test_no_second_has_more_requests_than_daily_allows(daily: DailyStub) -> None:
    daily.requests_a_second = 20

    async def hurry(client: Daily) -> None:
        for _ in range(45):
            await client.job("x")

    began = time.monotonic()
    await ask(daily, hurry, pace=Pace())
    assert len(daily.requests) == 45, "one was refused with 429"
    assert time.monotonic() - began < 4, "slower than it need be"


@pytest.mark.parametrize("status", [500, 503])
async def test_a_webhook_is_not_made_twice_when_it_may_have_been_made(daily: DailyStub, status: int) -> None:
    daily.faults = [Fault(status)]
    with pytest.raises(OutOfReach) as failed:
        await ask(daily, lambda client: client.create_webhook(NEW))
    assert not failed.value.is_undone
    assert daily.count("POST", "/v1/webhooks") == 1


async def test_a_webhook_that_was_certainly_not_made_is_asked_for_again(daily: DailyStub) -> None:
    daily.faults = [Fault(429, headers={"Retry-After": "0"})]
    made = await ask(daily, lambda client: client.create_webhook(NEW))
    assert made.uuid == "hook-1"
    assert len(daily.webhooks) == 1


@pytest.mark.parametrize(
    "fault", [Fault(401), Fault(403, {"error": "forbidden"}), Fault(400, {"error": "authentication-error"})]
)
async def test_a_key_that_is_not_accepted_is_told_at_once_with_what_to_do(daily: DailyStub, fault: Fault) -> None:
    daily.faults = [fault]
    with pytest.raises(KeyRefused, match="set PRESETWATCH_DAILY_API_KEY"):
        await ask(daily, Daily.webhooks)
    assert len(daily.requests) == 1


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "schlüssel"])
async def test_a_key_that_cannot_be_one_is_never_sent(daily: DailyStub, key: str) -> None:
    with pytest.raises(KeyRefused) as failed:
        await ask(daily, Daily.webhooks, key=key)
    assert key not in str(failed.value)
    assert not daily.requests


async def test_what_daily_quotes_is_shown_without_secrets(daily: DailyStub) -> None:
    daily.answers_pings = False
    with pytest.raises(Refused, match="did not return 200") as failed:
        await ask(daily, lambda client: client.create_webhook(NEW))
    assert NEW.hmac not in str(failed.value)
    with pytest.raises(KeyRefused) as refused:
        await ask(daily, Daily.webhooks, key="another-key-of-someone")
    assert "another-key" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        '"text"',
        '{"data": "x"}',
        json.dumps({"a": "x" * 17 * 2**20}),
        "{",
    ],
)
async def test_an_answer_that_is_no_json_or_endless_is_a_failure_and_no_crash(daily: DailyStub, body: str) -> None:
    daily.faults = [Fault(200, body)] * 3
    with pytest.raises(OutOfReach):
        await ask(daily, Daily.webhooks)


async def test_a_redirect_does_not_carry_the_key_elsewhere(daily: DailyStub) -> None:
    daily.faults = [Fault(302, headers={"Location": "http://127.0.0.1:1/"})]
    with pytest.raises(Refused, match="302"):
        await ask(daily, Daily.webhooks)


async def test_a_server_that_is_not_there_is_said_to_be_out_of_reach() -> None:
    async with connected("http://127.0.0.1:1/v1", KEY, BRISK) as client:
        with pytest.raises(OutOfReach, match="Nothing answers at") as failed:
            await client.webhooks()
    assert failed.value.is_undone


@pytest.mark.parametrize(
    ("state", "has_failed"),
    [("FAILED", True), ("failed", True), (0, True), ("ACTIVE", False), (1, False), ("INACTIVE", False), (None, False)],
)
async def test_a_webhook_has_failed_in_whatever_way_daily_says_so(
    daily: DailyStub, state: Any, has_failed: bool
) -> None:
    daily.webhooks = [{"uuid": "a", "state": state, "failedCount": 3.0, "eventTypes": ["x", 7], "hmac": ["odd"]}]
    [webhook] = await ask(daily, Daily.webhooks)
    assert (webhook.has_failed, webhook.failed_count, webhook.event_types, webhook.hmac) == (
        has_failed,
        3,
        ("x",),
        None,
    )
