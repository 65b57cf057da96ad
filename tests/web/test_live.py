"""Listeners hear everything once and then what changes, hear of trouble, and keep no worker from stopping."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from stream.web.live import Live
from stream.web.overview import Overviews
from stream.web.problems import answer_problems, unavailable

Client = TestClient[web.Request, web.Application]


class FakeOverviews:
    """An overview that a test changes."""

    def __init__(self) -> None:
        self.overview: dict[str, Any] | None = {"verdict": "ok", "rates": [{"preset": "a", "errors": 1}]}

    async def everything(self, window_ms: int) -> dict[str, Any]:
        if self.overview is None:
            raise unavailable("Partition 2 has no owner yet.")
        return self.overview


@pytest.fixture
def overviews() -> FakeOverviews:
    return FakeOverviews()


@pytest.fixture
async def client(overviews: FakeOverviews) -> AsyncIterator[Client]:
    """A listener at a worker."""
    told = Live(cast("Overviews", overviews), most=2)

    async def listen(request: web.Request) -> web.StreamResponse:
        return await told.listen(request, 300_000)

    app = web.Application(middlewares=[answer_problems])
    app.router.add_get("/api/stream", listen)
    app.on_shutdown.append(told.close)
    async with TestClient(TestServer(app)) as found:
        yield found


async def next_event(response: Any) -> tuple[str, dict[str, Any]]:
    lines: dict[str, str] = {}
    while line := (await asyncio.wait_for(response.content.readline(), 10)).decode().rstrip():
        name, _, value = line.partition(": ")
        lines[name] = value
    message = json.loads(lines["data"])
    assert message.pop("at_ms") > 0
    return lines["event"], message


async def test_a_listener_hears_everything_and_then_what_changed(client: Client, overviews: FakeOverviews) -> None:
    async with client.get("/api/stream") as response:
        assert response.content_type == "text/event-stream"
        assert await next_event(response) == ("overview", {**(overviews.overview or {}), "whole": True})
        overviews.overview = {"verdict": "ok", "rates": [{"preset": "a", "errors": 2}]}
        assert await next_event(response) == ("overview", {"rates": [{"preset": "a", "errors": 2}]})
        assert await next_event(response) == ("overview", {})


async def test_an_answer_that_is_not_whole_is_a_problem_and_the_next_one_is_no_repetition(
    client: Client, overviews: FakeOverviews
) -> None:
    async with client.get("/api/stream") as response:
        await next_event(response)
        before, overviews.overview = overviews.overview, None
        problem = {"status": 503, "detail": "Partition 2 has no owner yet."}
        assert await next_event(response) == ("problem", problem)
        overviews.overview = before
        event, message = await next_event(response)
        while event == "problem":
            event, message = await next_event(response)
        assert message == {}


async def test_a_worker_that_stops_lets_its_listeners_go_at_once(client: Client) -> None:
    async with client.get("/api/stream") as response:
        await next_event(response)
        async with asyncio.timeout(5):
            await client.server.close()


async def test_there_are_only_so_many_listeners(client: Client) -> None:
    async with client.get("/api/stream") as first, client.get("/api/stream") as second:
        await next_event(first)
        await next_event(second)
        async with client.get("/api/stream") as third:
            assert third.status == 503
