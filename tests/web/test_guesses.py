"""Guesses at the token: some are free, then an address waits, and no header that is not trusted changes that."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from stream.web.access import COOKIE, LOGIN, cookie_of, log_in_with, require_token
from stream.web.guesses import (
    FORWARDED,
    MOST_ADDRESSES,
    MOST_GUESSES,
    WINDOW_SECONDS,
    Guesses,
    asker_of,
    read_proxies,
)
from stream.web.problems import answer_problems

TOKEN = "the right one"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
Client = TestClient[web.Request, web.Application]


class Clock:
    """A clock that is set by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def _fine(_: web.Request) -> web.Response:
    return web.json_response({})


def worker(guesses: Guesses) -> Client:
    app = web.Application(middlewares=[answer_problems, require_token(TOKEN, guesses)])
    for path in ("/", "/api/rates", "/healthz"):
        app.router.add_get(path, _fine)
    app.router.add_post(LOGIN, log_in_with(TOKEN, guesses))
    return TestClient(TestServer(app))


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[Client]:
    async with worker(Guesses(clock=clock)) as found:
        yield found


async def ask(client: Client, **headers: str) -> int:
    async with client.get("/api/rates", headers=headers) as answer:
        return answer.status


async def guess(client: Client, times: int = MOST_GUESSES, **headers: str) -> list[int]:
    return [await ask(client, Authorization=f"Bearer guess {number}", **headers) for number in range(times)]


async def test_after_some_guesses_an_address_waits_even_with_the_right_token(client: Client, clock: Clock) -> None:
    assert await guess(client) == [401] * MOST_GUESSES
    assert await ask(client, Authorization="Bearer another") == HTTPStatus.TOO_MANY_REQUESTS
    clock.now += 12.5
    async with client.get("/api/rates", headers=RIGHT) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "48")
        assert "in 48 s" in (await answer.json())["detail"]
    assert await ask(client, Cookie=f"{COOKIE}={cookie_of(TOKEN)}") == 429
    clock.now += WINDOW_SECONDS - 12.5
    assert await ask(client, **RIGHT) == HTTPStatus.OK


async def test_a_guess_is_one_wherever_it_is_made(client: Client) -> None:
    for number in range(MOST_GUESSES // 2):
        assert await ask(client, Cookie=f"{COOKIE}={cookie_of(str(number))}") == 401
    for number in range(MOST_GUESSES // 2):
        assert (await client.post(LOGIN, data={"token": f"guess {number}"})).status == 401
    answer = await client.post(LOGIN, data={"token": TOKEN}, allow_redirects=False)
    assert (answer.status, "Retry-After" in answer.headers, "Set-Cookie" in answer.headers) == (429, True, False)
    page = await client.get("/", headers={"Accept": "text/html"})
    assert (page.status, page.content_type) == (401, "text/html")


async def test_who_repeats_one_mistake_or_gives_nothing_does_not_guess(client: Client) -> None:
    for _ in range(3 * MOST_GUESSES):
        assert await ask(client, Authorization="Bearer of before it was changed") == 401
        assert await ask(client) == 401
    assert await ask(client, **RIGHT) == 200


async def test_who_knows_the_token_may_ask_as_often_as_they_like(client: Client) -> None:
    assert {await ask(client, **RIGHT) for _ in range(3 * MOST_GUESSES)} == {200}


async def test_health_is_open_to_whoever_waits(client: Client) -> None:
    await guess(client)
    assert (await client.get("/healthz")).status == 200


async def test_a_header_that_nobody_trusts_changes_no_address(client: Client) -> None:
    assert [*await guess(client, 3, **{FORWARDED: "192.0.2.1"}), *await guess(client)][-1] == 401
    assert await ask(client, **RIGHT, **{FORWARDED: "192.0.2.9"}) == 429


async def test_behind_a_trusted_proxy_askers_are_told_apart(clock: Clock) -> None:
    async with worker(Guesses(read_proxies("127.0.0.0/8, ::1"), clock)) as client:
        # What the asker has put there itself stands before what the proxy adds.
        for number in range(MOST_GUESSES):
            made_up = {FORWARDED: f"10.0.0.{number}, 192.0.2.1"}
            assert await ask(client, Authorization=f"Bearer {number}", **made_up) == 401
        assert await ask(client, **RIGHT, **{FORWARDED: "192.0.2.1"}) == 429
        assert await ask(client, **RIGHT, **{FORWARDED: "192.0.2.2"}) == 200


PROXIES = read_proxies("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "asker"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "", "2001:db8:1:2::/64"),
        ("", "198.51.100.7", ""),
    ],
)
def test_a_request_comes_from_the_last_address_that_is_no_trusted_proxys(peer: str, forwarded: str, asker: str) -> None:
    assert asker_of(peer, forwarded, PROXIES) == asker


@given(st.text(max_size=30), st.text(alphabet="0123456789abcdef:.,%/ []", max_size=60))
def test_any_addresses_give_an_asker(peer: str, forwarded: str) -> None:
    asker_of(peer, forwarded, PROXIES)


def test_memory_is_bounded_whoever_guesses(clock: Clock) -> None:
    guesses = Guesses(clock=clock)
    for number in range(MOST_ADDRESSES + 500):
        request: Any = SimpleNamespace(
            remote=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", headers=CIMultiDict()
        )
        guesses.note(request, ["wrong"])
    assert len(guesses) == MOST_ADDRESSES
    for number in range(1_000):
        if not guesses.seconds_to_wait(request):
            guesses.note(request, [str(number)])
    assert len(guesses._windows[request.remote].seen) == MOST_GUESSES
    clock.now += WINDOW_SECONDS
    assert guesses.seconds_to_wait(request) == 0
    assert len(guesses) == 0
