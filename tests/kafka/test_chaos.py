"""The short, fixed part of `make chaos`: workers only, since the broker is shared with other tests."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.kafka.chaos.faults import Act, Faults, Missed
from tests.kafka.chaos.run import ENTRY, RULES, Plan, disturb
from tests.kafka.harness import deploy


class Scripted(Faults):
    """Faults of which every other does not come."""

    def staff(self, least: int = 1) -> None:
        """Need nobody."""

    def draw(self, at_once: int, without: set[str]) -> Iterator[tuple[str, Act]]:
        async def comes() -> str:
            return "SIGKILL"

        async def does_not_come() -> Missed:
            return Missed("at revoke")

        while True:
            yield "moment", does_not_come
            yield "kill", comes


async def test_a_moment_that_does_not_come_is_no_fault() -> None:
    deployment: Any = None
    struck = [each async for each in Scripted(deployment, None, Random(1)).strike(2, set())]
    said = [f"{faults} {name}: {did}" for faults, name, did in struck]
    missed, hit = "moment: did not come: at revoke", "kill: SIGKILL"
    assert said == [f"0 {missed}", f"1 {hit}", f"1 {missed}", f"2 {hit}"]


@pytest.mark.timeout(600)
async def test_faults_by_a_fixed_seed_change_no_count_and_no_alert(bootstrap: str, unique: str, tmp_path: Path) -> None:
    plan = Plan(seed=20, faults=10, minutes=20, pause_seconds=2)
    async with deploy(bootstrap, unique, tmp_path, RULES) as deployment:
        deployment.entry = ENTRY
        verdict = await disturb(deployment, None, plan, print)
    assert verdict.difference == []
    assert verdict.got.counted > 0
    assert verdict.got.alerts
