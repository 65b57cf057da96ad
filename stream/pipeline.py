"""The path of an event through a worker, in the order an event meets it.

    events topic -> tally -> tallies topic -> rate -> alerts topic

Law: nothing is decided here. Agents hand chunks to the stages; whatever an agent raises is a bug or a broken broker,
and stops the worker rather than skip a record.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from faust.types import TP, StreamT

from stream.app import build_app
from stream.counting_stage import CountingStage
from stream.deciding_stage import DecidingStage
from stream.domain.causes import Causes
from stream.domain.rules import RuleSet
from stream.outbox import Outbox
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings
from stream.tables import StateTable, declare_tables
from stream.transport import Chunk, ChunkedConsumer

Take = Callable[[Chunk], Awaitable[int | None]]

IDLE_CHECK_SECONDS = 0.5


class Pipeline:
    """A worker's agents, and the state of the partitions it owns."""

    def __init__(self, settings: Settings, rules: RuleSet, partitions: int) -> None:
        causes = Causes(rules.reasons)
        self.settings, self.rules, self.partitions = settings, rules, partitions
        self.app = build_app(settings, partitions, self.resume)
        self.tables: Mapping[str, StateTable] = declare_tables(self.app, partitions)
        outbox = Outbox(self.app)
        self.counting = CountingStage(settings, counting_policy(settings, rules), causes, partitions, outbox)
        self.deciding = DecidingStage(
            settings, deciding_policy(settings, rules, causes, partitions), partitions, outbox
        )
        self._has_resumed = False
        self._declare()

    def _declare(self) -> None:
        """Tell Faust what runs; this list is the map of the worker."""
        events = self._topic(self.settings.events_topic)
        tallies = self._topic(self.settings.tallies_topic)
        self.app.on_partitions_revoked.connect(self.suspend)
        self.app.on_partitions_assigned.connect(self.release)  # type: ignore[arg-type]  # a bound method is one
        self.app.agent(events, name="tally")(self.tally)
        self.app.timer(IDLE_CHECK_SECONDS, name="idle")(self.pass_idle_time)
        self.app.agent(tallies, name="rate")(self.rate)
        self.app.timer(IDLE_CHECK_SECONDS, name="save")(self.save)

    def _topic(self, name: str) -> Any:
        return self.app.topic(name, value_type=None, key_serializer="raw", value_serializer="raw", internal=True)

    async def suspend(self, *_: Any, **__: Any) -> None:
        """Finish what has begun and begin nothing more: partitions may be about to move."""
        await self.counting.owned.suspend()
        await self.deciding.owned.suspend()

    async def release(self, app: object, assigned: set[TP], *_: Any, **__: Any) -> None:
        """Forget every partition that went to another worker."""
        self.counting.owned.release({tp.partition for tp in assigned if tp.topic == self.settings.events_topic})
        self.deciding.owned.release({tp.partition for tp in assigned if tp.topic == self.settings.tallies_topic})

    async def resume(self, owned: set[TP]) -> dict[TP, int]:
        """Own partitions whose tables have been recovered; return the offset to read each from."""
        earliest = await self.app.consumer.earliest_offsets(*owned) if owned else {}
        ends = await self.app.consumer.highwaters(*owned) if owned else {}
        positions = {tp: self._resume(tp, earliest[tp] or 0, ends[tp] or 0) for tp in owned}
        self.counting.owned.resume()
        self.deciding.owned.resume()
        self._has_resumed = True
        return positions

    def is_ready(self) -> bool:
        """Tell whether the worker has joined and recovered everything it owns."""
        joined = self._has_resumed and not self.app.rebalancing and not self.app.in_recovery
        return joined and self.deciding.has_caught_up()

    def _resume(self, tp: TP, earliest: int, end: int) -> int:
        if tp.topic == self.settings.events_topic:
            return self.counting.resume(tp.partition, self.tables["journal"].take(tp.partition), earliest)
        rates, alerts = (self.tables[name].take(tp.partition) for name in ("rates", "alerts"))
        return max(earliest, self.deciding.resume(tp.partition, rates, alerts, end))

    async def tally(self, stream: StreamT[Any]) -> None:
        """Count chunks of source records."""
        async for chunk in stream:
            await self._or_stop(self._hand_on(chunk, self.settings.events_topic, self.counting.take))

    async def pass_idle_time(self) -> None:
        """Advance the watermarks of source partitions that are fully read and quiet."""
        now_ms = int(time.time() * 1000)
        for partition in list(self.counting.owned):
            tp = TP(self.settings.events_topic, partition)
            if self.counting.is_quiet(partition) and await self._consumer.has_read_all(tp):
                await self.counting.pass_idle_time(partition, now_ms)

    @property
    def _consumer(self) -> ChunkedConsumer:
        return cast("ChunkedConsumer", self.app.consumer)

    async def rate(self, stream: StreamT[Any]) -> None:
        """Merge chunks of tallies and decide what they have made due."""
        async for chunk in stream:
            await self._or_stop(self._hand_on(chunk, self.settings.tallies_topic, self.deciding.take))

    async def save(self) -> None:
        """Write what the deciding stage has not written yet."""
        for partition in list(self.deciding.owned):
            await self.deciding.save(partition)

    async def _hand_on(self, chunk: Chunk, topic: str, take: Take) -> None:
        read_again_from = await take(chunk)
        if read_again_from is not None:
            await self._consumer.seek_back(TP(topic, chunk.partition), read_again_from)

    async def _or_stop(self, work: Awaitable[None]) -> None:
        # Left to itself, Faust would log what an agent raises, lose the chunk and go on with the next.
        try:
            await work
        except Exception as error:
            await self.app.crash(error)
            raise
