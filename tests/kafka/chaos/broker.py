"""A broker that can be restarted, frozen, and made to refuse writes."""

import asyncio
import os
import signal
from pathlib import Path

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from stream.clients import LARGEST_REQUEST
from stream.local.broker import EmbeddedBroker
from stream.local.loopback import free_port


class Broker:
    """An embedded broker, at one address whatever happens to it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port(21_000 + os.getpid() % 8_000)
        self._broker = EmbeddedBroker(folder, self._port)

    @property
    def bootstrap(self) -> str:
        return self._broker.bootstrap

    async def start(self) -> None:
        self._broker = await asyncio.to_thread(EmbeddedBroker(self._folder, self._port).__enter__)
        assert self.bootstrap.endswith(f":{self._port}"), self.bootstrap

    async def stop(self) -> None:
        await asyncio.to_thread(self._broker.__exit__)

    async def kill(self) -> None:
        """End it at once, with nothing written that was not written yet."""
        os.killpg(self._broker._supervisor.pid, signal.SIGKILL)
        await self.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def freeze(self, seconds: float) -> None:
        group = self._broker._supervisor.pid
        os.killpg(group, signal.SIGSTOP)
        await asyncio.sleep(seconds)  # how long it stands still is the point
        os.killpg(group, signal.SIGCONT)

    async def refuse_writes(self, topics: list[str], seconds: float) -> None:
        """Take no record of any size for a while; asking for more replicas than there can be would change nothing."""
        await asyncio.to_thread(self._take_at_most, topics, 1)
        await asyncio.sleep(seconds)  # how long it refuses is the point
        await asyncio.to_thread(self._take_at_most, topics, LARGEST_REQUEST)

    def _take_at_most(self, topics: list[str], largest: int) -> None:
        limit_records(self.bootstrap, topics, largest)


def limit_records(bootstrap: str, topics: list[str], largest: int) -> None:
    """Have the broker refuse larger records, in bytes."""
    entry = ConfigEntry("max.message.bytes", str(largest), incremental_operation=AlterConfigOpType.SET)
    resources = [ConfigResource("topic", topic, incremental_configs=[entry]) for topic in topics]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for answer in admin.incremental_alter_configs(resources).values():
        answer.result(timeout=60)
