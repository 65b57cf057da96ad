"""The gateway's HTTP server: which path has which handler, and for how long and how many may stand in the door.

Law: a connection that does not come to the end of its request in time is closed, and what a connection may make us hold
is bounded. When there are too many, the one that has been idle for longest makes room, or else the one that has owed us
its request for longest: else everyone could keep Daily out by doing nothing. Where all are being answered, or have only
just come, the newest is turned away with 503.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from operator import itemgetter
from typing import Any, cast

from aiohttp import StreamReader, web
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
    grace_seconds: float = 1.0
    """Who has owed us a request for less makes no room for others: most need some milliseconds."""
    head_bytes: int = 32_768
    """Of a request line and its headers, several times what Daily and proxies send."""
    look_seconds: float = 2.0
    """How often connections are looked over."""


_TURNED_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_PIECE_BYTES = 32_768
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
        self._head_bytes = 0
        """How many bytes have come of a request whose headers have not come whole."""
        self._body: StreamReader | None = None
        """Of the newest request, which may still be coming."""

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
        # What ends one request may begin the next: of that no more than a piece goes uncounted.
        for start in range(0, len(data) or 1, _PIECE_BYTES):
            self._take(data[start : start + _PIECE_BYTES])

    def _take(self, piece: bytes) -> None:
        is_head, requests = self._is_in_head(), self._request_count
        super().data_received(piece)
        if self._request_count > requests:
            self._head_bytes, self._body = 0, self._messages[-1][1]
        elif is_head:
            self._head_bytes += len(piece)
            if self._head_bytes > self._door.limits.head_bytes:
                self._refuse_head()

    def _is_in_head(self) -> bool:
        is_read = not (self._close or self._force_close or self._buffer_paused)
        return is_read and (self._body is None or self._body.is_eof())

    def _refuse_head(self) -> None:
        self._door.malformed += 1
        if self.transport is not None and not self._request_in_progress:
            self.transport.write(_TOO_LONG)
        self.leave()

    def owe(self) -> None:
        """Take note that a request has begun."""
        self.idle_since = None
        if self.owing_since is None:
            self.owing_since = self._loop.time()

    @property
    def is_owing(self) -> bool:
        """Whether we wait for more of a request, or for its sender to read the answer."""
        if self.owing_since is None or self.writing_paused:
            return self.owing_since is not None
        request = self._current_request
        return not self._messages and (request is None or not request.content.is_eof())

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
        args[1].headers["Server"] = "presetwatch"  # else it tells the versions of Python and aiohttp
        sent = await super().finish_response(*args, **kw)
        self.owing_since = None
        self.idle_since = None if self._messages else self._loop.time()  # else more has come already, pipelined
        return sent

    def handle_error(self, *args: Any, **kw: Any) -> web.StreamResponse:
        """Answer what is not HTTP, or a defect."""
        self._door.malformed += any(isinstance(each, HttpProcessingError) for each in (*args, *kw.values()))
        return super().handle_error(*args, **kw)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a defect; that someone does not speak HTTP is only counted, since anyone may do so all the time."""
        if not isinstance(kw.get("exc_info"), HttpProcessingError):
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
        if _head_bytes(request) > self.limits.head_bytes:
            self.malformed += 1
            response = problem_response(HTTPStatus.BAD_REQUEST, "The headers are larger than is read.")
            response.force_close()
            return response
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
        """Close the connection that has been idle or owing for longest; tell whether there was one."""
        connections = [each for each in self.connections if isinstance(each, Connection)]
        idle = [(each.idle_since, each) for each in connections if each.idle_since is not None]
        if idle:
            _first(idle).leave()
        elif owing := self._owing(connections):
            _first(owing).cut_off()
        else:
            return False
        self.made_room += 1
        return True

    def _owing(self, connections: Iterable[Connection]) -> list[tuple[float, Connection]]:
        """Return who has had time to send a request and has not, and since when."""
        longest_ago = asyncio.get_running_loop().time() - self.limits.grace_seconds
        owing = [(each.owing_since, each) for each in connections if each.owing_since is not None and each.is_owing]
        return [(since, each) for since, each in owing if since < longest_ago]

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
        for connection in self.connections:
            assert isinstance(connection, Connection)
            if connection.is_owing:
                connection.cut_off()


def _head_bytes(request: web.BaseRequest) -> int:
    return len(request.raw_path) + sum(len(name) + len(value) for name, value in request.raw_headers)


def _first(connections: Iterable[tuple[float, Connection]]) -> Connection:
    return min(connections, key=itemgetter(0))[1]
