"""`top` on a terminal, as whoever sits before it sees it: everything is on the screen, and the screen is given back."""

import asyncio
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from select import select
from signal import SIGINT
from subprocess import Popen
from time import monotonic

import pyte
import pytest

from tests.browser.stand_in import StandIn, alert, rate
from tests.cli.test_rates import serve
from tests.cli.test_top import overview

WAITS_SECONDS = 30.0
LONG = "summarize-with-a-very-long-name-that-nobody-thought-of-when-the-table-was-drawn"
MANY = [rate(f"preset-{number}", 1, 90) for number in range(60)]


@dataclass
class Terminal:
    """A terminal, what is on it, and the command that runs there."""

    columns: int
    lines: int
    env: dict[str, str]
    written: bytes = b""
    screen: pyte.Screen = field(init=False)

    def __post_init__(self) -> None:
        self.screen = pyte.Screen(self.columns, self.lines)
        self._stream = pyte.ByteStream(self.screen)
        self.side, theirs = pty.openpty()
        os.set_blocking(self.side, False)
        size = {"COLUMNS": str(self.columns), "LINES": str(self.lines), "TERM": "xterm-256color"}
        self.command = Popen(
            [sys.executable, "-m", "stream", "top"], stdin=theirs, stdout=theirs, stderr=theirs, env=self.env | size
        )
        os.close(theirs)

    def shown(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, text: str) -> str:
        gives_up_at = monotonic() + WAITS_SECONDS
        while text not in self.shown():
            assert monotonic() < gives_up_at, f"{text!r} never came:\n{self.shown()}"
            self.read()
        return self.shown()

    def read(self) -> bool:
        if not select([self.side], [], [], 0.2)[0]:
            return True
        try:
            chunk = os.read(self.side, 65_536)
        except OSError:  # how Linux says that nobody has the other side open any more
            chunk = b""
        self.written += chunk
        self._stream.feed(chunk)
        return bool(chunk)

    def interrupt(self) -> int:
        self.command.send_signal(SIGINT)
        gives_up_at = monotonic() + WAITS_SECONDS
        while self.read() and monotonic() < gives_up_at:
            pass
        return self.command.wait(WAITS_SECONDS)


@contextmanager
def watching(columns: int, lines: int, env: dict[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(columns, lines, os.environ | env)
    try:
        yield terminal
    finally:
        terminal.command.kill()
        terminal.command.wait()
        os.close(terminal.side)


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 40)])
def test_all_of_it_is_on_the_screen_and_each_alert_and_preset_takes_one_line(columns: int, lines: int) -> None:
    rates = [rate("summarize", 14, 60), rate(LONG, 14, 60), *MANY]
    told = asyncio.run(overview(StandIn(rates, [alert("summarize"), alert(LONG), alert("preset-1", "warning")])))
    with serve(200, told) as worker, watching(columns, lines, worker.env) as terminal:
        shown = terminal.wait_for(" lost").split("\n")
        code = terminal.interrupt()
    assert shown[0].startswith("● CRITICAL  Failing now: summarize")
    [ingest] = [line for line in shown if line.startswith("Last 5m")]
    assert ingest == "Last 5m: 7 read, 7 counted, 7 duplicates, 7 late, 2 rejected, 7 lost"
    firing = [line for line in shown if "● critical" in line or "▲ warning" in line]
    assert [line.split()[:2] for line in firing] == [["03-20", "09:42"]] * 3
    assert all("14 of 60  23.3%" in line for line in firing)
    presets = [line for line in shown if line.endswith(("input_forbidden 14", "input_forbidden 1"))]
    assert len([line for line in presets if "of 90" in line]) > lines // 4
    assert sum(line.startswith("and ") and line.endswith(" more") for line in shown) == 1
    assert code == 0
    assert terminal.written.endswith(b"\x1b[?1049l"), "the screen that was there before is back"


def test_a_worker_that_is_gone_is_said_so_and_one_that_is_back_is_live() -> None:
    told = asyncio.run(overview())
    with serve(200, told) as worker, watching(80, 24, worker.env) as terminal:
        terminal.wait_for("● CRITICAL")
        worker.status = 503
        assert "CRITICAL" not in terminal.wait_for("Not live")
        worker.status = 200
        terminal.wait_for("● CRITICAL")
