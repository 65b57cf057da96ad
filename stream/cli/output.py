"""How a command speaks and ends: results on stdout, all else on stderr, one exit code for each kind of ending.

Law: stdout carries results and nothing else, so it can be piped; whatever goes wrong as expected is one sentence on
stderr; colours, spinners and bars are for terminals only.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

Tell = Callable[[int, str], None]
"""Sets how much is done, and a few words on it."""

WIDTH_WITHOUT_TERMINAL = 160
"""Columns of a table that goes to a file or a pipe, where nothing says how wide it may be."""


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    WRONG = 1
    USAGE = 2
    OUT_OF_REACH = 3


class Ended(Exception):
    """Ends a command early; the message is one sentence for a person."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code


def wrong(sentence: str) -> Ended:
    """Return the ending for input that its user must mend."""
    return Ended(sentence, ExitCode.WRONG)


def out_of_reach(sentence: str) -> Ended:
    """Return the ending for a broker or worker that does not answer."""
    return Ended(sentence, ExitCode.OUT_OF_REACH)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the caller decide what it means that nobody reads on; rich would end the process."""
        raise BrokenPipeError


def out() -> Console:
    """Return the console for results."""
    return _Console(highlight=False, width=_width(sys.stdout.isatty()))


def err() -> Console:
    """Return the console for all that is no result."""
    return _Console(stderr=True, highlight=False, width=_width(sys.stderr.isatty()))


def _width(is_terminal: bool) -> int | None:
    return None if is_terminal or "COLUMNS" in os.environ else WIDTH_WITHOUT_TERMINAL


def say(sentence: str, style: str = "") -> None:
    """Tell the person at the terminal something."""
    err().print(sentence, style=style, markup=False, soft_wrap=True)


def counted(count: int, noun: str) -> str:
    """Return so many of something, as in `1 record` or `1,200 records`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def write_line(line: bytes) -> None:
    """Write one line of results, bytes as they are."""
    sys.stdout.buffer.write(line + b"\n")


def flush() -> None:
    """Let readers of a pipe have what was written so far; raises `BrokenPipeError` when they are gone."""
    sys.stdout.flush()


def abandon_stdout() -> None:
    """Send what is still to be flushed nowhere, because nobody reads it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Show that something is going on; the function it gives says what, now."""
    console = err()
    if not console.is_terminal:
        say(f"{doing} ...")
        yield say
        return
    with console.status(f"{doing} ...") as status:
        yield lambda now: status.update(Text(now))


@contextmanager
def counting_up(doing: str, total: int | None, *, is_hidden: bool = False) -> Iterator[Tell]:
    """Show a bar for `total` bytes, or one without an end."""
    console = err()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=is_hidden or not console.is_terminal,
        redirect_stdout=False,
    ) as progress:
        task = progress.add_task(doing, total=total, words="")
        yield lambda done, words: progress.update(task, completed=done, words=words)
