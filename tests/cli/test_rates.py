"""`rates`, asked of a worker that is played by a plain HTTP server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from stream.cli.ask import Answer, NoAnswer, ask, web_url
from stream.settings import Settings
from tests.cli.commands import run

RATE = {
    "preset": "summarize",
    "window_start": "2024-03-25T21:28:30Z",
    "window_end": "2024-03-25T21:33:30Z",
    "errors": 14,
    "finished": 46,
    "total": 60,
    "error_rate": 0.233,
    "error_rate_low": 0.144,
    "error_rate_high": 0.354,
}


class Worker(ThreadingHTTPServer):
    """Gives one answer to all that is asked, and keeps the questions."""

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.answer = status, answer
        self.asked: list[tuple[str, str | None]] = []

    @property
    def env(self) -> dict[str, str]:
        return {"PRESETWATCH_WEB_PORT": str(self.server_port)}


class Handler(BaseHTTPRequestHandler):
    server: Worker

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(status: int, answer: object) -> Iterator[Worker]:
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with Worker(status, raw) as worker:
        Thread(target=worker.serve_forever, daemon=True).start()
        yield worker
        worker.shutdown()


def test_a_person_sees_a_table() -> None:
    with serve(200, {"window": "5m", "rates": [RATE]}) as worker:
        done = run("rates", env=worker.env)
    assert done.exit_code == 0
    assert all(part in done.stdout for part in ("summarize", "14 of 60", "23.3%", "●"))
    assert worker.asked == [("/api/rates?window=5m", None)]


def test_a_program_gets_the_workers_bytes() -> None:
    with serve(200, b'{"window": "5m",  "rates": []}') as worker:
        done = run("rates", "--json", env=worker.env)
    assert (done.exit_code, done.stdout) == (0, '{"window": "5m",  "rates": []}\n')


def test_a_preset_is_asked_for_byte_for_byte_and_with_the_token() -> None:
    with serve(200, RATE) as worker:
        done = run("rates", "a/b c%?#é", "--window", "1h", env={**worker.env, "PRESETWATCH_WEB_TOKEN": "s3cret"})
    assert done.exit_code == 0
    assert worker.asked == [("/api/rates/a%2Fb%20c%25%3F%23%C3%A9?window=1h", "Bearer s3cret")]


@pytest.mark.parametrize(
    ("status", "answer", "code", "sentence"),
    [
        (400, {"detail": "window: 'x' is not a duration"}, 1, "window: 'x' is not a duration"),
        (404, {"detail": "No job of preset 'x' has been seen."}, 1, "No job of preset 'x' has been seen."),
        (404, b"<html>", 1, "The worker answered with status 404."),
        (503, {"detail": "Partition 2 has no owner yet."}, 3, "Partition 2 has no owner yet."),
        (200, b"<html>", 3, "What answers is no presetwatch worker, or one of another version."),
        (200, {"hello": 1}, 3, "What answers is no presetwatch worker, or one of another version."),
    ],
)
def test_a_problem_becomes_one_sentence(status: int, answer: object, code: int, sentence: str) -> None:
    with serve(status, answer) as worker:
        done = run("rates", "x", env=worker.env)
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", f"{sentence}\n")


def test_nobody_there_is_no_answer() -> None:
    assert ask(Settings(_env_file=None, web_port=1), "/readyz") == NoAnswer("nothing listens there")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:6066/"),
        ("0.0.0.0", "http://127.0.0.1:6066/"),
        ("::", "http://[::1]:6066/"),
        ("kafka.example", "http://kafka.example:6066/"),
    ],
)
def test_a_worker_that_listens_everywhere_is_reached_on_this_machine(host: str, url: str) -> None:
    assert str(web_url(Settings(_env_file=None, web_host=host))) == url


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(Answer(500, b"[1]"), "The worker answered with status 500."), (Answer(400, b'{"detail": "no"}'), "no")],
)
def test_an_answer_always_has_a_sentence(answer: Answer, sentence: str) -> None:
    assert answer.sentence() == sentence
