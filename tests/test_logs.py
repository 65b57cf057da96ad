"""A worker's log: every line in one shape, and nothing in it that must not leave."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from confluent_kafka import Consumer, KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st

from stream.clients import librdkafka, librdkafka_reader
from stream.logs import MOST_REMEMBERED, OnceAMinute, clean, configure_logs
from stream.probe import Probe
from stream.settings import Settings

SIGNED = "https://media.customer.example/a.mp4?X-Amz-Signature=0123456789abcdef"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a worker writes as JSON; afterwards logging is as it was before."""
    root, told = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    root.handlers = []
    configure_logs(Settings(_env_file=None, log_format="json"), told)
    yield told
    root.handlers = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_ours_and_the_libraries_lines_have_one_shape(lines: io.StringIO) -> None:
    structlog.get_logger("stream.health").error("unwell", fault="broker")
    logging.getLogger("aiokafka.consumer").warning("Heartbeat of %s failed", "group")
    ours, theirs = read(lines)
    assert ours.keys() - theirs.keys() == {"fault"}
    assert (ours["event"], ours["level"], ours["logger"]) == ("unwell", "error", "stream.health")
    assert (theirs["event"], theirs["level"]) == ("Heartbeat of group failed", "warning")
    assert theirs["timestamp"].endswith("Z")


def test_an_exception_is_in_its_line_without_what_must_not_leave(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"cannot read {SIGNED}\npassword=hunter2 was refused")
    except ValueError:
        structlog.get_logger("stream").exception("request_failed", path=SIGNED)
        logging.getLogger("faust").error("crashed", exc_info=sys.exc_info())
    for line in read(lines):
        assert "ValueError: cannot read https://***" in line["exception"]
        assert not any(secret in json.dumps(line) for secret in ("customer", "0123456789abcdef", "hunter2"))


def test_libraries_do_not_tell_their_inner_life(lines: io.StringIO) -> None:
    for name in ("faust.transport", "mode.worker", "aiokafka"):
        logging.getLogger(name).info("Starting...")
    logging.getLogger("stream.transport").info("[^--ChunkedConsumer]: Starting...")
    assert read(lines) == []


@given(st.text(max_size=60), st.sampled_from([" ", "\n", "'", '"', "<"]))
def test_no_web_address_survives(text: str, before: str) -> None:
    assert "customer" not in clean(f"{text.replace('customer', '')}{before}{SIGNED}")


def test_what_a_library_says_again_and_again_is_heard_once_and_other_things_still_are() -> None:
    heard = OnceAMinute()

    def says(message: str, *arguments: object) -> bool:
        return heard.filter(logging.LogRecord("aiokafka", logging.ERROR, "", 0, message, arguments, None))

    said = [says("no node %s", 1), says("no node %s", 2), says("fetch failed")]
    assert said == [True, False, True]
    assert [says(f"line {number}") for number in range(2 * MOST_REMEMBERED)] == [True] * 2 * MOST_REMEMBERED


NOBODY = Settings(_env_file=None, kafka_bootstrap="127.0.0.1:1")
"""Where nothing listens."""


def ask_consumer() -> None:
    consumer = Consumer(librdkafka_reader(NOBODY))
    consumer.subscribe(["events"])
    try:
        consumer.poll(1.0)
    finally:
        consumer.close()


def ask_producer() -> None:
    producer = Producer(librdkafka(NOBODY))
    producer.produce("events", b"")
    producer.flush(1.0)
    producer.purge()


def ask_probe() -> None:
    with pytest.raises(KafkaException):
        Probe(librdkafka(NOBODY), answer_seconds=1.0).ends([])


@pytest.mark.parametrize("asking", [ask_consumer, ask_producer, ask_probe])
def test_what_librdkafka_says_is_a_line_like_any_other(
    asking: Callable[[], None], lines: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    asking()
    told = [line for line in read(lines) if line["logger"] == "librdkafka"]
    assert any("Connection refused" in line["event"] and line["level"] == "error" for line in told)
    assert capfd.readouterr().err == ""


def test_librdkafka_is_heard_once_a_minute_of_each_thing(lines: io.StringIO) -> None:
    for what in ("FAIL", "FAIL", "MAXPOLL"):
        logging.getLogger("librdkafka").error("%s [%s] %s", what, "rdkafka#consumer-1", "said")
    assert [line["event"].split()[0] for line in read(lines)] == ["FAIL", "MAXPOLL"]


def test_a_command_without_a_log_says_nothing_of_librdkafka() -> None:
    script = "from tests.test_logs import ask_producer; ask_producer()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
