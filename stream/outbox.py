"""Sending with the broker's word for it.

Law: when `send` returns, every message has been acknowledged by all in-sync replicas; when it raises, none may be
assumed to be, and the worker stops rather than go on.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka.errors import MessageSizeTooLargeError
from faust.types import AppT

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Out:
    """One message to send; without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None


class Acknowledged(NamedTuple):
    """Where a message lies in the log."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """The worker's producer."""

    app: AppT

    async def send(self, messages: Iterable[Out]) -> list[Acknowledged]:
        """Send messages in order and wait until all of them are acknowledged; say where each one lies."""
        producer = await self.app.maybe_start_producer()
        acknowledgements = [
            await producer.send(out.topic, out.key, out.value, out.partition, None, out.headers) for out in messages
        ]
        return [Acknowledged(ack.topic, ack.partition, ack.offset) for ack in await asyncio.gather(*acknowledgements)]

    async def send_or_cut(self, messages: Iterable[Out], cut: Callable[[Out], Out]) -> None:
        """Send messages as `send` does; one that is larger than its topic takes is cut first."""
        held = list(messages)
        try:
            await self.send(held)
        except MessageSizeTooLargeError:
            # Some may be there already, or have been refused for the company they were in.
            for out in held:
                await self._send_or_cut(out, cut)

    async def _send_or_cut(self, out: Out, cut: Callable[[Out], Out]) -> None:
        try:
            await self.send([out])
        except MessageSizeTooLargeError:
            await self.send([cut(out)])
