"""The parts on this machine, without a broker: ports, and a worker process that fails."""

import socket
from pathlib import Path
from typing import Any

import pytest

from stream.cli.machine import check_port, worker_process
from stream.cli.output import Ended, ExitCode
from stream.settings import Settings


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_a_port_that_is_taken_is_named_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Ended, match=f"cannot listen on 127.0.0.1:{port} .*PRESETWATCH_WEB_PORT") as ending:
            check_port(settings(web_port=port))
    assert ending.value.code is ExitCode.WRONG
    check_port(settings(web_port=port))


def test_a_host_that_is_not_this_machine_is_named() -> None:
    with pytest.raises(Ended, match=r"cannot listen on 192\.0\.2\.1:6066"):
        check_port(settings(web_host="192.0.2.1"))


def test_a_worker_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "made" / "worker.log"
    with worker_process({"pane": "7s"}, log) as worker:
        worker.supervisor.wait(timeout=60)
        with pytest.raises(Ended, match=r"(?s)ended with status 1; its log is .*PANE must divide an hour") as ending:
            worker.check()
    assert ending.value.code is ExitCode.OUT_OF_REACH


def test_a_worker_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    overrides = {"pane": "7s", "kafka_bootstrap": "127.0.0.1:1"}
    with (
        worker_process(overrides, tmp_path / "worker.log") as worker,
        pytest.raises(Ended, match="ended with status 1"),
    ):
        worker.wait_until_ready(settings(web_port=1))


def test_a_worker_is_gone_when_the_block_ends(tmp_path: Path) -> None:
    with worker_process({"kafka_bootstrap": "127.0.0.1:1", "web_port": "20998"}, tmp_path / "worker.log") as worker:
        assert worker.failure() is None
    assert worker.supervisor.returncode is not None
