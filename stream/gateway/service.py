"""A gateway process, from its settings to its end.

Law: whatever it has accepted when it is told to stop is finished first, within the time that whoever supervises it
commonly waits.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus

import structlog
import uvloop
from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from stream.gateway.door import Door, Handler, Routes
from stream.gateway.metrics import Gateway, answering, register
from stream.gateway.openapi import WEBHOOKS_PATH, openapi
from stream.gateway.outgoing import ANSWER_SECONDS, Outgoing
from stream.gateway.receiver import Clock, Receiver, wall_clock
from stream.gateway.upstream import Upstream
from stream.gateway.verification import Verifier, read_keys
from stream.settings import PREFIX, Settings
from stream.web.metrics import VERSION
from stream.web.problems import problem_response

FINISH_SECONDS = ANSWER_SECONDS + 1
DRAIN_SECONDS = 5.0
BACKLOG = 1_024
"""Connections that the kernel keeps for us while we are busy."""

log = structlog.get_logger(__name__)


class Unverifiable(Exception):
    """The settings cannot tell Daily from anyone else; the message says why, and what to do."""


def verifier_of(settings: Settings) -> Verifier:
    """Return what verifies webhooks under these settings; raises `Unverifiable`."""
    secrets, credentials = settings.webhook_hmac, settings.webhook_basic_auth
    if not (secrets or credentials):
        raise Unverifiable(
            f"Set {PREFIX}WEBHOOK_HMAC to the webhook's `hmac`, base64: without it anyone could send events. "
            "`openssl rand -base64 32` makes one to give to Daily."
        )
    try:
        keys = read_keys(secrets.get_secret_value()) if secrets else ()
    except ValueError as error:
        raise Unverifiable(
            f"{PREFIX}WEBHOOK_HMAC: {error}: give the `hmac` just as Daily has it, several with commas between."
        ) from None
    return Verifier(keys, credentials.get_secret_value() if credentials else None, settings.webhook_tolerance)


def run(settings: Settings, on_listening: Callable[[], None]) -> None:
    """Run a gateway until it is told to stop; raises `Unverifiable`, and `OSError` when it cannot listen."""
    verifier = verifier_of(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, verifier, on_listening))


async def _serve(settings: Settings, verifier: Verifier, on_listening: Callable[[], None]) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_stop.set)
    async with AsyncExitStack() as stack:
        service = Service(settings, verifier)
        stack.push_async_callback(service.stop)
        await service.start(settings.gateway_host, settings.gateway_port)
        on_listening()
        await told_to_stop.wait()


class Service:
    """All parts of a gateway, in the running event loop."""

    def __init__(self, settings: Settings, verifier: Verifier, clock: Clock = wall_clock) -> None:
        registry = CollectorRegistry()
        self.outgoing = Outgoing(settings)
        self.upstream = Upstream(settings)
        self.receiver = Receiver(verifier, self.outgoing, answering(registry), clock)
        self.door = Door(self._routes())
        self._registry = registry
        self._runner = web.ServerRunner(self.door)
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        register(registry, Gateway(self.door, self.outgoing, self.upstream, self.receiver.meters))

    def _routes(self) -> Routes:
        return {
            WEBHOOKS_PATH: {"POST": self.receiver.receive},
            "/healthz": _readable(self._healthz),
            "/readyz": _readable(self._readyz),
            "/metrics": _readable(self._metrics),
            "/openapi.json": _readable(self._openapi),
        }

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `OSError`."""
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, host, port, backlog=BACKLOG)
        await self._site.start()
        self._tasks = [asyncio.create_task(each) for each in (self.upstream.watch(), self.door.close_overdue())]

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._site.port

    async def stop(self) -> None:
        """Take in nothing new, finish what was accepted, and close."""
        self._is_stopping = True
        for site in list(self._runner.sites):
            with suppress(RuntimeError):
                await site.stop()
        await self.door.finish(FINISH_SECONDS)
        await self._runner.cleanup()
        await self.outgoing.drain(DRAIN_SECONDS)
        self.outgoing.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _healthz(self, _: web.BaseRequest) -> web.Response:
        fault = self.upstream.fault
        faults = [{"name": "broker", "detail": fault}] if fault else []
        return web.json_response({"status": "degraded" if faults else "ok", "faults": faults})

    async def _readyz(self, _: web.BaseRequest) -> web.Response:
        why_not = "This gateway is stopping." if self._is_stopping else self.upstream.fault
        if why_not:
            return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, why_not)
        return web.json_response({"ready": True})

    async def _metrics(self, _: web.BaseRequest) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _openapi(self, _: web.BaseRequest) -> web.Response:
        return web.json_response(openapi(VERSION))


def _readable(handler: Handler) -> dict[str, Handler]:
    return {"GET": handler, "HEAD": handler}
