"""A server that takes, refuses or loses what it is sent, and knows all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Received:
    """A request, and what was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass(slots=True)
class Receiver:
    """What came; `answers` are the statuses to give, then 200 for ever, and a status of 0 hangs."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    got: list[Received] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def taken(self) -> list[Received]:
        """What was answered with 200."""
        return [each for each in self.got if each.status == 200]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        status = self.answers.pop(0) if self.answers else 200
        async with self._changed:
            self.got.append(Received(request.path, dict(request.headers), await request.read(), status))
            self._changed.notify_all()
        if status == 0:
            await asyncio.Event().wait()
        return web.Response(status=status, text="said so", headers=self.headers)

    async def until(self, is_so: Callable[["Receiver"], object]) -> None:
        """Wait until something is so of what came."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: bool(is_so(self)))


@asynccontextmanager
async def receiving(*answers: int, port: int = 0) -> AsyncIterator[Receiver]:
    """Give a receiver for the length of the block."""
    receiver = Receiver(answers=list(answers))
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        receiver.url = "http://{}:{}".format(*runner.addresses[0])
        yield receiver
    finally:
        await runner.cleanup()
