"""The short, fixed part of `make chaos`: workers only, since the broker is shared with other tests."""

from pathlib import Path

import pytest

from tests.kafka.chaos.run import ENTRY, RULES, Plan, disturb
from tests.kafka.harness import deploy


@pytest.mark.timeout(600)
async def test_faults_by_a_fixed_seed_change_no_count_and_no_alert(bootstrap: str, unique: str, tmp_path: Path) -> None:
    plan = Plan(seed=20, faults=10, minutes=20, pause_seconds=2)
    async with deploy(bootstrap, unique, tmp_path, RULES) as deployment:
        deployment.entry = ENTRY
        verdict = await disturb(deployment, None, plan, print)
    assert verdict.difference == []
    assert verdict.got.counted > 0
    assert verdict.got.alerts
