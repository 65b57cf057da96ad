"""Access tokens: asked for when one is needed, renewed before they expire, and never with the secret in a message."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from stream import tokens
from stream.tokens import RENEWED_AFTER, TokenRefused, Tokens

LIFE_SECONDS = 100


class Issuer:
    """Gives tokens that are numbered, to whoever knows the secret."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: web.Response | None = None

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if self.answer is not None:
            return self.answer
        if request.headers["Authorization"] != encode_basic_auth("me", "hush"):
            return web.Response(status=401)
        return web.json_response({"access_token": f"token-{len(self.asked)}", "expires_in": LIFE_SECONDS})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def url(issuer: Issuer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/token", issuer.give)
    async with TestServer(app) as server:
        yield str(server.make_url("/token"))


async def test_a_token_is_kept_while_it_is_good_and_renewed_before_it_expires(
    issuer: Issuer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(tokens, "monotonic", lambda: now)
    held = Tokens(url, "me", SecretStr("hush"), "kafka")
    assert [await held.token(), await held.token()] == ["token-1", "token-1"]
    now += RENEWED_AFTER * LIFE_SECONDS - 1
    assert await held.token() == "token-1"
    now += 1
    assert await held.token() == "token-2"
    assert issuer.asked == [{"grant_type": "client_credentials", "scope": "kafka"}] * 2


@pytest.mark.parametrize(
    ("secret", "answer", "why"),
    [
        ("wrong", None, "answers 401"),
        ("hush", web.Response(text="<html>"), "can be read"),
        ("hush", web.json_response({"token": "hush"}), "can be read"),
    ],
)
async def test_who_cannot_get_a_token_says_why_without_the_secret(
    issuer: Issuer, url: str, secret: str, answer: web.Response | None, why: str
) -> None:
    issuer.answer = answer
    with pytest.raises(TokenRefused, match=why) as refused:
        await Tokens(url, "me", SecretStr(secret)).token()
    assert secret not in str(refused.value)
    assert url in str(refused.value)


async def test_an_issuer_that_does_not_answer_is_named() -> None:
    with pytest.raises(TokenRefused, match=r"127\.0\.0\.1:9/token gives no token"):
        await Tokens("http://127.0.0.1:9/token", "me", SecretStr("hush")).token()
