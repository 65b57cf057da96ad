"""What the user gives: settings, rules, files and addresses, or the sentence that says what is wrong with them.

Law: nothing is started, sent or written before everything given has been read and found sound.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from stream.cli.lines import Chunked
from stream.cli.output import wrong
from stream.domain.rules import RuleSet
from stream.rules_file import default_rules_path, read
from stream.settings import Settings, read_settings

STDIN = Path("-")


def settings(**given: object) -> Settings:
    """Return the settings, those given on the command line before those of the environment."""
    try:
        return read_settings(**given)
    except ValueError as error:
        raise wrong(str(error)) from None


def rules_path(settings: Settings, given: Path | None = None) -> Path:
    """Return the rules file that applies: the one given, that of the settings, or the built-in one."""
    return given or settings.rules or default_rules_path()


def rules(settings: Settings, path: Path) -> RuleSet:
    """Return the rules of a file; its faults, one a line, end the command."""
    found = read(path, settings.pane)
    if isinstance(found, RuleSet):
        return found
    raise wrong("\n".join(map(str, found)))


@contextmanager
def opened(path: Path) -> Iterator[Chunked]:
    """Open a file, or stdin for `-`, for reading bytes."""
    if path == STDIN:
        yield cast("Chunked", sys.stdin.buffer)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise wrong(f"{path} cannot be read ({error.strerror}): name a file that exists, or - for stdin.") from None
    with file:
        yield file


def size_of(path: Path) -> int | None:
    """Return a file's length in bytes, where it has one."""
    return path.stat().st_size if path.is_file() else None
