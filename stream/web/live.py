"""Telling listeners of changes as they happen, by server-sent events.

Law: a listener is told everything once and then what changed, within a second of it; and at least every two seconds
something, so that silence means that the connection is gone. It never keeps a worker from stopping.
"""

import asyncio
import json
from time import monotonic, time
from typing import Any

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from stream.web.answers import Answer, Sent
from stream.web.overview import Overviews
from stream.web.problems import ProblemError, unavailable

LOOK_SECONDS = 0.5
BEAT_SECONDS = 2.0
SHARE_OF_TIME = 0.1
"""Looking takes no more than this share of a worker's time, however many presets there are."""

SEND_SECONDS = 20.0
RETRY_MS = 1_000
MOST_LISTENERS = 200


class Live:
    """All listeners of a worker."""

    def __init__(self, overviews: Overviews, most: int = MOST_LISTENERS) -> None:
        self._overviews, self._most = overviews, most
        self._listeners = 0
        self._closing = asyncio.Event()

    async def close(self, _: web.Application) -> None:
        """Let every listener go."""
        self._closing.set()

    async def listen(self, request: web.Request, window_ms: int) -> web.StreamResponse:
        """Tell one listener for as long as it listens."""
        if self._listeners >= self._most:
            raise unavailable(f"{self._most} listen already: ask /api/overview, or another worker.")
        self._listeners += 1
        try:
            async with sse_response(request, send_timeout=SEND_SECONDS) as response:
                await self._tell_until_gone(response, window_ms)
        except (ConnectionResetError, TimeoutError):
            pass
        finally:
            self._listeners -= 1
        return response

    async def _tell_until_gone(self, response: EventSourceResponse, window_ms: int) -> None:
        sent, told, told_at = Sent(), "", 0.0
        while not self._closing.is_set():
            begun = monotonic()
            event, message = await self._look(sent, window_ms)
            if message or event != told or begun - told_at >= BEAT_SECONDS:
                await _send(response, event, message)
                told, told_at = event, begun
            await self._wait(max(LOOK_SECONDS, (monotonic() - begun) / SHARE_OF_TIME))

    async def _look(self, sent: Sent, window_ms: int) -> tuple[str, Answer]:
        try:
            return "overview", sent.changes(await self._overviews.everything(window_ms))
        except ProblemError as problem:
            return "problem", {"status": problem.status, "detail": problem.detail}

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return


async def _send(response: EventSourceResponse, event: str, message: Answer) -> None:
    told: dict[str, Any] = {"at_ms": int(time() * 1000), **message}
    await response.send(json.dumps(told, ensure_ascii=False, separators=(",", ":")), event=event, retry=RETRY_MS)
