"""One real Apache Kafka for all tests that need one: KAFKA_BOOTSTRAP, else a container, else the embedded broker.

Nothing is ever pulled: the container is taken only when a Docker engine answers and its image is already there.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from docker.errors import DockerException  # type: ignore[import-untyped]  # docker ships no types
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stream.local.broker import EmbeddedBroker
from stream.local.jars import KAFKA_VERSION
from stream.local.loopback import HOST, free_port

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
CONTAINER_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}


@pytest.fixture(scope="session")
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, quiet_port: int
) -> Iterator[str]:
    """The address of a Kafka that lasts for the whole run."""
    choice = request.config.getoption("--broker")
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given and choice in {"auto", "env"}:
        yield given
    elif choice == "env":
        pytest.exit("--broker=env needs the address of a Kafka in KAFKA_BOOTSTRAP", returncode=2)
    elif choice == "container" or (choice == "auto" and _image_is_here()):
        with _container(free_port(quiet_port)) as address:
            yield address
    else:
        with EmbeddedBroker(tmp_path_factory.mktemp("kafka"), quiet_port, on_progress=print) as broker:
            yield broker.bootstrap


@pytest.fixture
def unique() -> str:
    """A suffix that keeps this test's topics and apps apart from all others on the broker."""
    return uuid.uuid4().hex[:8]


@pytest.fixture(scope="session")
def quiet_port() -> int:
    """Where to look for a free port: away from other runs on this machine."""
    return 20_000 + os.getpid() % 10_000


def _image_is_here() -> bool:
    try:
        DockerClient(timeout=3).client.images.get(IMAGE)
    except DockerException:
        return False
    return True


@contextmanager
def _container(port: int) -> Iterator[str]:
    testcontainers_config.ryuk_disabled = True  # its image would be pulled
    container = DockerContainer(IMAGE, env=CONTAINER_SETTINGS.copy())
    container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://{HOST}:{port}").with_bind_ports(9092, port)
    with container.waiting_for(LogMessageWaitStrategy("Kafka Server started")):
        yield f"{HOST}:{port}"
