"""`alerts` and `rates`: what was decided, from the alerts topic, and what is counted, from a worker.

Law: with `--json` a program gets the very bytes of the topic or the worker; without it a person gets a table.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Annotated
from urllib.parse import quote

import typer
from pydantic import ValidationError

from schemas.rate import Rate
from stream.cli import given
from stream.cli.alert_log import AlertLog, Told, read_alerts
from stream.cli.alert_view import alert_line, alert_table
from stream.cli.ask import Answer, NoAnswer, ask, web_url
from stream.cli.lifetime import until_told_to_stop
from stream.cli.output import flush, out, out_of_reach, say, write_line, wrong
from stream.cli.rate_view import rate_table
from stream.cli.reach import talk
from stream.settings import PREFIX, Settings

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


def alerts(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep on reading until told to stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what has fired and resolved, as the alerts topic tells it.

    The whole topic is read and put in the order of event time; each
    transition is shown once. With --json each line is an alert event,
    byte for byte as on the topic.

    For example:
      presetwatch alerts
      presetwatch alerts --follow --json | jq .annotations.summary

    Settings: PRESETWATCH_KAFKA_BOOTSTRAP, PRESETWATCH_ALERTS_TOPIC.
    """
    settings = given.settings()
    log = AlertLog()
    with until_told_to_stop() if follow else nullcontext():
        talk(settings, _show_alerts(settings, log, follow=follow, as_json=as_json))
    if log.foreign:
        say(f"{log.foreign} records on {settings.alerts_topic} are no alert events and were passed over.")


async def _show_alerts(settings: Settings, log: AlertLog, *, follow: bool, as_json: bool) -> None:
    async for told in read_alerts(settings, log, follow=follow):
        _show(told, as_json=as_json, as_lines=follow)
        flush()


def _show(told: Sequence[Told], *, as_json: bool, as_lines: bool) -> None:
    if as_json:
        for one in told:
            write_line(one.body)
    elif as_lines:
        for one in told:
            out().print(alert_line(one.event), soft_wrap=True)
    elif told:
        out().print(alert_table([one.event for one in told]))
    else:
        say("No alerts so far.")


def rates(
    preset: Annotated[str | None, typer.Argument(help="One preset; all without one. * is the whole topic.")] = None,
    window: Annotated[str, typer.Option(help="How far back to look, as in 30s, 5m, 24h.")] = "5m",
    as_json: AsJson = False,
) -> None:
    """Show how many jobs of each preset failed, as a worker has counted.

    The bar shows the rate and where it may truly lie at 95 % confidence:
    a wide band means few jobs.

    For example:
      presetwatch rates
      presetwatch rates summarize --window 1h --json

    Settings: PRESETWATCH_WEB_HOST, PRESETWATCH_WEB_PORT, PRESETWATCH_WEB_TOKEN.
    """
    settings = given.settings()
    path = "/api/rates" if preset is None else f"/api/rates/{quote(preset, safe='')}"
    answer = insist(settings, ask(settings, path, {"window": window}))
    if as_json:
        write_line(answer.body)
    elif found := _read(answer):
        out().print(rate_table(found, window))
    else:
        say("No jobs have been counted yet.")


def insist(settings: Settings, answer: Answer | NoAnswer) -> Answer:
    """Return an answer, or end the command with what kept it away."""
    if isinstance(answer, NoAnswer):
        raise out_of_reach(
            f"No worker answers at {web_url(settings)} ({answer.why}): start one with `presetwatch worker`, or set "
            f"{PREFIX}WEB_HOST and {PREFIX}WEB_PORT to where one is."
        )
    if answer.status >= 500:  # ours to get over: recovering, or an owner out of reach
        raise out_of_reach(answer.sentence())
    if answer.status != 200:
        raise wrong(answer.sentence())
    return answer


def _read(answer: Answer) -> list[Rate]:
    document = answer.json()
    found = document.get("rates", [document]) if isinstance(document, dict) else [document]
    try:
        return [Rate.model_validate(each) for each in found]
    except ValidationError:
        raise out_of_reach("What answers is no presetwatch worker, or one of another version.") from None
