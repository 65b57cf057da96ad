"""Every scenario through the agents: a worker on a real broker says what the pure fold says, and what was expected."""

from pathlib import Path

import pytest

from tests.kafka.harness import Delivery, deploy
from tests.scenarios.timelines import SCENARIOS, Scenario, told


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_the_timeline_says_what_it_should(
    bootstrap: str, unique: str, tmp_path: Path, scenario: Scenario
) -> None:
    async with deploy(bootstrap, unique, tmp_path, scenario.rules, partitions=1) as deployment:
        await deployment.produce([Delivery(value, key, at_ms) for at_ms, key, value in scenario.deliveries()])
        worker = await deployment.start().ready()
        # The fold lets time pass to the end of the last pane; on the topic it stops with the last event.
        last_ms = max(record.timestamp for record in deployment.log)
        await worker.decided_to(last_ms - deployment.settings.allowed_lateness - deployment.settings.pane)
        assert tuple(told(event) for event in await deployment.alerts()) == scenario.expected
