"""Who may ask: whoever sends the token, and browsers that have shown it once."""

from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from stream.web.access import COOKIE, LOGIN, cookie_of, log_in_with, require_known_host, require_token
from stream.web.assets import ASSETS, serve_asset, serve_page
from stream.web.guesses import Guesses
from stream.web.problems import answer_problems

TOKEN = "größer als gedacht"
Client = TestClient[web.Request, web.Application]


async def _rates(_: web.Request) -> web.Response:
    return web.json_response({"rates": []})


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A browser at a worker with a token."""
    guesses = Guesses()
    app = web.Application(middlewares=[answer_problems, require_token(TOKEN, guesses)])
    app.router.add_get("/", serve_page)
    app.router.add_get(f"{ASSETS}{{name}}", serve_asset)
    app.router.add_get("/api/rates", _rates)
    app.router.add_post(LOGIN, log_in_with(TOKEN, guesses))
    async with TestClient(TestServer(app)) as found:
        yield found


async def test_a_browser_is_asked_for_the_token_and_a_script_told_of_it(client: Client) -> None:
    page = await client.get("/?preset=a", headers={"Accept": "text/html"})
    assert (page.status, page.content_type) == (HTTPStatus.UNAUTHORIZED, "text/html")
    assert 'action="/login"' in await page.text()
    api = await client.get("/api/rates", headers={"Accept": "text/html"})
    assert (api.status, api.content_type) == (HTTPStatus.UNAUTHORIZED, "application/problem+json")
    assert (await client.get(f"{ASSETS}login.js")).status == HTTPStatus.OK


async def test_a_login_lasts_and_no_script_or_other_site_can_use_it(client: Client) -> None:
    answer = await client.post(LOGIN, data={"token": f" {TOKEN}\n"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/")
    [cookie] = answer.headers.getall("Set-Cookie")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert f"{COOKIE}={cookie_of(TOKEN)}" in cookie  # made from the token alone: it outlives a restart of the worker
    assert (await client.get("/api/rates")).status == HTTPStatus.OK
    assert (await client.get("/", headers={"Accept": "text/html"})).status == HTTPStatus.OK


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"token": "guess"}, {"token": cookie_of(TOKEN)}])
async def test_a_wrong_token_gives_no_cookie(client: Client, form: dict[str, str]) -> None:
    answer = await client.post(LOGIN, data=form, allow_redirects=False)
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert "Set-Cookie" not in answer.headers
    assert TOKEN not in await answer.text()


@pytest.mark.parametrize("cookie", ["", TOKEN, cookie_of("another"), "ü"])
async def test_a_made_up_cookie_opens_nothing(client: Client, cookie: str) -> None:
    answer = await client.get("/api/rates", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert answer.status == HTTPStatus.UNAUTHORIZED


async def test_without_a_token_there_is_nothing_to_log_in_to() -> None:
    app = web.Application(middlewares=[answer_problems, require_token(None, Guesses())])
    app.router.add_post(LOGIN, log_in_with(None, Guesses()))
    async with TestClient(TestServer(app)) as client:
        assert (await client.post(LOGIN, data={"token": ""})).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:6066", HTTPStatus.OK),
        ("[::1]:6066", HTTPStatus.OK),
        ("localhost:6066", HTTPStatus.OK),
        ("worker", HTTPStatus.OK),
        ("presetwatch-0.presetwatch.default.svc", HTTPStatus.OK),
        ("Watch.Example.com.", HTTPStatus.OK),
        ("rebound.example.com", HTTPStatus.MISDIRECTED_REQUEST),
        ("127.0.0.1.example.com:6066", HTTPStatus.MISDIRECTED_REQUEST),
        ("", HTTPStatus.MISDIRECTED_REQUEST),
        ("a:b:c", HTTPStatus.MISDIRECTED_REQUEST),
    ],
)
async def test_without_a_token_a_worker_answers_only_to_names_that_no_stranger_can_make_lead_here(
    host: str, status: HTTPStatus
) -> None:
    app = web.Application(middlewares=[answer_problems, require_known_host(frozenset({"watch.example.com"}))])
    app.router.add_get("/api/rates", _rates)
    app.router.add_get("/healthz", _rates)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/api/rates", headers={"Host": host})).status == status
        assert (await client.get("/healthz", headers={"Host": host})).status == HTTPStatus.OK
