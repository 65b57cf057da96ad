"""The command line. Each module holds a group of commands; this one says which there are and how they end.

Law: whatever is expected to go wrong ends a command with one sentence and its exit code, in one place, here.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from stream.cli import check, demo, doctor, feed, look, notify, receive, reconcile, replay, run, top, webhook
from stream.cli.output import Ended, ExitCode, abandon_stdout, flush, say

ABOUT = """Tells you when your Daily batch-processor jobs start failing.

See it work with `presetwatch demo`; use it with `presetwatch up`; ask
`presetwatch doctor` what is wrong.

Settings are environment variables with the prefix PRESETWATCH_, or lines
of a .env file in the current folder.

Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 a broker or worker is
out of reach.
"""


class _Commands(TyperGroup):
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
app.command()(run.up)
app.command()(demo.demo)
app.command()(run.worker)
app.command()(receive.gateway)
app.command()(run.broker)
app.command()(feed.produce)
app.command()(replay.replay)
app.command()(look.alerts)
app.command()(look.rates)
app.command()(top.top)
app.command()(reconcile.reconcile)
app.add_typer(webhook.webhook_app, name="webhook")
app.add_typer(notify.notify_app, name="notify")
app.add_typer(check.rules_app, name="rules")
app.add_typer(check.schema_app, name="schema")
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line."""
    app(prog_name="presetwatch")
