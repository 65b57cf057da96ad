"""The embedded broker: it is a real Kafka, keeps what it was given, shares with nobody and leaves nothing behind."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from os import getpgid, killpg
from pathlib import Path
from signal import SIGINT, SIGKILL, Signals

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

import stream
from stream.local import supervise
from stream.local.broker import EmbeddedBroker
from stream.local.failure import BrokerFailed
from stream.local.lock import hold_lock
from stream.local.loopback import answers, cluster_at, free_port
from stream.settings import Settings
from stream.topics import TABLES, ensure_topics

REPOSITORY = Path(stream.__file__).parents[1]

OWNER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs in the background
from pathlib import Path
from stream.local.broker import EmbeddedBroker
with EmbeddedBroker(Path(sys.argv[1]), int(sys.argv[2])) as broker:
    print(broker.bootstrap, flush=True)
    sys.stdin.read()
"""

CHILD = "import signal; print('up', flush=True); signal.pause()"


@pytest.fixture(scope="module")
def taken_port(quiet_port: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", quiet_port + 500)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, taken_port: int) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("own"), taken_port) as broker:
        yield broker


def test_a_consumer_group_reads_what_a_producer_wrote(bootstrap: str, unique: str) -> None:
    async def there_and_back() -> bytes | None:
        await write(bootstrap, unique, b"hello")
        return await read(bootstrap, unique, group=unique)

    assert asyncio.run(there_and_back()) == b"hello"


def test_a_taken_port_gives_way_to_a_free_one(running: EmbeddedBroker, taken_port: int) -> None:
    assert running.bootstrap != f"127.0.0.1:{taken_port}"
    assert answers(running.bootstrap)


def test_a_port_that_another_broker_gets_at_the_same_moment_gives_way_as_well(
    running: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(running.bootstrap.rpartition(":")[2])
    looks = iter([taken])  # it was free when it was looked at
    monkeypatch.setattr("stream.local.broker.free_port", lambda wanted: next(looks, None) or free_port(wanted))
    said: list[str] = []
    with EmbeddedBroker(tmp_path, taken, said.append) as broker:
        assert f"{running.bootstrap} was taken meanwhile: trying other ports" in said
        assert cluster_at(broker.bootstrap) != cluster_at(running.bootstrap)
    assert answers(running.bootstrap)


def test_a_second_broker_on_the_same_folder_is_refused(running: EmbeddedBroker) -> None:
    with pytest.raises(BrokerFailed, match=r"is in use by process \d+: stop that one first"), running_twin(running):
        pass
    assert answers(running.bootstrap)


def test_writing_to_a_topic_that_nobody_made_does_not_make_it(running: EmbeddedBroker, unique: str) -> None:
    async def write_anyway() -> None:
        async with AIOKafkaProducer(bootstrap_servers=running.bootstrap, request_timeout_ms=500) as producer:
            await producer.send_and_wait(unique, b"lost")

    with pytest.raises(KafkaError):
        asyncio.run(write_anyway())


def test_topics_are_made_with_less_where_a_broker_refuses_what_they_should_have(running: EmbeddedBroker) -> None:
    settings, told = Settings(_env_file=None, kafka_bootstrap=running.bootstrap), list[str]()
    with limiting(running.bootstrap, "log.cleaner.max.compaction.lag.ms", "1000"):  # less than changelogs want at least
        assert asyncio.run(ensure_topics(settings, told.append)) == settings.partitions
    [sentence] = told
    assert "The cluster does not allow min.compaction.lag.ms=300000 (conflict" in sentence
    assert all(f"{settings.app_id}-{table}-changelog" in sentence for table in TABLES)
    assert asyncio.run(ensure_topics(settings, pytest.fail)) == settings.partitions


@contextmanager
def limiting(bootstrap: str, name: str, value: str) -> Iterator[None]:
    """Set something of the only broker for the length of the block."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    for operation in (AlterConfigOpType.SET, AlterConfigOpType.DELETE):
        change = ConfigEntry(name, value, incremental_operation=operation)
        broker = ConfigResource(ConfigResource.Type.BROKER, "1", incremental_configs=[change])
        for answer in client.incremental_alter_configs([broker]).values():
            answer.result(timeout=30)
        if operation is AlterConfigOpType.SET:
            yield


@pytest.mark.parametrize("ending", [SIGINT, SIGKILL])
def test_records_outlive_every_ending_of_the_owner_and_java_does_not(
    ending: Signals, tmp_path: Path, quiet_port: int
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), str(quiet_port)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert owner.stdout is not None
    first = owner.stdout.readline().decode().strip()
    asyncio.run(write(first, "kept", b"still here"))

    killpg(getpgid(owner.pid), ending)  # as a terminal sends Ctrl-C: to the whole foreground group
    owner.wait()
    with hold_lock(tmp_path, on_progress=pytest.fail if ending is SIGINT else print):
        assert not answers(first)  # Java inherits the lock: whoever gets it knows that Java is gone

    with EmbeddedBroker(tmp_path, quiet_port) as again:
        assert asyncio.run(read(again.bootstrap, "kept")) == b"still here"


def test_a_broker_that_dies_while_starting_says_why(tmp_path: Path, quiet_port: int) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=not-ours\nnode.id=7\n")
    with pytest.raises(BrokerFailed, match=r"(?s)stopped by itself.*broker\.log.*Stored node id 7"):
        EmbeddedBroker(tmp_path, quiet_port).__enter__()


@pytest.mark.parametrize("ending", ["owner gone", "supervisor killed"])
def test_the_child_ends_with_its_owner_and_with_its_supervisor(ending: str) -> None:
    if ending == "supervisor killed" and sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death")
    supervisor = subprocess.Popen(
        [sys.executable, "-I", "-S", supervise.__file__, sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"up\n"
    if ending == "owner gone":
        supervisor.stdin.close()
    else:
        supervisor.kill()
    assert supervisor.stdout.read() == b""  # the end of the stream comes when the last process that holds it is gone
    supervisor.wait()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BrokerFailed, match="cannot be used"):
        EmbeddedBroker(tmp_path / "file" / "folder").__enter__()


def test_without_a_java_runtime_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.local.broker.JAVA", None)
    with pytest.raises(BrokerFailed, match=r"no Java runtime here .* set PRESETWATCH_KAFKA_BOOTSTRAP"):
        EmbeddedBroker(tmp_path).__enter__()


def running_twin(broker: EmbeddedBroker) -> EmbeddedBroker:
    return EmbeddedBroker(broker.data_dir, port=int(broker.bootstrap.split(":")[1]))


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def write(bootstrap: str, topic: str, value: bytes) -> None:
    async with admin(bootstrap) as client:
        await client.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str, group: str | None = None) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest")
    async with asyncio.timeout(30), consumer:
        record = await consumer.getone()
        value: bytes | None = record.value
        return value
