"""docker-compose.yml as people run it: workers come and go, Kafka restarts, and every job counts once."""

import asyncio
import subprocess
from collections.abc import Iterator

import aiohttp
import pytest

from tests.compose.stack import REPOSITORY, Stack, stack, traffic
from tests.kafka.harness import eventually
from tests.webhooks import SECRET


def why_not(request: pytest.FixtureRequest) -> str | None:
    """Say why containers cannot be tried here, or are not to be."""
    if not request.config.getoption("--containers"):
        return "builds an image, which takes minutes: `make containers` runs it"
    for command in (("docker", "info"), ("docker", "compose", "version")):
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            return f"there is no Docker engine with compose here: `{' '.join(command)}` fails"
    return None


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Everything, freshly built and started."""
    if reason := why_not(request):
        pytest.skip(reason)
    with stack() as started:
        yield started


@pytest.mark.timeout(900)
async def test_counts_stay_exact_while_containers_are_added_killed_and_replaced(running: Stack) -> None:
    await running.ready(workers=2)
    async with traffic(running) as jobs:
        await running.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "worker=3", "worker")
        await running.ready(workers=3)

        await running.docker("kill", (await running.containers("worker"))[0], *await running.containers("gateway"))
        await running.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "worker=3", "worker", "gateway")
        await running.ready(workers=3)

        await running.compose("restart", "kafka")
        await running.ready(workers=3)

        await running.docker("build", "-t", running.image, "-", given=f"FROM {running.image}\nLABEL upgraded=yes\n")
        await upgrade(running)
        await running.ready(workers=3)
    assert jobs.sent > 1_000
    assert jobs.posted > 100
    await running.count(jobs.sent + jobs.posted)


async def upgrade(running: Stack) -> None:
    """Replace the workers one by one, and see that all run the new image then."""
    old = set(await running.containers("worker"))
    roll = str(REPOSITORY / "ops" / "compose" / "roll")
    await asyncio.to_thread(running.run, roll, "-p", running.name)
    new = await running.containers("worker")
    assert not old & set(new)
    labels = [await running.docker("inspect", "-f", '{{index .Config.Labels "upgraded"}}', each) for each in new]
    assert labels == ["yes"] * 3


async def test_a_container_has_no_rights_shows_no_secret_and_says_how_it_is(running: Stack) -> None:
    rights = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.CapDrop}}"
    for service in ("worker", "gateway"):
        [first, *_] = await running.containers(service)
        assert await running.docker("inspect", "-f", rights, first) == "true 10001:10001 [ALL]"
        processes = await running.docker("top", first)
        assert f"presetwatch {service}" in processes
        assert SECRET not in processes

        async def look(container: str = first) -> bool | None:
            return await running.docker("inspect", "-f", "{{.State.Health.Status}}", container) == "healthy" or None

        await eventually(look, f"{service} healthy")


async def test_the_dashboard_is_at_its_address_whichever_workers_have_gone(running: Stack) -> None:
    async with aiohttp.ClientSession() as session, session.get(running.dashboard) as response:
        assert response.status == 200
        assert "<title>" in await response.text()
