"""Traffic that runs on whatever happens, with duplicates that come at once and duplicates that come much later."""

import asyncio
from random import Random
from zlib import crc32

from confluent_kafka import Producer

from stream.local.traffic import generate
from stream.settings import Settings

LATER_SHARE = 0.03


class Traffic:
    """A demo's deliveries, spread over a span of real time, onto a topic."""

    def __init__(self, settings: Settings, seed: int, minutes: int, seconds: float) -> None:
        self._topic, self._chance = settings.events_topic, Random(seed)
        self._deliveries = list(generate(seed, minutes))
        self.seconds_left = seconds
        """For so long there is to be traffic still."""
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": 600_000,
                "log_level": 0,
            }
        )
        self.hurry = False

    async def run(self) -> None:
        """Send everything; returns when all of it has been acknowledged."""
        for place in range(len(self._deliveries)):
            self._send(place)
            if self._chance.random() < LATER_SHARE:
                self._send(self._chance.randrange(place + 1))
            if not self.hurry:
                # Paces the traffic; nothing is waited for.
                await asyncio.sleep(self.seconds_left / (len(self._deliveries) - place))
            self._producer.poll(0)
        left = 1
        while left:
            left = await asyncio.to_thread(self._producer.flush, 5)

    def _send(self, place: int) -> None:
        delivery = self._deliveries[place]
        key, at_ms = _key_given(delivery.key), delivery.arrives_at_ms
        self._producer.produce(self._topic, delivery.value, key, timestamp=at_ms)


def _key_given(key: bytes | None) -> bytes | None:
    """Return the wrong key for one in four jobs, the same for all records of a job: their order is part of the log."""
    if key is None or crc32(key) % 4:
        return key
    return b"wrong-%d" % (crc32(key) % 1000)
