"""Answers as JSON, and errors over HTTP as `application/problem+json` (RFC 9457).

Law: whatever goes wrong, the answer is a problem document with a status that says whose turn it is: 4xx the asker's,
503 with `Retry-After` ours. An exception is logged here and nowhere else, and never shown.
"""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

RETRY_AFTER_SECONDS = 1
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
"""What `problem_response` writes, as JSON Schema."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


class ProblemError(Exception):
    """An answer other than the one asked for."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def unavailable(detail: str) -> ProblemError:
    """Return the problem of an answer that can be had a moment later."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail)


def problem_response(status: int, detail: str) -> web.Response:
    """Return a problem document."""
    document: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return web.Response(
        text=json.dumps(document | {"detail": detail}, ensure_ascii=False),
        status=status,
        content_type="application/problem+json",
        headers=headers,
    )


def as_json(answer: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return an answer."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return web.json_response(text=text, status=status)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem document."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem_response(problem.status, problem.detail)
    except web.HTTPException as error:
        return problem_response(error.status, f"{request.method} {request.path}: {error.reason}")
    except Exception:
        log.exception("request_failed", method=request.method, path=request.path)
        return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a defect; the worker's log has the details.")
