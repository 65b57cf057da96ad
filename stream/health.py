"""A worker's health: what it says of itself every few seconds, and what the broker says.

Law: looking changes nothing and waits for nothing; a broker that does not answer delays no record.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from time import monotonic

import structlog
from confluent_kafka import KafkaException
from faust.types import TP

from stream.clients import librdkafka
from stream.domain.health import STANDSTILL_SECONDS, Fault, Vitals, Watch
from stream.pipeline import Pipeline
from stream.probe import Probe

LOOK_SECONDS = 5.0
MOST_FAULTS_TOLD = 3
"""Of a rules file; the log has all of them."""

log = structlog.get_logger(__name__)


class Health:
    """Looks after one worker."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.faults: list[Fault] = []
        self.ends: dict[TP, int] = {}
        self._watch = Watch()
        self._probe = Probe(librdkafka(pipeline.settings))
        self._answered_at = monotonic()
        self._asking: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Look once, and log what was not wrong before, or is not any more."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask([*self.pipeline.positions()]))
        before = {fault.name for fault in self.faults}
        self.faults = self._watch.look(self._vitals())
        for fault in self.faults:
            if fault.name not in before:
                log.error("unwell", fault=fault.name, detail=fault.detail)
        for name in before - {fault.name for fault in self.faults}:
            log.info("well_again", fault=name)

    async def _ask(self, places: Collection[TP]) -> None:
        with suppress(KafkaException):  # that nothing was answered shows in the time of the last answer
            self.ends = await asyncio.to_thread(self._probe.ends, places)
            self._answered_at = monotonic()

    def _vitals(self) -> Vitals:
        pipeline, meters = self.pipeline, self.pipeline.counting.meters
        readers = pipeline.readers()
        return Vitals(
            monotonic(),
            pipeline.is_ready(),
            self._answered_at,
            {_name(place): end for place, end in self.ends.items()},
            {_name(place): position for place, position in pipeline.positions().items()},
            {reader.topic: reader.waiting for reader in readers},
            {reader.topic: reader.finished for reader in readers},
            {f"partition {each}": pipeline.deciding.clock_ms(each) for each in pipeline.deciding.owned},
            self._clock_stands_seconds(),
            meters["read"],
            sum(meters.under("rejected:").values()),
            "; ".join(map(str, pipeline.reloading.refused[:MOST_FAULTS_TOLD])),
        )

    def _clock_stands_seconds(self) -> float:
        settings = self.pipeline.settings
        return (settings.idle_after + settings.pane + settings.allowed_lateness) / 1000 + STANDSTILL_SECONDS


def _name(place: TP) -> str:
    return f"{place.topic}[{place.partition}]"
