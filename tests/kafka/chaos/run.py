"""One run of chaos, from its seed to its verdict."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from tests.kafka.chaos.broker import Broker
from tests.kafka.chaos.faults import Faults
from tests.kafka.chaos.traffic import Traffic
from tests.kafka.chaos.verdict import Difference, Outcome, answered, expected, found, read_log
from tests.kafka.harness import Deployment, deploy

RULES = """
[[rule]]
name = "high-error-rate"
kind = "threshold"
keep_firing_for = "1m"
[[rule]]
name = "customers"
kind = "threshold"
parties = ["customer"]
error_rate = 0.05
window = "10m"
[[rule]]
name = "nothing-works"
kind = "consecutive"
errors = 5
[[rule]]
name = "silent"
kind = "silence"
after = "2m"
"""

ENTRY = "tests.kafka.chaos.worker"
BETWEEN_FAULTS_SECONDS = 3.0
SETTLE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    seed: int
    faults: int
    minutes: int
    """Of event time."""
    without: set[str] = field(default_factory=set)
    pause_seconds: float = BETWEEN_FAULTS_SECONDS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to."""

    plan: Plan
    sent: int
    wanted: Outcome
    got: Outcome
    difference: list[str]

    @property
    def line(self) -> str:
        """The run in one line."""
        exact = "no" if self.difference else "yes"
        return (
            f"chaos seed={self.plan.seed} faults={self.plan.faults} sent={self.sent} counted={self.got.counted} "
            f"alerts_expected={len(self.wanted.alerts)} alerts_seen={len(self.got.alerts)} exact={exact}"
        )


async def disturb(deployment: Deployment, broker: Broker | None, plan: Plan, say: Callable[[str], None]) -> Verdict:
    """Run traffic and faults side by side, let things settle, and compare."""
    faults = Faults(deployment, broker, Random(plan.seed))
    faults.staff(2)
    traffic = Traffic(deployment.settings, plan.seed, plan.minutes, plan.faults * (plan.pause_seconds + 4))
    running, began_at = asyncio.create_task(traffic.run()), monotonic()
    async for struck, name, did in faults.strike(plan.faults, plan.without):
        say(f"{struck:4} {name}: {did}")
        await asyncio.sleep(plan.pause_seconds)  # faults may overlap with recoveries, but not all with one
        traffic.seconds_left = (plan.faults - struck + 1) * (monotonic() - began_at) / max(1, struck)
    assert not running.done(), "there was no more traffic when the last fault came"
    traffic.hurry = True
    await running
    faults.staff(2)
    return await judge(deployment, plan)


async def judge(deployment: Deployment, plan: Plan) -> Verdict:
    """Wait until everything has been counted and decided, and compare it with the log."""
    log = await read_log(deployment)
    wanted = expected(deployment, log)
    async with asyncio.timeout(SETTLE_SECONDS):
        await deployment.counted(len(log))
    got, difference = await _settled(deployment, wanted)
    return Verdict(plan, len(log), wanted, got, difference.sentences)


async def _settled(deployment: Deployment, wanted: Outcome) -> tuple[Outcome, Difference]:
    # Answers and alerts follow the counts by moments; what has not come after a minute is missing.
    for _ in range(30):
        got = await found(deployment)
        difference = _compare(wanted, got)
        difference.compare("pane as answered", wanted.panes, await answered(deployment, wanted.panes))
        if not difference.sentences:
            break
        await asyncio.sleep(2)  # other processes cannot say that they are done
    return got, difference


def _compare(wanted: Outcome, got: Outcome) -> Difference:
    difference = Difference()
    difference.compare("pane", wanted.panes, got.panes)
    difference.compare("rejected", dict.fromkeys(wanted.rejected, 1), dict.fromkeys(got.rejected, 1))
    difference.compare("alert", wanted.alerts, got.alerts)
    return difference


async def run(plan: Plan, folder: Path, say: Callable[[str], None]) -> Verdict:
    """Run chaos on a broker of its own."""
    broker = Broker(folder / "kafka")
    await broker.start()
    try:
        async with deploy(broker.bootstrap, f"chaos-{plan.seed}", folder, RULES) as deployment:
            deployment.entry = ENTRY
            return await disturb(deployment, broker, plan, say)
    finally:
        await broker.stop()


def new_folder() -> Path:
    """Return a folder for logs and data that is kept when a run ends badly."""
    return Path(tempfile.mkdtemp(prefix="presetwatch-chaos-"))
