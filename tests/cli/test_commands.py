"""The command line as a whole: what it teaches, and how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream.cli.demo import DEMO_RULES
from stream.cli.lifetime import until_told_to_stop
from stream.local.traffic import generate
from tests.cli.commands import body, run

COMMANDS = ["up", "demo", "worker", "broker", "produce", "alerts", "rates", "replay", "reconcile", "doctor", "notify"]
WEBHOOK = [["webhook", verb] for verb in ("create", "list", "reactivate", "delete")]
NESTED = [["rules", "check"], ["schema", "export"], ["notify", "check"], ["notify", "test"], *WEBHOOK]


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), *NESTED], ids=" ".join)
def test_every_command_teaches_with_an_example_and_its_settings(command: list[str]) -> None:
    done = run(*command, "--help", env={"COLUMNS": "80"})
    assert done.exit_code == 0
    assert f"presetwatch {' '.join(command)}" in done.stdout.partition("For example:")[2]
    assert "PRESETWATCH_" in done.stdout.partition("Settings:")[2]


def test_the_overview_names_every_command_and_the_exit_codes() -> None:
    done = run("--help")
    assert all(name in done.stdout for name in (*COMMANDS, "rules", "schema", "webhook", "Exit codes: 0 done"))


@pytest.mark.parametrize("arguments", [["nope"], ["replay"], ["demo", "--minutes", "0"], ["rates", "--windows", "5m"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", [["alerts"], ["produce", "-"], ["worker"], ["rates"]], ids=" ".join)
def test_without_a_broker_or_worker_one_sentence_is_said_and_the_exit_code_is_3(command: list[str]) -> None:
    done = run(*command, given=body("a"), env={"PRESETWATCH_WEB_PORT": "20999"})
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "PRESETWATCH_" in done.stderr


@pytest.mark.parametrize(
    "command", [["alerts"], ["worker"], ["up"], ["demo"], ["broker"], ["replay", "-"]], ids=" ".join
)
def test_settings_that_do_not_fit_are_named_one_a_line(command: list[str]) -> None:
    done = run(*command, env={"PRESETWATCH_PARTITIONS": "none", "PRESETWATCH_WEB_PORT": "0"})
    assert (done.exit_code, done.stdout) == (1, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "PRESETWATCH_PARTITIONS",
        "PRESETWATCH_WEB_PORT",
    ]


@pytest.mark.parametrize("command", ["worker", "up", "demo"])
def test_faulty_rules_are_named_before_anything_starts(command: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nname = "a"\nkind = "nothing"\n')
    done = run(command, env={"PRESETWATCH_RULES": str(file), "PRESETWATCH_DATA_DIR": str(tmp_path / "data")})
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{file}:1: unknown kind 'nothing'")
    assert not (tmp_path / "data").exists()


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "bodies.ndjson"
    file.write_bytes(b"".join(one.value + b"\n" for one in generate(7, 20)))
    command = [sys.executable, "-m", "stream", "replay", str(file), "--rules", str(DEMO_RULES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said


def test_no_colours_go_to_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream", "rules", "check"],
        env={**os.environ, "TERM": "xterm-256color"},
        capture_output=True,
        check=True,
    )
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_waiting_and_later_ones_change_nothing(number: signal.Signals) -> None:
    steps = []
    before = signal.getsignal(number)
    with until_told_to_stop():
        try:
            signal.raise_signal(number)
            steps.append("went on")
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            steps.append("stopped")
    assert steps == ["stopped"]
    assert signal.getsignal(number) is before
