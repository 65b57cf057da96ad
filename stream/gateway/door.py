"""The gateway's HTTP server: which path has which handler, and for how long and how many may stand in the door.

Law: a connection that does not come to the end of its request in time is closed, and what a connection may make us hold
is bounded. When there are too many, the one that has been idle for longest makes room, or else everyone could keep
Daily out by doing nothing; where none is idle the newest is turned away with 503.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from stream.web.problems import problem_response

Handler = Callable[[web.BaseRequest], Awaitable[web.Response]]
Routes = Mapping[str, Mapping[str, Handler]]
"""Handlers by path and method."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is borne from those outside."""

    connections: int = 800
    """Below the 1,024 files that a process may commonly have open."""
    request_seconds: float = 20.0
    """From the first byte of a request, or the start of a connection, to its answer."""
    idle_seconds: float = 650.0
    """Longer than load balancers keep a connection, because who closes first makes the other's next request fail."""
    look_seconds: float = 2.0
    """How often connections are looked over."""


_TURNED_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_READING: dict[str, Any] = {
    "lingering_time": 2.0,
    "max_line_size": 4_096,
    "max_field_size": 8_190,
    "max_headers": 64,
    "read_bufsize": 2**15,
    "auto_decompress": False,
    "access_log": None,
}


class Connection(web.RequestHandler):
    """A connection that knows since when it has owed us the rest of a request."""

    def __init__(self, door: "Door", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(door, loop=loop, keepalive_timeout=door.limits.idle_seconds, **_READING)
        self._door = door
        self.owing_since: float | None = loop.time()
        self.idle_since: float | None = None
        """Since when there has been nothing to answer, and nothing half said."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or turn it away."""
        if len(self._door.connections) < self._door.limits.connections or self._door.make_room():
            super().connection_made(transport)
            return
        self._door.turned_away += 1
        cast("asyncio.Transport", transport).write(_TURNED_AWAY)
        transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in some bytes."""
        self.owe()
        super().data_received(data)

    def owe(self) -> None:
        """Take note that a request has begun."""
        self.idle_since = None
        if self.owing_since is None:
            self.owing_since = self._loop.time()

    def leave(self) -> None:
        """Close in good order, which is to say now, as nothing is left to be said."""
        self.idle_since = None
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.close()

    def cut_off(self) -> None:
        """Close at once: a close in good order would wait until what is written has been read."""
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    async def finish_response(self, *args: Any, **kw: Any) -> tuple[web.StreamResponse, bool]:
        """Send an answer; whoever does not read it is overdue as well."""
        sent = await super().finish_response(*args, **kw)
        self.owing_since = None
        self.idle_since = None if self._messages else self._loop.time()  # else more has come already, pipelined
        return sent

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a defect; that someone does not speak HTTP is only counted, since anyone may do so all the time."""
        if isinstance(kw.get("exc_info"), HttpProcessingError):
            self._door.malformed += 1
        else:
            super().log_exception(*args, **kw)


class Door(web.Server):
    """Serves some routes."""

    def __init__(self, routes: Routes, limits: Limits | None = None) -> None:
        super().__init__(self._serve)
        self._routes = routes
        self.limits = limits or Limits()
        self._busy = 0
        self._is_closing = False
        self._idle = asyncio.Event()
        self.turned_away = 0
        self.made_room = 0
        self.malformed = 0

    def __call__(self) -> Connection:
        """Return what is to become of a new connection."""
        return Connection(self, asyncio.get_running_loop())

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        self._busy += 1
        self._idle.clear()
        assert isinstance(request.protocol, Connection)
        request.protocol.owe()
        try:
            response = await self._answer(request)
        finally:
            self._busy -= 1
            self._note_idle()
        if self._is_closing:
            response.force_close()
        return response

    def _note_idle(self) -> None:
        if not self._busy:
            self._idle.set()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        methods = self._routes.get(request.path)
        if methods is None:
            return problem_response(
                HTTPStatus.NOT_FOUND, f"Nothing is served here; there is {', '.join(self._routes)}."
            )
        handler = methods.get(request.method)
        if handler is not None:
            return await handler(request)
        allowed = ", ".join(methods)
        response = problem_response(HTTPStatus.METHOD_NOT_ALLOWED, f"This path takes {allowed} only.")
        response.headers["Allow"] = allowed
        return response

    def make_room(self) -> bool:
        """Close the connection that has been idle for longest; tell whether there was one."""
        idle = [each for each in self.connections if isinstance(each, Connection) and each.idle_since is not None]
        if not idle:
            return False
        min(idle, key=lambda each: each.idle_since or 0.0).leave()
        self.made_room += 1
        return True

    async def close_overdue(self) -> None:
        """Close what owes us the rest of a request for too long, now and for ever."""
        while True:
            await asyncio.sleep(self.limits.look_seconds)
            longest_ago = asyncio.get_running_loop().time() - self.limits.request_seconds
            for connection in self.connections:
                assert isinstance(connection, Connection)
                if connection.owing_since is not None and connection.owing_since < longest_ago:
                    connection.cut_off()

    async def finish(self, seconds: float) -> None:
        """Answer what is being answered, for no longer than so; whoever sends more is asked to come elsewhere."""
        self._is_closing = True
        self._note_idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
