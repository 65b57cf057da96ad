"""What can happen to workers and to the broker, drawn by a seed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from stream.topics import TABLES, changelog_of
from tests.kafka.chaos.broker import Broker
from tests.kafka.chaos.moments import MOMENTS, Trigger, arm
from tests.kafka.harness import Deployment, Worker

UNUSABLE = "cannot be used"

SESSION_SECONDS = 10.0
"""After this long without a heartbeat a worker's partitions go to another (`broker_session_timeout`)."""

MOST_WORKERS = 3
WAIT_SECONDS = 15.0
"""How long a moment is waited for."""
WAIT_FOR_ALERTS_SECONDS = 60.0
"""Some 60 are sent in the half hour that 200 faults take."""


class Missed(NamedTuple):
    """A moment that did not come while it was waited for."""

    moment: str

    def __str__(self) -> str:
        return f"did not come: {self.moment}"


Act = Callable[[], Awaitable[str | Missed]]
"""Returns what it did."""


class Struck(NamedTuple):
    """One act, and how many faults there have been with it."""

    faults: int
    name: str
    did: str | Missed


@dataclass(slots=True)
class Faults:
    """Disturbs a deployment; each act says what it did."""

    deployment: Deployment
    broker: Broker | None
    chance: Random

    def alive(self) -> list[Worker]:
        """Return the workers whose process runs."""
        return [worker for worker in self.deployment.workers if worker.process.poll() is None]

    def staff(self, least: int = 1) -> None:
        """Start workers until there are enough; see that none has given up on its state."""
        for worker in self.deployment.workers:
            if worker.process.poll() not in (None, 0, -signal.SIGKILL):
                assert UNUSABLE not in worker.log.read_text(), f"worker {worker.number} says that its state {UNUSABLE}"
        while len(self.alive()) < least:
            self.deployment.start()

    async def strike(self, faults: int, without: set[str]) -> AsyncIterator[Struck]:
        """Act until there have been so many faults; what was to be at a moment that does not come is none."""
        struck = 0
        for name, act in self.draw(faults, without):
            self.staff()
            did = await act()
            struck += not isinstance(did, Missed)
            yield Struck(struck, name, did)
            if struck == faults:
                return

    def draw(self, at_once: int, without: set[str]) -> Iterator[tuple[str, Act]]:
        """Draw acts, so many at once, without end; every moment comes up before any comes up again."""
        moments = self._moments()
        acts: dict[str, tuple[int, Act]] = {
            "kill": (4, self.kill),
            "moment": (9, lambda: self.hit(next(moments), signal.SIGKILL)),
            "zombie": (2, lambda: self.hit(next(moments), signal.SIGSTOP)),
            "terminate": (3, self.terminate),
            "stop": (1, self.freeze_worker),
            "add": (3, self.add),
            "restart-broker": (1, self.restart_broker),
            "freeze-broker": (1, self.freeze_broker),
            "refuse-writes": (1, self.refuse_writes),
        }
        skipped = without | (set() if self.broker else {name for name in acts if "broker" in name or "refuse" in name})
        names = [name for name in acts if name not in skipped]
        weights = [acts[name][0] for name in names]
        while True:
            for name in self.chance.choices(names, weights, k=at_once):
                yield name, acts[name][1]

    def _moments(self) -> Iterator[str]:
        while True:
            yield from self.chance.sample(MOMENTS, len(MOMENTS))

    async def kill(self) -> str:
        """Kill a worker at an arbitrary moment."""
        return self._end(signal.SIGKILL)

    async def terminate(self) -> str:
        """Ask a worker to end."""
        return self._end(signal.SIGTERM)

    def _end(self, with_signal: signal.Signals) -> str:
        victim = self.chance.choice(self.alive())
        victim.process.send_signal(with_signal)
        self.deployment.start()
        return f"{with_signal.name} to worker {victim.number}"

    async def add(self) -> str:
        """Add a worker, or take one away when there are enough."""
        if len(self.alive()) >= MOST_WORKERS:
            victim = self.chance.choice(self.alive())
            victim.process.send_signal(signal.SIGTERM)
            return f"one worker less: {victim.number}"
        return f"one worker more: {self.deployment.start().number}"

    async def hit(self, moment: str, with_signal: signal.Signals) -> str | Missed:
        """Have a worker kill or stop itself when it gets to a moment; one that stops wakes after it was replaced."""
        for worker in self.alive():
            arm(worker.trigger, Trigger(moment, with_signal))
        if moment in {"at revoke", "at resume"} or "claims" in moment:
            self.deployment.start()
        victim = await self._first_hit(WAIT_FOR_ALERTS_SECONDS if "alerts" in moment else WAIT_SECONDS)
        for worker in self.alive():
            worker.trigger.unlink(missing_ok=True)
        self.staff()
        if victim is None:
            return Missed(moment)
        if with_signal is signal.SIGSTOP:
            self.deployment.start()
            await asyncio.sleep(SESSION_SECONDS + 5)  # it must be taken for dead before it wakes
            victim.process.send_signal(signal.SIGCONT)
        else:
            self.deployment.start()
        return f"{with_signal.name} {moment}: worker {victim.number}"

    async def _first_hit(self, within_seconds: float) -> Worker | None:
        watched = self.alive()
        for _ in range(int(within_seconds / 0.05)):
            for worker in watched:
                if not worker.trigger.exists():
                    return worker
            await asyncio.sleep(0.05)  # a process that is hit cannot say so
        return None

    async def freeze_worker(self) -> str:
        """Stop a worker for longer than its session, wherever it is, and let it go on."""
        victim = self.chance.choice(self.alive())
        victim.process.send_signal(signal.SIGSTOP)
        self.deployment.start()
        await asyncio.sleep(SESSION_SECONDS + 5)  # it must be taken for dead before it wakes
        victim.process.send_signal(signal.SIGCONT)
        return f"SIGSTOP to worker {victim.number} for {SESSION_SECONDS + 5:g} s"

    async def restart_broker(self) -> str:
        """Stop the broker cleanly and start it again."""
        assert self.broker is not None
        await self.broker.restart()
        return "the broker was restarted"

    async def freeze_broker(self) -> str:
        """Let the broker stand still for 20 s."""
        assert self.broker is not None
        await self.broker.freeze(20)
        return "the broker stood still for 20 s"

    async def refuse_writes(self) -> str:
        """Have the broker refuse what workers write for 8 s."""
        assert self.broker is not None
        settings = self.deployment.settings
        changelogs = [changelog_of(settings.app_id, table) for table in TABLES]
        others = [settings.rekeyed_topic, settings.tallies_topic, settings.alerts_topic, settings.rejected_topic]
        await self.broker.refuse_writes([*others, *changelogs], 8)
        return "the broker refused writes for 8 s"
