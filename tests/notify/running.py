"""A session that really sends, with its receipts and dead letters in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from schemas.alert import AlertEvent
from stream.meters import Meters
from stream.notify.channels.outcome import Sender
from stream.notify.desk import Desk
from stream.notify.news import Place
from stream.notify.plan import Plan
from stream.notify.receipts import Record, read_receipts
from stream.notify.senders import senders_of
from stream.notify.service import wall_clock_ms
from stream.notify.session import Session

PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Shelf:
    """A book in memory; it outlives sessions as topics do."""

    receipts: list[Record] = field(default_factory=list)
    letters: list[Record] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def store(self, *receipts: Record) -> None:
        """Keep receipts."""
        await self._keep(self.receipts, receipts)

    async def bury(self, *letters: Record) -> None:
        """Keep dead letters."""
        await self._keep(self.letters, letters)

    async def _keep(self, shelf: list[Record], records: tuple[Record, ...]) -> None:
        async with self.changed:
            shelf += records
            self.changed.notify_all()

    async def until(self, is_so: Callable[["Shelf"], object]) -> None:
        """Wait until something is so of what is kept."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.changed:
            await self.changed.wait_for(lambda: bool(is_so(self)))


@dataclass(slots=True)
class Running:
    """A session and the log it reads."""

    session: Session
    offset: int = 0

    def add(self, *events: AlertEvent) -> None:
        """Let events arrive."""
        for event in events:
            self.session.take_in(event.to_json(), Place(0, self.offset), wall_clock_ms())
            self.offset += 1


@asynccontextmanager
async def running(
    plan: Plan, shelf: Shelf, senders: dict[str, Sender] | None = None, clock: Callable[[], int] = wall_clock_ms
) -> AsyncIterator[Running]:
    """Tell for the length of the block, beginning with what the shelf knows."""
    senders = senders or senders_of(plan)
    desk = Desk(plan, read_receipts(record.value for record in shelf.receipts))
    session = Session(desk, senders, shelf, Meters(), clock)
    session.start()
    try:
        yield Running(session)
    finally:
        await session.stop()
        session.check()
        await asyncio.gather(*(sender.close() for sender in senders.values()))
