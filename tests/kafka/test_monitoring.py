"""A real Prometheus scrapes real processes as `ops/` says: every panel shows something, every alert can be decided."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Any

import aiohttp
import pytest
import yaml

from tests.kafka.harness import PATIENCE_SECONDS, Delivery, Deployment, deploy, eventually, free_port
from tests.kafka.test_end_to_end import DEFAULT_RULES
from tests.notify.alerts import PROGRAM
from tests.webhooks import FORBIDDEN, SECRET, body

OPS = Path(__file__).parents[2] / "ops"
DASHBOARD: Mapping[str, Any] = json.loads((OPS / "grafana" / "presetwatch.json").read_text())
PANELS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
PROMETHEUS = shutil.which("prometheus")
RATE_INTERVAL = "1m"
PORTS = {"worker": "WEB_PORT", "gateway": "GATEWAY_PORT", "notify": "NOTIFY_PORT"}

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None, reason="no Prometheus: install Debian's prometheus, or put it on PATH"
)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus, asked over HTTP."""

    session: aiohttp.ClientSession
    port: int

    async def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer, or nothing while nobody answers."""
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=query) as response:
                if response.status == 503:  # it is starting
                    return None
                answer = await response.json()
        except aiohttp.ClientConnectionError:
            return None
        assert answer["status"] == "success", answer
        return answer["data"]

    async def series(self, expression: str) -> list[Any]:
        """Return what an expression yields now."""
        found: list[Any] = (await self.get("query", query=expression) or {"result": []})["result"]
        return found


@contextmanager
def running(log: Path, *command: str, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a program for the length of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def part(deployment: Deployment, name: str, port: int, **given: str) -> AbstractContextManager[None]:
    """Run a gateway or a notifier of a deployment, which serves at a port."""
    named = {f"PRESETWATCH_{key}": value for key, value in {PORTS[name]: str(port), **given}.items()}
    log = deployment.directory / f"{name}.log"
    return running(log, sys.executable, "-m", "stream", name, env={**deployment.environment, **named})


def configuration(folder: Path, ports: Mapping[str, int]) -> Path:
    """Return Compose's configuration with the ports of this machine for the names of services, and more haste."""
    config = yaml.safe_load((OPS / "compose" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(OPS / "prometheus" / name) for name in config["rule_files"]]
    del config["alerting"]
    for job in config["scrape_configs"]:
        [names] = [each["names"] for each in job.pop("dns_sd_configs")]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[name]}" for name in names]}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "token").touch()
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(config))
    return written


def prometheus(folder: Path, port: int, ports: Mapping[str, int]) -> AbstractContextManager[None]:
    """Run a Prometheus that scrapes what serves at some ports."""
    given = {
        "config.file": str(configuration(folder, ports)),
        "storage.tsdb.path": str(folder / "tsdb"),
        "web.listen-address": f"127.0.0.1:{port}",
    }
    return running(folder / "prometheus.log", str(PROMETHEUS), *(f"--{key}={value}" for key, value in given.items()))


@pytest.fixture
async def asked(bootstrap: str, unique: str, tmp_path: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes a worker with a job to count, a gateway and a notifier."""
    ports, own = {name: free_port() for name in PORTS}, free_port()
    plan = tmp_path / "notify.toml"
    plan.write_text(PROGRAM)
    async with (
        deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=1_000) as deployment,
        aiohttp.ClientSession() as session,
    ):
        await deployment.produce([Delivery(body("job", "summarize", time_ns() // 10**6, FORBIDDEN), b"job")])
        deployment.start(ports["worker"])
        with (
            part(deployment, "gateway", ports["gateway"], WEBHOOK_HMAC=SECRET),
            part(deployment, "notify", ports["notify"], NOTIFY=str(plan)),
            prometheus(tmp_path, own, ports),
        ):
            yield Prometheus(session, own)


async def empty_panels(asked: Prometheus, jobs: list[str]) -> list[tuple[str, str]]:
    """Return the panels' titles and queries that yield nothing once every process was scraped twice."""
    empty = PANELS
    queries = [expr.replace("$__rate_interval", RATE_INTERVAL).replace("$job", "|".join(jobs)) for _, expr in PANELS]

    async def look() -> bool | None:
        nonlocal empty
        found = await asyncio.gather(*map(asked.series, queries))
        empty = [panel for panel, series in zip(PANELS, found, strict=True) if not series]
        return not empty or None

    with suppress(AssertionError):  # whoever asks is to see which
        await eventually(look, "something on every panel")
    return empty


async def decided_rules(asked: Prometheus) -> list[Any]:
    """Return the rules once each was looked at."""

    async def look() -> list[Any] | None:
        found = [rule for group in (await asked.get("rules"))["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    return await eventually(look, "every alert decided")


async def test_every_panel_shows_something_and_every_alert_is_decided(asked: Prometheus) -> None:
    [job] = [each for each in DASHBOARD["templating"]["list"] if each["name"] == "job"]
    assert job["query"] == "label_values(presetwatch_ready, job)"

    async def look() -> list[str] | None:
        return await asked.get("label/job/values", **{"match[]": "presetwatch_ready"}) or None

    jobs = await eventually(look, "a worker scraped")
    assert jobs == ["presetwatch"]
    assert await empty_panels(asked, jobs) == []
    rules = await decided_rules(asked)
    assert len(rules) > 20
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
