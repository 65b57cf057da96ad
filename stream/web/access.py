"""Who may ask a worker anything, where `PRESETWATCH_WEB_TOKEN` says that not everybody may.

Law: scripts send the token with each request, browsers once: they keep a cookie that is made from the token and cannot
be turned back into it, that no script can read and no other site can use. Every worker with the same token takes it,
so it outlives a restart; a new token ends all of them. Comparisons take the same time whatever is given, and whoever
gives many that are wrong must wait.
"""

import hmac
from hashlib import sha256
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from yarl import URL

from stream.web.assets import ASSETS, read_asset
from stream.web.guesses import Guesses
from stream.web.problems import OPEN_PATHS, Handler, problem_response

COOKIE = "presetwatch"
COOKIE_SECONDS = 30 * 24 * 3600
LOGIN = "/login"
OWN_DOMAINS = (".localhost", ".local", ".internal", ".svc")
"""Nobody can register these (RFC 6761, RFC 6762, ICANN for `.internal`); `.svc` is inside a Kubernetes cluster."""


def cookie_of(token: str) -> str:
    """Return what a browser that knows the token is given to show in its place."""
    return hmac.new(token.encode(), b"presetwatch dashboard 1", sha256).hexdigest()


def _is(given: str, wanted: str) -> bool:
    # aiohttp keeps what is no UTF-8 in a header as surrogates.
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())


def require_token(token: str | None, guesses: Guesses) -> Any:
    """Return the middleware that asks for the token, if there is one to ask for."""

    @web.middleware
    async def check_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token is None or _is_open(request.path):
            return await handler(request)
        wait = guesses.seconds_to_wait(request)
        if not wait and _knows(request, token):
            return await handler(request)
        if request.path == "/" and "text/html" in request.headers.get("Accept", ""):
            return web.Response(text=read_asset("login.html"), content_type="text/html", status=HTTPStatus.UNAUTHORIZED)
        if wait:
            return _too_many(wait)
        guesses.note(request, _given(request))
        return problem_response(
            HTTPStatus.UNAUTHORIZED, "Send the header Authorization: Bearer with PRESETWATCH_WEB_TOKEN."
        )

    return check_token


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path == LOGIN or path.startswith(ASSETS)


def _given(request: web.Request) -> tuple[str, str]:
    return request.headers.get("Authorization", ""), request.cookies.get(COOKIE, "")


def _knows(request: web.Request, token: str) -> bool:
    header, cookie = _given(request)
    return _is(header, f"Bearer {token}") or _is(cookie, cookie_of(token))


def _too_many(seconds: int) -> web.Response:
    detail = f"Too many wrong tokens came from your address: try again in {seconds} s."
    response = problem_response(HTTPStatus.TOO_MANY_REQUESTS, detail)
    response.headers["Retry-After"] = str(seconds)
    return response


def require_known_host(names: frozenset[str]) -> Any:
    """Return the middleware that answers only to names which nobody else can make lead here, and to those given.

    A page on the web can have its own name resolve to this machine, and then reads what it likes; it cannot do so with
    an address, with a name without dots, or with one under a domain that is reserved for networks of one's own.
    """

    @web.middleware
    async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = _host_of(request.host)
        if request.path in OPEN_PATHS or _is_ones_own(host) or host in names:
            return await handler(request)
        return problem_response(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"This worker does not answer to the name {host!r}: set PRESETWATCH_WEB_TOKEN, or add it to "
            "PRESETWATCH_WEB_HOSTS.",
        )

    return check_host


def _host_of(header: str) -> str:
    try:
        return (URL(f"//{header}").host or "").lower().rstrip(".")
    except ValueError:
        return ""


def _is_ones_own(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(OWN_DOMAINS))
    return True


def log_in_with(token: str | None, guesses: Guesses) -> Handler:
    """Return the handler that takes a token from a form and gives the cookie for it."""

    async def log_in(request: web.Request) -> web.StreamResponse:
        if wait := guesses.seconds_to_wait(request):
            return _too_many(wait)
        given = (await request.post()).get("token", "")
        if token is None or not isinstance(given, str) or not _is(given.strip(), token):
            guesses.note(request, [str(given)])
            return problem_response(HTTPStatus.UNAUTHORIZED, "This is not the token in PRESETWATCH_WEB_TOKEN.")
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        response.set_cookie(
            COOKIE,
            cookie_of(token),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
            path="/",
        )
        return response

    return log_in
