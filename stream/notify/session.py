"""The time in which this process is the one that tells: one task for each channel.

Law: what was told is stored before it is noted, and noted before the log counts as done, so that a crash at any moment
repeats at most the message that was being sent. A channel waits for nobody but itself and the broker.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from stream.meters import Meters
from stream.notify.channels.outcome import Failed, Sender
from stream.notify.desk import Desk
from stream.notify.lane import Lane
from stream.notify.news import Buried, Delivery, Fate, Place, Receipt
from stream.notify.receipts import Record, write_dead_letter, write_receipt

LONGEST_SLEEP_SECONDS = 30.0
"""Clocks are set, so even what is due next week is looked at again."""
STOPS_WITHIN_SECONDS = 12.0
"""Longer than an HTTP channel waits for an answer: what is being sent is noted before others take over."""

log = structlog.get_logger(__name__)


class Book(Protocol):
    """Where receipts and dead letters are stored; both return once the broker has them."""

    async def store(self, *receipts: Record) -> None: ...  # noqa: D102

    async def bury(self, *letters: Record) -> None: ...  # noqa: D102


class Session:
    """Tells channels what a desk has for them."""

    def __init__(
        self, desk: Desk, senders: Mapping[str, Sender], book: Book, meters: Meters, clock: Callable[[], int]
    ) -> None:
        self.desk = desk
        self._senders = senders
        self._book = book
        self._meters = meters
        self._clock = clock
        self._is_stopping = False
        self._changes = {name: asyncio.Event() for name in desk.lanes}
        self._tasks: list[asyncio.Task[None]] = []
        self.last_failures: dict[str, str] = {}
        """Why the newest attempt of a channel failed, where it did."""

    def take_in(self, value: bytes | None, place: Place, timestamp: int) -> None:
        """Hand on a record of the alerts topic; a producer's clock that is ahead delays nothing."""
        now = self._clock()
        self.desk.take_in(value, place, min(timestamp, now), now)
        self._wake()

    def start(self) -> None:
        """Begin to tell, now that all that was there has been read."""
        self.desk.share(self._clock())
        self._tasks = [asyncio.create_task(self._serve(lane)) for lane in self.desk.lanes.values()]

    def check(self) -> None:
        """Raise what ended a channel's task, which only a bug does."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self) -> None:
        """Let what is being sent come to its end, and send no more."""
        self._is_stopping = True
        self._wake()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOPS_WITHIN_SECONDS)
            for task in late:
                task.cancel()

    def _wake(self) -> None:
        for change in self._changes.values():
            change.set()

    async def _serve(self, lane: Lane) -> None:
        while not self._is_stopping:
            if lane.buried:
                await self._bury(lane, tuple(lane.buried))
            elif delivery := lane.take(self._clock()):
                await self._deliver(lane, delivery)
            else:
                await self._sleep(lane)

    async def _sleep(self, lane: Lane) -> None:
        change, due_at = self._changes[lane.channel.name], lane.due_at()
        seconds = LONGEST_SLEEP_SECONDS if due_at is None else (due_at - self._clock()) / 1000
        with suppress(TimeoutError):
            await asyncio.wait_for(change.wait(), min(LONGEST_SLEEP_SECONDS, max(0.001, seconds)))
        change.clear()

    async def _deliver(self, lane: Lane, delivery: Delivery) -> None:
        name = lane.channel.name
        outcome = None if delivery.is_silent else await self._senders[name].send(delivery, self._clock())
        if isinstance(outcome, Failed):
            self._note_failure(lane, outcome)
            return
        self._meters[f"delivered:{name}"] += not delivery.is_silent
        self.last_failures.pop(name, None)
        receipts = lane.receipts_of(delivery, self._clock())
        await self._store(name, receipts)
        lane.delivered(receipts)

    def _note_failure(self, lane: Lane, failed: Failed) -> None:
        name = lane.channel.name
        lane.failed(failed.why, self._clock(), is_final=failed.is_final, wait_ms=failed.wait_ms)
        self._meters[f"failed:{name}"] += 1
        if self.last_failures.get(name) != failed.why:
            log.warning("channel_failed", channel=name, why=failed.why, is_final=failed.is_final)
        self.last_failures[name] = failed.why

    async def _bury(self, lane: Lane, buried: tuple[Buried, ...]) -> None:
        name = lane.channel.name
        await self._book.bury(*(write_dead_letter(name, each) for each in buried))
        receipts = [Receipt(each.item.event, self._clock(), Fate.UNDELIVERED) for each in buried]
        await self._store(name, receipts)
        lane.mourn(buried, receipts)
        self._meters[f"undelivered:{name}"] += len(buried)
        log.error("undelivered", channel=name, alerts=len(buried), why=buried[-1].why)

    async def _store(self, name: str, receipts: list[Receipt]) -> None:
        await self._book.store(*(write_receipt(name, receipt) for receipt in receipts))
