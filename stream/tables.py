"""The tables behind the agents' state: what is written to their changelogs, and what comes back on recovery.

Law: Faust recovers a table's changelog; what was recovered is handed over once, by partition, and not kept twice.
Writing goes straight to the changelog and is over when the broker has acknowledged it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import faust
from faust.stores import memory
from faust.tables.recovery import Recovery
from faust.types import TP, AppT, EventT

from stream.topics import TABLES

Rows = dict[bytes, bytes]


class Recovered(memory.Store[bytes, bytes]):
    """A store that holds what recovery has read until its owner takes it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rows: dict[int, Rows] = defaultdict(dict)

    def apply_changelog_batch(
        self, batch: Iterable[EventT[Any]], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Keep the newest value of each key, as bytes; a null value removes it."""
        for event in batch:
            rows, key, value = self.rows[event.message.partition], event.message.key or b"", event.message.value
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Let go of partitions that went to another worker."""
        owned = {tp.partition for tp in active_tps}
        for partition in [partition for partition in self.rows if partition not in owned]:
            del self.rows[partition]

    def take(self, partition: int) -> Rows:
        """Hand over what was recovered of a partition."""
        return self.rows.pop(partition, {})


class StateTable(faust.Table[bytes, bytes]):
    """A changelogged table of bytes whose rows live in the agents' own state."""

    def _new_store(self) -> Recovered:
        return Recovered("memory://", self.app, self, table_name=self.name)

    def take(self, partition: int) -> Rows:
        """Hand over what was recovered of a partition."""
        assert isinstance(self.data, Recovered)
        return self.data.take(partition)


class SoundRecovery(Recovery):
    """Faust's recovery, made to begin before it ends.

    Faust's own may end at once: when its queue times out between a rebalance and the broker's answer on how far each
    changelog goes, the numbers of the rebalance before still stand and say that nothing is left to read.
    """

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget how far changelogs went before this rebalance."""
        self.active_highwaters.clear()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def need_recovery(self) -> bool:
        """Tell whether anything is left to read, or how much is left is not known yet."""
        known = {tp for tp in self.active_highwaters if self.active_offsets.get(tp) is not None}
        return not self.active_tps <= known or super().need_recovery()


def declare_tables(app: AppT, partitions: int) -> dict[str, StateTable]:
    """Declare every table with the app, by name."""
    tables = {
        name: StateTable(app, name=name, partitions=partitions, key_type=bytes, value_type=bytes) for name in TABLES
    }
    for table in tables.values():
        app.tables.add(table)
    manager: Any = app.tables
    manager._recovery = SoundRecovery(app, manager, beacon=manager.beacon)  # noqa: SLF001  # Faust offers no other way
    return tables
