"""The demo's performance: traffic at its speed, alerts as they come, and the wait until the worker has caught up.

Law: it ends when the alerts topic holds exactly what was expected, or says how it differs when that takes too long; a
worker or broker that dies ends it at once.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.alert import AlertEvent
from stream.cli.alert_log import AlertLog, Told, read_alerts
from stream.cli.output import wrong
from stream.cli.post import Poster, posting
from stream.cli.show import Show
from stream.cli.verdict import differences
from stream.local.traffic import Delivery
from stream.settings import Settings

CATCHES_UP_WITHIN_SECONDS = 30.0
LOOK_SECONDS = 0.5
WORTH_SLEEPING_SECONDS = 0.01


@dataclass(slots=True)
class Performance:
    """One run of a demo."""

    settings: Settings
    deliveries: Iterable[Delivery]
    speed: float
    expected: Mapping[str, bytes]
    """The bodies of all alert events to come, by id."""
    show: Show
    checks: Sequence[Callable[[], None]]
    """Each ends the command if something we depend on has died."""
    told: dict[str, Told] = field(default_factory=dict)
    sent: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self) -> None:
        """Play to the end; raises `KafkaError`."""
        with self.show.bar:
            await first_to_end(self._send_all(), self._watch(), self._guard())

    @property
    def events(self) -> list[AlertEvent]:
        """What was told, in the order it came."""
        return [told.event for told in self.told.values()]

    async def _send_all(self) -> None:
        async with posting(self.settings) as poster:
            await self._send(poster)
            await poster.settle()
            self.sent = poster.acknowledged
        await self._catch_up()

    async def _send(self, poster: Poster) -> None:
        clock = asyncio.get_running_loop().time
        began_at, first_ms = clock(), self.show.starts_at_ms
        for delivery in self.deliveries:
            due_at = began_at + (delivery.arrives_at_ms - first_ms) / 1000 / self.speed
            if due_at - clock() > WORTH_SLEEPING_SECONDS:
                await asyncio.sleep(due_at - clock())
            self.show.pass_time(delivery.arrives_at_ms)
            await poster.put(delivery)

    async def _catch_up(self) -> None:
        try:
            async with asyncio.timeout(CATCHES_UP_WITHIN_SECONDS):
                while self.expected != {name: told.body for name, told in self.told.items()}:
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            how = differences(self.expected, self.told)
            raise wrong(f"After {CATCHES_UP_WITHIN_SECONDS:g} s the alerts are not those of a replay: {how}.") from None

    async def _watch(self) -> None:
        async for told in read_alerts(self.settings, AlertLog(), follow=True):
            self.told |= {one.event.id: one for one in told}
            self.show.tell(told)
            self._news.set()

    async def _guard(self) -> None:
        while True:
            for check in self.checks:
                check()
            await asyncio.sleep(LOOK_SECONDS)


async def first_to_end(*work: Coroutine[Any, Any, None]) -> None:
    """Run several things until one of them ends, cancel the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
