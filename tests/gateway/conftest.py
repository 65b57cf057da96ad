"""A gateway's door on a thread of its own, in front of a store that keeps what it is given."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from stream.gateway.door import Door, Limits
from stream.gateway.metrics import answering
from stream.gateway.openapi import WEBHOOKS_PATH
from stream.gateway.outcomes import Outcome
from stream.gateway.outgoing import Headers
from stream.gateway.receiver import Receiver
from stream.gateway.verification import Verifier, read_keys
from tests.gateway.threads import on_a_thread
from tests.webhooks import SECRET

LIMITS = Limits(connections=40, request_seconds=1.0, idle_seconds=30.0, look_seconds=0.1, grace_seconds=0.3)


@dataclass
class Kept:
    """A store that answers at once, unless it is full or told to let webhooks wait."""

    bodies: list[bytes] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)
    room: int = 10**9
    asked: int = 0
    is_defect: bool = False
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def has_room(self, size: int = 0) -> bool:
        return size < self.room

    async def send(self, key: bytes | None, value: bytes, at_ms: int, headers: Headers = ()) -> Outcome:
        self.asked += 1
        assert not self.is_defect
        await self.may_answer.wait()
        self.bodies.append(value)
        self.headers.append(headers)
        return Outcome.STORED


@dataclass
class Served:
    """A door that is open."""

    port: int
    door: Door
    receiver: Receiver
    store: Kept
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def do(self, what: Callable[[], None]) -> None:
        """Do something in the server's thread."""
        self.loop.call_soon_threadsafe(what)


@contextmanager
def served(verifier: Verifier | None = None, limits: Limits = LIMITS) -> Iterator[Served]:
    with on_a_thread(lambda: _open(verifier or Verifier(read_keys(SECRET)), limits)) as one:
        yield one


@asynccontextmanager
async def _open(verifier: Verifier, limits: Limits) -> AsyncIterator[Served]:
    store = Kept()
    store.may_answer.set()
    receiver = Receiver(verifier, store, answering(CollectorRegistry()))
    door = Door({WEBHOOKS_PATH: {"POST": receiver.receive}}, limits)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(door, "127.0.0.1", 0)
    looking = asyncio.create_task(door.close_overdue())
    try:
        yield Served(server.sockets[0].getsockname()[1], door, receiver, store, loop)
    finally:
        server.close()
        looking.cancel()
        await door.shutdown(1)


@pytest.fixture
def gateway() -> Iterator[Served]:
    with served() as one:
        yield one
