"""The parts on this machine: broker, worker, gateway and notifier, each a child process that never outlives its parent.

Law: what was started is stopped in reverse order however the block ends; and should this process be killed, the kernel
closes the pipes that its children's supervisors watch.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from stream.cli.ask import Answer, ask, at_the_gateway, at_the_notifier
from stream.cli.output import out_of_reach, working, wrong
from stream.local import supervise
from stream.local.broker import EmbeddedBroker
from stream.local.failure import BrokerFailed
from stream.settings import PREFIX, Settings

READY_WITHIN_SECONDS = 120.0
LOG_LINES_SHOWN = 5
_LOOK_SECONDS = 0.1

Overrides = Mapping[str, str]
"""Settings by name that a child gets in place of those in the environment."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker to use: what settings reach it, and a check that ends the command if it was ours and has died."""

    overrides: Overrides
    check: Callable[[], None]


@contextmanager
def broker_of(settings: Settings, folder: Path) -> Iterator[Broker]:
    """Give the broker that the settings name, or else an embedded one that keeps its data in `folder`."""
    if settings.kafka_bootstrap:
        yield Broker({}, lambda: None)
        return
    with embedded_broker(folder) as embedded:
        overrides = {"kafka_bootstrap": embedded.bootstrap, "kafka_security_protocol": "PLAINTEXT"}
        yield Broker(overrides, lambda: check_broker(embedded))


@contextmanager
def embedded_broker(folder: Path) -> Iterator[EmbeddedBroker]:
    """Run a broker for the length of the block; one that cannot start ends the command."""
    with ExitStack() as stack:
        with working("Starting the broker") as tell:
            embedded = _entered(stack, EmbeddedBroker(folder, on_progress=tell))
        yield embedded


def _entered(stack: ExitStack, embedded: EmbeddedBroker) -> EmbeddedBroker:
    try:
        return stack.enter_context(embedded)
    except BrokerFailed as failed:
        raise out_of_reach(str(failed)) from None


def check_broker(embedded: EmbeddedBroker) -> None:
    """End the command if the broker has died."""
    if failed := embedded.failure():
        raise out_of_reach(str(failed))


@dataclass(frozen=True, slots=True)
class Part:
    """A worker, a gateway or a notifier under supervision."""

    name: str
    supervisor: subprocess.Popen[bytes]
    log: Path

    def failure(self) -> str | None:
        """Say how it ended; None while it runs."""
        status = self.supervisor.poll()
        if status is None:
            return None
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
        return f"The {self.name} has ended with status {status}; its log is {self.log} and ends:\n{tail}"

    def check(self) -> None:
        """End the command if it has ended."""
        if failure := self.failure():
            raise out_of_reach(failure)

    def wait_until_ready(self, settings: Settings) -> None:
        """Wait until it says that it is; one that ends or never gets there ends the command."""
        give_up_at = monotonic() + READY_WITHIN_SECONDS
        while not _IS_READY[self.name](settings):
            self.check()
            if monotonic() > give_up_at:
                late = f"The {self.name} is not ready after {READY_WITHIN_SECONDS:g} s"
                raise out_of_reach(f"{late}; its log is {self.log}.")
            sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Stop it and wait until it has gone."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()
        try:
            self.supervisor.wait(supervise.STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            os.killpg(self.supervisor.pid, signal.SIGKILL)
            self.supervisor.wait()


def worker_process(overrides: Overrides, log: Path) -> AbstractContextManager[Part]:
    """Run a worker with these settings for the length of the block; it writes to `log`."""
    return _process("worker", "worker", overrides, log)


def gateway_process(overrides: Overrides, log: Path) -> AbstractContextManager[Part]:
    """Run a gateway with these settings for the length of the block; it writes to `log`."""
    return _process("gateway", "gateway", overrides, log)


def notifier_process(overrides: Overrides, log: Path) -> AbstractContextManager[Part]:
    """Run a notifier with these settings for the length of the block; it writes to `log`."""
    return _process("notifier", "notify", overrides, log)


@contextmanager
def _process(name: str, command: str, overrides: Overrides, log: Path) -> Iterator[Part]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        supervisor = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-I", "-S", supervise.__file__, sys.executable, "-P", "-m", "stream", command],
            env=_environment(overrides),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    part = Part(name, supervisor, log)
    try:
        yield part
    finally:
        with working(f"Stopping the {name}"):
            part.stop()


def _environment(overrides: Overrides) -> dict[str, str]:
    given = {PREFIX + name.upper(): value for name, value in overrides.items()}
    # The child imports what this process imports, and not what happens to lie in the current folder.
    return {**os.environ, **given, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _is_well(settings: Settings, path: str) -> bool:
    answer = ask(settings, path)
    return isinstance(answer, Answer) and answer.status == 200


_IS_READY: Mapping[str, Callable[[Settings], bool]] = {
    "worker": lambda settings: _is_well(settings, "/readyz"),
    "gateway": lambda settings: _is_well(at_the_gateway(settings), "/readyz"),
    "notifier": lambda settings: _is_well(at_the_notifier(settings), "/healthz"),
}


def check_port(settings: Settings) -> None:
    """End the command if a worker could not listen where the settings say."""
    _check_port("worker", settings.web_host, settings.web_port, f"{PREFIX}WEB_PORT")


def check_gateway_port(settings: Settings) -> None:
    """End the command if a gateway could not listen where the settings say."""
    _check_port("gateway", settings.gateway_host, settings.gateway_port, f"{PREFIX}GATEWAY_PORT")


def check_notifier_port(settings: Settings) -> None:
    """End the command if a notifier could not listen where the settings say."""
    _check_port("notifier", settings.notify_host, settings.notify_port, f"{PREFIX}NOTIFY_PORT")


def _check_port(name: str, host: str, port: int, setting: str) -> None:
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: TIME_WAIT is free
            probe.bind(address)
    except OSError as error:
        raise wrong(
            f"A {name} cannot listen on {host}:{port} ({error.strerror}): set {setting} to a free port, or stop what "
            "listens there."
        ) from None
