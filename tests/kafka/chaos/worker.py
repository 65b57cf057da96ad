"""A worker like any other, but for the moments at which it can be hit: `python -m tests.kafka.chaos.worker FILE`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faust.types import TP

from stream.domain import rows
from stream.outbox import Acknowledged, Out, Outbox
from stream.pipeline import Pipeline
from stream.settings import Settings
from stream.tables import CLAIM_PREFIX
from stream.topics import changelog_of
from stream.transport import ChunkedConsumer
from tests.kafka.altered import run_altered
from tests.kafka.chaos.moments import reach


@dataclass(frozen=True)
class Watched(Outbox):
    """An outbox that says what it is about to send, and what it has sent."""

    settings: Settings
    file: Path

    async def send(self, messages: Iterable[Out]) -> list[Acknowledged]:
        held = list(messages)
        what = self._name(held[0]) if held else ""
        reach(self.file, f"before {what}")
        acknowledged = await super().send(held)
        reach(self.file, f"after {what}")
        return acknowledged

    def _name(self, out: Out) -> str:
        if (out.key or b"").startswith(CLAIM_PREFIX):
            return "claims"
        if out.topic == changelog_of(self.settings.app_id, "alerts"):
            return "clock" if out.key == rows.CLOCK_KEY else "presets"
        return {
            self.settings.rejected_topic: "rejected",
            self.settings.rekeyed_topic: "forwarded",
            self.settings.tallies_topic: "tallies",
            self.settings.alerts_topic: "alerts",
            changelog_of(self.settings.app_id, "journal"): "journal",
            changelog_of(self.settings.app_id, "rates"): "blocks",
        }[out.topic]


def watch(pipeline: Pipeline, file: Path) -> None:
    """Have a pipeline say when it gets to a moment."""
    watched = Watched(pipeline.app, pipeline.settings, file)
    pipeline.outbox = pipeline.counting.outbox = pipeline.deciding.outbox = watched

    class Consumer(ChunkedConsumer):
        async def _commit(self, offsets: Any) -> bool:
            reach(file, "before commit")
            committed = await super()._commit(offsets)
            reach(file, "after commit")
            return committed

    async def at_revoke(*_: Any, **__: Any) -> None:
        reach(file, "at revoke")

    resume = pipeline.resume

    async def at_resume(owned: set[TP]) -> dict[TP, int]:
        positions = await resume(owned)
        reach(file, "at resume")
        return positions

    transport: Any = pipeline.app.transport
    transport.Consumer = Consumer
    pipeline.resume = at_resume  # type: ignore[method-assign]
    pipeline.app.on_partitions_revoked.connect(at_revoke, weak=False)


if __name__ == "__main__":
    run_altered(watch)
