"""`top`: the dashboard's essentials over SSH.

Law: what is shown is called live only while a worker answers; where nobody watches a terminal, one look is written.
"""

from time import sleep
from typing import Annotated, Any

import typer
from rich.live import Live

from stream.cli import given
from stream.cli.ask import Answer, NoAnswer, ask
from stream.cli.lifetime import until_told_to_stop
from stream.cli.look import AsJson, insist
from stream.cli.output import out, out_of_reach, write_line
from stream.cli.top_view import top_view
from stream.settings import Settings

LOOK_SECONDS = 1.0


def top(
    window: Annotated[str, typer.Option(help="How far back rates look, as in 30s, 5m, 24h.")] = "5m",
    as_json: AsJson = False,
) -> None:
    """Watch what fires and how presets fare, until told to stop.

    It shows what the dashboard does, the worst first, and looks again every
    second. Into a pipe or with --json it writes one look and ends.

    For example:
      presetwatch top
      presetwatch top --json | jq -r .verdict.sentence

    Settings: PRESETWATCH_WEB_HOST, PRESETWATCH_WEB_PORT, PRESETWATCH_WEB_TOKEN.
    """
    settings = given.settings()
    first = insist(settings, _ask(settings, window))
    if as_json:
        write_line(first.body)
    elif out().is_terminal:
        with until_told_to_stop():
            _watch(settings, window, _read(first))
    else:
        out().print(top_view(_read(first), lines=1_000, columns=out().width))


def _ask(settings: Settings, window: str) -> Answer | NoAnswer:
    return ask(settings, "/api/overview", {"window": window})


def _read(answer: Answer) -> Any:
    overview = answer.json()
    if not isinstance(overview, dict) or "verdict" not in overview:
        raise out_of_reach("What answers is no presetwatch worker, or one of another version.")
    return overview


def _watch(settings: Settings, window: str, overview: Any) -> None:
    console = out()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        trouble = ""
        while True:
            live.update(top_view(overview, console.height, trouble, console.width), refresh=True)
            sleep(LOOK_SECONDS)
            answer = _ask(settings, window)
            trouble = _trouble(answer)
            overview = overview if isinstance(answer, NoAnswer) or trouble else _read(answer)


def _trouble(answer: Answer | NoAnswer) -> str:
    if isinstance(answer, NoAnswer):
        return f"the worker does not answer ({answer.why})."
    return "" if answer.status == 200 else answer.sentence()
