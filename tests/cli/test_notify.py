"""`notify`, as far as it needs no broker: what it teaches, checks and tries."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.cli.commands import run
from tests.notify.alerts import PEOPLE, PROGRAM, WEBHOOK_SECRET


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A notify file with one webhook that nobody answers."""
    path = tmp_path / "notify.toml"
    path.write_text(PROGRAM)
    return path


@contextmanager
def listening(port_of: list[tuple[dict[str, str], bytes]]) -> Iterator[str]:
    """Take what is posted, in a thread, since a command has an event loop of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that the library calls
            port_of.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_sound_file_is_shown_as_who_hears_of_which_rule(file: Path) -> None:
    done = run("notify", "check", str(file))
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:4] == ["high-error-rate", "critical", "*", "tickets"]
    assert done.stdout.splitlines()[-1] == f"{file}: 1 channel and 1 route, all sound."


def test_a_channel_that_no_route_names_is_named(file: Path) -> None:
    file.write_text(PEOPLE.split("\n[[route]]")[0] + PROGRAM)
    done = run("notify", "check", str(file))
    assert (done.exit_code, done.stderr) == (0, "The channel chat is told nothing: no route names it.\n")


def test_rules_that_nobody_hears_of_are_named(file: Path) -> None:
    file.write_text(PROGRAM + 'rules = ["high-*", "nothing-works", "slow-rise"]\n')
    done = run("notify", "check", str(file))
    assert done.exit_code == 0
    assert [line.split()[4] for line in done.stderr.splitlines()] == ["low-traffic:", "customer-errors:", "no-events:"]


@pytest.mark.parametrize("command", [["notify"], ["notify", "check"], ["notify", "test"]], ids=" ".join)
def test_faults_of_the_file_that_applies_are_named_with_their_lines(command: list[str], file: Path) -> None:
    file.write_text(PROGRAM.replace('"webhook"', '"webhok"') + "repeat = 4\n")
    done = run(*command, env={"PRESETWATCH_NOTIFY": str(file)})
    assert (done.exit_code, done.stdout) == (1, "")
    assert [line.split(" ")[0] for line in done.stderr.splitlines()] == [f"{file}:1:", f"{file}:9:"]


@pytest.mark.parametrize("command", [["notify"], ["notify", "check"], ["notify", "test"]], ids=" ".join)
def test_without_a_file_it_is_said_how_to_name_one(command: list[str]) -> None:
    done = run(*command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "PRESETWATCH_NOTIFY" in done.stderr


def test_without_a_broker_one_sentence_is_said(file: Path) -> None:
    done = run("notify", env={"PRESETWATCH_NOTIFY": str(file)})
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "PRESETWATCH_KAFKA_BOOTSTRAP" in done.stderr


def test_a_trial_reaches_every_channel_and_says_who_has_taken_it(file: Path) -> None:
    got: list[tuple[dict[str, str], bytes]] = []
    with listening(got) as address:
        file.write_text(PROGRAM.replace("127.0.0.1:1", address) + PEOPLE.replace("127.0.0.1:1", address))
        done = run("notify", "test", str(file))
    assert (done.exit_code, done.stdout) == (0, "tickets: taken\nchat: taken\n"), done.output
    hooks = [(headers, body) for headers, body in got if "webhook-id" in headers]
    [said] = [json.loads(body) for headers, body in got if "webhook-id" not in headers]
    assert Webhook(WEBHOOK_SECRET).verify(hooks[0][1], hooks[0][0])["data"]["labels"] == {"test": "true"}
    assert said["title"] == "[info] This is a test of presetwatch notify: nothing has happened"


def test_a_channel_that_takes_nothing_is_named_with_the_reason(file: Path) -> None:
    done = run("notify", "test", str(file), "--channel", "tickets")
    assert (done.exit_code, done.stdout) == (3, "tickets: cannot be reached (Connection refused)\n")
    assert "Not taken by tickets" in done.stderr


def test_a_channel_that_there_is_not_is_wrong_input(file: Path) -> None:
    done = run("notify", "test", str(file), "--channel", "tikets")
    assert (done.exit_code, "tikets" in done.stderr) == (1, True)
