"""What a worker holds of the partitions it owns.

Law: a partition's state is changed by one task at a time, and a change that is cut short, by an error or by the
worker's end, leaves nothing behind that could be written: the state is let go, and its next owner starts from what
was stored. During a rebalance nothing changes at all.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

State = TypeVar("State")


class Holdings(Generic[State]):
    """States by partition."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._is_suspended = False

    def __contains__(self, partition: int) -> bool:
        return partition in self._states

    def __getitem__(self, partition: int) -> State:
        return self._states[partition]

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._states))

    def get(self, partition: int) -> State | None:
        """Return a partition's state to look at, or None if it is not held."""
        return self._states.get(partition)

    def own(self, partition: int, state: State) -> None:
        """Hold a partition from now on."""
        self._states[partition], self._locks[partition] = state, asyncio.Lock()

    def release(self, kept: set[int]) -> None:
        """Let go of every partition but those kept."""
        for partition in self._states.keys() - kept:
            self._let_go(partition)

    async def suspend(self) -> None:
        """Let changes that have begun end, and let none begin, so that a partition's next owner sees all of them."""
        self._is_suspended = True
        for lock in list(self._locks.values()):
            async with lock:
                pass

    def resume(self) -> None:
        """Let changes begin again."""
        self._is_suspended = False

    def _may_change(self, partition: int, state: State) -> bool:
        return not self._is_suspended and self._states.get(partition) is state

    @asynccontextmanager
    async def changing(self, partition: int) -> AsyncIterator[State | None]:
        """Give a partition's state to change, or None if it is not, or no longer, held."""
        state = self._states.get(partition)
        if state is None or not self._may_change(partition, state):
            yield None
            return
        async with self._locks[partition]:
            if not self._may_change(partition, state):
                yield None
                return
            try:
                yield state
            except BaseException:
                self._let_go(partition)
                raise

    def _let_go(self, partition: int) -> None:
        self._states.pop(partition, None)
        self._locks.pop(partition, None)
