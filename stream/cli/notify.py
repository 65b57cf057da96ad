"""`notify` and what belongs to it: telling people, checking who would be told, and trying whether they can be.

Law: the notify file is read and found sound before anything is sent.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web
from aiokafka.errors import KafkaError
from rich.table import Table
from rich.text import Text

from stream.cli import given, given_plan
from stream.cli.output import counted, out, out_of_reach, say, write_line, wrong
from stream.cli.reach import ANSWERS_WITHIN_SECONDS, describe, quiet
from stream.domain.duration import format_duration
from stream.domain.rules import Rule, RuleSet
from stream.logs import configure_logs
from stream.notify.channels.outcome import Failed
from stream.notify.health import application
from stream.notify.plan import Plan, Route
from stream.notify.senders import senders_of
from stream.notify.service import Notifier
from stream.notify.topics import ensure_topics
from stream.notify.trial import try_out
from stream.settings import PREFIX, Settings

notify_app = typer.Typer()
File = Annotated[Path | None, typer.Argument(help=f"A notify file; without one, that of {PREFIX}NOTIFY.")]


@notify_app.callback(invoke_without_command=True)
def notify(context: typer.Context) -> None:
    """Read the alerts topic and tell people and programs, until told to stop.

    Who is told what stands in a notify file; docs/notify.md explains it. Any
    number of notifiers may run: one tells, the others stand by. After a
    restart what was told is not told again, and what was not told is.

    For example:
      PRESETWATCH_NOTIFY=notify.toml presetwatch notify
      presetwatch notify check notify.toml
      presetwatch notify test notify.toml

    Settings: PRESETWATCH_NOTIFY, PRESETWATCH_KAFKA_BOOTSTRAP and its like,
    PRESETWATCH_ALERTS_TOPIC, PRESETWATCH_NOTIFY_HOST, PRESETWATCH_NOTIFY_PORT.
    """
    if context.invoked_subcommand:
        return
    settings = given.settings()
    plan = given_plan.plan(settings)
    configure_logs(settings)
    with quiet():
        failure = asyncio.run(_reach(settings))
    if failure:
        raise out_of_reach(describe(settings, failure))
    asyncio.run(_run(settings, plan))


async def _reach(settings: Settings) -> Exception | None:
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            await ensure_topics(settings)
    except (KafkaError, TimeoutError) as error:
        return error
    return None


async def _run(settings: Settings, plan: Plan) -> None:
    until = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    notifier = Notifier(settings, plan, senders_of(plan))
    try:
        async with _served(settings, notifier):
            await notifier.run(until)
    except KafkaError as error:
        raise out_of_reach(describe(settings, error)) from None


@asynccontextmanager
async def _served(settings: Settings, notifier: Notifier) -> AsyncIterator[None]:
    runner = web.AppRunner(application(notifier), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.notify_host, settings.notify_port).start()
    except OSError as error:
        await runner.cleanup()
        raise wrong(
            f"Cannot serve at {settings.notify_host}:{settings.notify_port} ({error.strerror}): set "
            f"{PREFIX}NOTIFY_PORT to a port that is free."
        ) from None
    try:
        yield
    finally:
        await runner.cleanup()


@notify_app.command("check")
def check_plan(file: File = None) -> None:
    """Check a notify file: who hears of which rule, or every fault with its line.

    For example:
      presetwatch notify check notify.toml

    Settings: PRESETWATCH_NOTIFY, and PRESETWATCH_RULES, for the rules that
    are looked up in it.
    """
    settings = given.settings()
    plan = given_plan.plan(settings, file)
    rules = given.rules(settings, given.rules_path(settings))
    out().print(plan_table(plan, rules))
    channels, routes = counted(len(plan.channels), "channel"), counted(len(plan.routes), "route")
    write_line(f"{file or settings.notify}: {channels} and {routes}, all sound.".encode())
    for rule in rules.rules:
        if not _routes_of(plan, rule):
            say(f"Nobody is told of {rule.name}: no route matches it.", style="yellow")
    for idle in sorted(
        {each.name for each in plan.channels} - {name for each in plan.routes for name in each.channels}
    ):
        say(f"The channel {idle} is told nothing: no route names it.", style="yellow")


def plan_table(plan: Plan, rules: RuleSet) -> Table:
    """Return a table with a row for each rule and each route that it takes."""
    table = Table("rule", "severity", "presets", "told", "how", box=None, header_style="bold", pad_edge=False)
    for rule in rules.rules:
        for route in _routes_of(plan, rule):
            cells = rule.name, rule.severity, ", ".join(route.presets), ", ".join(route.channels), _how(route)
            table.add_row(*map(Text, cells))
    return table


def _routes_of(plan: Plan, rule: Rule) -> list[Route]:
    """Return the routes that a rule's alerts may take, each by its own presets."""
    found = []
    for route in plan.routes:
        if route.hears(rule.name, rule.severity):
            found.append(route)
            if "*" in route.presets and not route.goes_on:
                break
    return found


def _how(route: Route) -> str:
    if route.digest_ms:
        return f"digest every {format_duration(route.digest_ms)}"
    repeat = f", again every {format_duration(route.repeat_ms)}" if route.repeat_ms else ""
    return f"after {format_duration(route.group_window_ms)}{repeat}"


@notify_app.command("test")
def try_channels(
    file: File = None,
    channel: Annotated[list[str] | None, typer.Option(help="Only this channel; may be given again.")] = None,
) -> None:
    """Send a made-up alert to every channel and say who has taken it.

    It says that it is a test, goes past all routes and touches no topic.

    For example:
      presetwatch notify test notify.toml --channel oncall

    Settings: PRESETWATCH_NOTIFY.
    """
    plan = given_plan.plan(given.settings(), file)
    names = channel or [each.name for each in plan.channels]
    if unknown := set(names) - {each.name for each in plan.channels}:
        raise wrong(f"There is no channel {', '.join(sorted(unknown))} in the notify file.")
    failed = []
    for name, outcome in asyncio.run(try_out(plan, names)):
        write_line(f"{name}: {outcome.why if isinstance(outcome, Failed) else 'taken'}".encode())
        failed += [name] if outcome else []
    if failed:
        raise out_of_reach(f"Not taken by {', '.join(failed)}: see the reasons above and mend the notify file.")
