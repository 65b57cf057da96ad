"""A server that behaves as Daily's REST API is documented to, run in a thread of its own so that any test can ask it.

Faults are queued: each is the answer to one request that matches, before the server answers as usual again.
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "stub-key-0123456789abcdef"
UNKNOWN = {"aFieldOfTomorrow": {"nested": [1, 2, 3]}}


def job_id(number: int) -> str:
    return str(UUID(int=number))


def job(number: int, status: str = "finished", preset: str = "summarize", **more: Any) -> dict[str, Any]:
    """Return a job as `GET /batch-processor/:id` shows it."""
    told: dict[str, Any] = {"id": job_id(number), "preset": preset, "status": status}
    told |= {"input": {"sourceType": "uri", "uri": "https://example.com/a.mp4"}, "output": {}}
    return told | ({"error": "Error: timeout"} if status == "error" else {}) | more


@dataclass(frozen=True)
class Fault:
    """One answer that is not the usual one."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ""
    """What the path must begin with."""


@dataclass
class Request:
    """A request that was received."""

    method: str
    path: str
    at: float
    body: Any


@dataclass
class DailyStub:
    """A domain at Daily."""

    url: str = ""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    """Newest first."""
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    answers_pings: bool = True
    """Whether the address of a webhook answers 200 when it is made or re-activated."""
    requests_a_second: int = 1_000_000

    def count(self, method: str, path: str) -> int:
        """Return how many requests there were."""
        return sum(one.method == method and one.path.startswith(path) for one in self.requests)

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of a command that asks this server."""
        # Whoever tests may have run `presetwatch up` here, which keeps a secret in the usual folder.
        nowhere = {"PRESETWATCH_DATA_DIR": "no-such-folder"}
        return {"PRESETWATCH_DAILY_API_KEY": KEY, "PRESETWATCH_DAILY_API_URL": self.url, **nowhere, **more}

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/v1/webhooks", self._list_webhooks),
                web.post("/v1/webhooks", self._create_webhook),
                web.post("/v1/webhooks/{uuid}", self._update_webhook),
                web.delete("/v1/webhooks/{uuid}", self._delete_webhook),
                web.get("/v1/batch-processor", self._list_jobs),
                web.get("/v1/batch-processor/{id}", self._get_job),
            ]
        )
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        now, text = time.monotonic(), await request.text()
        self.requests.append(Request(request.method, request.path, now, json.loads(text) if text else None))
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return error(401, "authentication-error", f"no such key: {request.headers.get('Authorization')}")
        for fault in self.faults:
            if request.path.startswith(fault.path):
                self.faults.remove(fault)
                body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
                return web.Response(status=fault.status, text=body, headers=fault.headers)
        if sum(now - one.at < 1 for one in self.requests) > self.requests_a_second:
            return error(429, "rate-limit-error", "slow down", {"Retry-After": "1"})
        response: web.StreamResponse = await handler(request)
        return response

    async def _list_webhooks(self, _: web.Request) -> web.Response:
        return web.json_response(self.webhooks)

    async def _create_webhook(self, request: web.Request) -> web.Response:
        given = await request.json()
        if not self.answers_pings:
            return error(400, "invalid-request-error", f"webhook url did not return 200; hmac was {given.get('hmac')}")
        made = {"uuid": f"hook-{len(self.webhooks) + 1}", "state": "ACTIVE", "failedCount": 0, **UNKNOWN}
        self.webhooks.append(made | {"retryType": "circuit-breaker"} | given)
        return web.json_response(self.webhooks[-1])

    async def _update_webhook(self, request: web.Request) -> web.Response:
        found = self._find(request.match_info["uuid"])
        if found is None:
            return error(404, "not-found", "no such webhook")
        if not self.answers_pings:
            return error(400, "invalid-request-error", "webhook url did not return 200")
        found |= {**await request.json(), "state": "ACTIVE", "failedCount": 0}
        return web.json_response(found)

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        found = self._find(request.match_info["uuid"])
        if found is None:
            return error(404, "not-found", "no such webhook")
        self.webhooks.remove(found)
        return web.Response(status=200)

    def _find(self, uuid: str) -> dict[str, Any] | None:
        return next((each for each in self.webhooks if each["uuid"] == uuid), None)

    async def _list_jobs(self, request: web.Request) -> web.Response:
        limit, after = int(request.query.get("limit", 100)), request.query.get("starting_after")
        ids = [each["id"] for each in self.jobs]
        if after is not None and after not in ids:
            return error(400, "invalid-request-error", f"no such job: {after}")
        first = 0 if after is None else ids.index(after) + 1
        page = self.jobs[first : first + min(limit, 100)]
        listed = [{name: each.get(name) for name in ("id", "preset", "status")} | UNKNOWN for each in page]
        return web.json_response({"total_count": len(self.jobs), "data": listed, **UNKNOWN})

    async def _get_job(self, request: web.Request) -> web.Response:
        found = next((each for each in self.jobs if each["id"] == request.match_info["id"]), None)
        if found is None or found.get("deleted"):
            return error(404, "not-found", "no such job")
        return web.json_response(found | UNKNOWN)


def error(status: int, kind: str, info: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error as Daily words them."""
    return web.json_response({"error": kind, "info": info}, status=status, headers=headers)


@contextmanager
def serving(**given: Any) -> Iterator[DailyStub]:
    """Run a server for the length of the block."""
    stub, loop = DailyStub(**given), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = TestServer(stub.application(), host="127.0.0.1")
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result()
    stub.url = str(server.make_url("/v1"))
    try:
        yield stub
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
