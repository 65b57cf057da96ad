"""Errors over HTTP: a problem document whose status says whose turn it is, and no defect's details."""

import asyncio
import json
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from stream.web.access import require_token
from stream.web.guesses import Guesses
from stream.web.problems import Handler, ProblemError, answer_problems, problem_response, unavailable

FINE = web.Response(text="fine")


def request(path: str = "/api/rates", **headers: str) -> web.Request:
    return make_mocked_request("GET", path, headers=headers)


def document(response: web.StreamResponse) -> dict[str, Any]:
    assert isinstance(response, web.Response)
    assert response.content_type == "application/problem+json"
    told: dict[str, Any] = json.loads(response.text or "")
    assert told["status"] == response.status
    return told


def failing(error: BaseException) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        raise error

    return handle


async def fine(_: web.Request) -> web.StreamResponse:
    return FINE


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (404, "Not Found"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
    ],
)
def test_a_problem_has_type_title_status_and_detail(status: int, title: str) -> None:
    told = document(problem_response(status, "größe {x}"))
    assert told == {"type": "about:blank", "title": title, "status": status, "detail": "größe {x}"}


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_only_what_can_be_had_later_says_when_to_ask_again(status: int) -> None:
    assert problem_response(status, "").headers.get("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (ProblemError(HTTPStatus.BAD_REQUEST, "window: no"), 400, "window: no"),
        (unavailable("still recovering"), 503, "still recovering"),
        (web.HTTPNotFound(), 404, "GET /api/rates: Not Found"),
        (web.HTTPMethodNotAllowed("GET", ["POST"]), 405, "GET /api/rates: Method Not Allowed"),
    ],
)
async def test_what_a_handler_raises_is_answered_as_a_problem(error: Exception, status: int, detail: str) -> None:
    with capture_logs() as logs:
        told = document(await answer_problems(request(), failing(error)))
    assert (told["status"], told["detail"]) == (status, detail)
    assert logs == []


async def test_a_defect_is_logged_once_and_not_shown() -> None:
    with capture_logs() as logs:
        response = await answer_problems(request(), failing(RuntimeError("the password is hush")))
    told = document(response)
    assert (told["status"], "log" in told["detail"]) == (500, True)
    assert "hush" not in json.dumps(told)
    assert [(log["event"], log["path"], log["log_level"]) for log in logs] == [
        ("request_failed", "/api/rates", "error")
    ]


async def test_an_asker_that_has_gone_is_no_defect() -> None:
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await answer_problems(request(), failing(asyncio.CancelledError()))
    assert logs == []


async def test_an_answer_passes_through_as_it_is() -> None:
    assert await answer_problems(request(), fine) is FINE


@pytest.mark.parametrize(
    ("token", "path", "given", "may"),
    [
        (None, "/api/rates", None, True),
        (None, "/api/rates", "Bearer anything", True),
        ("hush", "/api/rates", "Bearer hush", True),
        ("hush", "/api/rates", None, False),
        ("hush", "/api/rates", "", False),
        ("hush", "/api/rates", "hush", False),
        ("hush", "/api/rates", "Bearer hus", False),
        ("hush", "/api/rates", "Bearer hush ", False),
        ("hush", "/api/rates", "bearer hush", False),
        ("hush", "/", None, False),
        ("hush", "/healthz", None, True),
        ("hush", "/readyz", None, True),
        ("hush", "/healthz/", None, False),
        ("größe", "/", "Bearer größe", True),
        ("größe", "/", "Bearer grosse", False),
    ],
)
async def test_a_token_opens_everything_and_health_is_open(
    token: str | None, path: str, given: str | None, may: bool
) -> None:
    headers = {} if given is None else {"Authorization": given}
    response = await require_token(token, Guesses())(request(path, **headers), fine)
    if may:
        assert response is FINE
    else:
        told = document(response)
        assert told["status"] == 401
        assert "PRESETWATCH_WEB_TOKEN" in told["detail"]
        assert "hush" not in json.dumps(told)


async def test_a_token_of_bytes_that_are_no_utf8_is_as_wrong_as_any_other() -> None:
    # aiohttp reads headers as UTF-8 with surrogateescape; its own mock of a request cannot be given any.
    headers = {"Authorization": "Bearer \udcff"}
    asked: Any = SimpleNamespace(path="/api/rates", remote=None, headers=headers, cookies={"presetwatch": "\udcff"})
    assert document(await require_token("hush", Guesses())(asked, fine))["status"] == 401
