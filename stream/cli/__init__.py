"""The command line. Each module holds a group of commands; this one says which there are and how they end.

Law: whatever is expected to go wrong ends a command with one sentence and its exit code, in one place, here.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from stream.cli.output import Ended, ExitCode, abandon_stdout, flush, say

ABOUT = """Tells you when your Daily batch-processor jobs start failing.

See it work with `presetwatch demo`; use it with `presetwatch up`; ask
`presetwatch doctor` what is wrong.

Settings are environment variables with the prefix PRESETWATCH_, or lines
of a .env file in the current folder.

Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 a broker or worker is
out of reach.
"""


MODULES = {
    "up": "up",
    "demo": "demo",
    "worker": "run",
    "gateway": "receive",
    "broker": "run",
    "produce": "feed",
    "replay": "replay",
    "alerts": "look",
    "rates": "look",
    "top": "top",
    "reconcile": "reconcile",
    "webhook": "webhook",
    "notify": "notify",
    "rules": "check",
    "schema": "check",
    "doctor": "doctor",
}
"""Which module holds each command, in the order they are listed in."""


class _WhenAsked(dict[str, Any]):
    """Commands by name. What a command needs is imported when it is asked for: all of it takes more than a second."""

    def __getitem__(self, name: str) -> Any:
        if super().__getitem__(name) is None:
            self[name] = _load(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401  # that of a dict does not ask `__getitem__`


def _load(name: str) -> Any:
    module = import_module(f"{__name__}.{MODULES[name]}")
    group: typer.Typer | None = getattr(module, f"{name}_app", None)
    if group is not None:
        command = get_group(group)
        command.name = name
        return command
    alone = typer.Typer(add_completion=False)
    alone.command()(getattr(module, name))
    return get_command(alone)


class _Commands(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _WhenAsked(dict.fromkeys(MODULES))

    def invoke(self, ctx: Any) -> Any:
        """Run a command and give its ending the exit code that is documented."""
        try:
            result = super().invoke(ctx)
            flush()
        except Ended as ending:
            say(str(ending), style="red")
            raise typer.Exit(ending.code) from None
        except BrokenPipeError:
            # Whoever read our output, such as `head`, has what they wanted.
            abandon_stdout()
            raise typer.Exit(ExitCode.DONE) from None
        except OSError as error:
            if error.filename is None:
                raise
            say(f"{error.filename} cannot be used ({error.strerror}): mend that, or name another.", style="red")
            raise typer.Exit(ExitCode.WRONG) from None
        return result


app = typer.Typer(cls=_Commands, help=ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _begin() -> None:
    # Typer makes a group of an app that has this, though no command is imported yet.
    pass


def main() -> None:
    """Run the command line."""
    app(prog_name="presetwatch")
