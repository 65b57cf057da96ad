"""What the README says to type does what it says."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from aiokafka import AIOKafkaProducer

from stream.rules_file import default_rules_path
from tests.cli.commands import alert
from tests.kafka.harness import PATIENCE_SECONDS, Deployment, Worker, deploy

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(title: str, language: str) -> str:
    """Return the first example under a title."""
    found = re.search(rf"^### {title}\n.*?^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def here(text: str, deployment: Deployment, worker: Worker) -> str:
    """Return an example for this deployment instead of the usual one."""
    settings = deployment.settings
    for usual, ours in (
        ("127.0.0.1:9092", settings.bootstrap),
        ("127.0.0.1:6066", f"127.0.0.1:{worker.port}"),
        ("batch-processor-events", settings.events_topic),
        ("preset-alerts", settings.alerts_topic),
        (".venv/bin/presetwatch", f"'{sys.executable}' -m stream"),
    ):
        text = text.replace(usual, ours)
    return text


def typed(line: str, deployment: Deployment, worker: Worker) -> str | None:
    """Return what a line prints; None when it needs a program that is not installed."""
    if shutil.which(line.split(maxsplit=1)[0]) is None and not line.startswith(".venv/bin/presetwatch "):
        return None
    done = subprocess.run(
        ["/bin/sh", "-c", here(line, deployment, worker)],
        env={**deployment.environment, "PRESETWATCH_WEB_PORT": str(worker.port)},
        cwd=deployment.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


async def test_what_is_produced_as_the_readme_says_is_answered_as_it_says(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, default_rules_path().read_text()) as deployment:
        worker = await deployment.start().ready()
        produced = [typed(line, deployment, worker) for line in block("Produce", "sh").splitlines()]
        assert "1 record on" in (produced[1] or "")
        await worker.rate("summarize", total=1)
        lines = block("Query", "sh").splitlines()
        assert len(lines) >= 5
        for line in lines:
            said = typed(line, deployment, worker)
            if said is not None and line.startswith("curl"):
                assert "title" not in json.loads(said)  # no problem document
        assert "summarize" in (typed(lines[-1], deployment, worker) or "")


async def test_the_readmes_consumer_tells_of_each_alert_once(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, default_rules_path().read_text()) as deployment:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for event in (alert(), alert(), alert(preset="another", id="other")):
                await producer.send_and_wait(deployment.settings.alerts_topic, event.to_json(), b"a key")
        program = here(block("Consume", "python"), deployment, Worker(None, 0, tmp_path))  # type: ignore[arg-type]
        consumer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert consumer.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                said = [(await consumer.stdout.readline()).decode().split()[:3] for _ in range(2)]
        finally:
            consumer.kill()
            await consumer.wait()
    assert said == [["fired", "critical", "summarize"], ["fired", "critical", "another"]]
