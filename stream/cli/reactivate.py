"""`webhook reactivate`: webhooks turned on again that Daily has given up on, once or whenever it happens.

Law: without being told which, only webhooks about jobs are touched.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry, start_http_server

from stream.cli import given
from stream.cli.at_daily import ask_daily
from stream.cli.lifetime import until_told_to_stop
from stream.cli.output import Ended, say, wrong
from stream.daily.client import Daily
from stream.daily.failure import DailyFailed, KeyRefused
from stream.daily.watch import Watch, WatchMeters
from stream.daily.wire import Webhook
from stream.domain.duration import parse_duration
from stream.settings import Settings

HOST = "127.0.0.1"
METRICS_PORT_HELP = "With --watch: serve metrics for Prometheus on this port of this machine."


def reactivate(
    uuid: Annotated[
        str | None, typer.Argument(help="One webhook; without one, all about jobs that have failed.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep on looking until told to stop.")] = False,
    every: Annotated[str, typer.Option(help="With --watch: how often to look, as in 30s, 5m.")] = "1m",
    metrics_port: Annotated[int | None, typer.Option(min=1, max=65_535, help=METRICS_PORT_HELP)] = None,
) -> None:
    """Turn on again what Daily has given up on.

    Daily pings the address first, and refuses unless it answers 200. What it
    did not send meanwhile it will not send: `presetwatch reconcile` fetches it.

    For example:
      presetwatch webhook reactivate
      presetwatch webhook reactivate --watch --every 5m --metrics-port 9108

    Settings: PRESETWATCH_DAILY_API_KEY.
    """
    settings = given.settings()
    if not watch:
        _reactivate_once(settings, uuid)
    elif uuid is None:
        _keep_active(settings, every, metrics_port)
    else:
        raise typer.BadParameter("--watch looks after all webhooks about jobs: leave the uuid out.")


def _reactivate_once(settings: Settings, uuid: str | None) -> None:
    if not ask_daily(settings, lambda daily: _reactivate(daily, uuid)):
        say("No webhook about jobs has failed.")


async def _reactivate(daily: Daily, uuid: str | None) -> Sequence[Webhook]:
    webhooks = await daily.webhooks()
    chosen = [each for each in webhooks if _is_meant(each, uuid)]
    if uuid is not None and not chosen:
        raise no_webhook(uuid)
    failures = [failed for webhook in chosen if (failed := await _turn_on(daily, webhook)) is not None]
    for failed in failures[:-1]:
        say(str(failed))
    if failures:
        raise failures[-1]
    return chosen


async def _turn_on(daily: Daily, webhook: Webhook) -> DailyFailed | None:
    """Turn a webhook on; what fails keeps no other from being tried."""
    try:
        await daily.reactivate(webhook)
    except KeyRefused:
        raise
    except DailyFailed as failed:
        return failed
    say(f"Webhook {webhook.uuid} is on again: `presetwatch reconcile` fetches what it has missed.")
    return None


def no_webhook(uuid: str) -> Ended:
    """Return how a command ends that was given the uuid of none."""
    return wrong(f"There is no webhook {uuid}: `presetwatch webhook list` shows those there are.")


def _is_meant(webhook: Webhook, uuid: str | None) -> bool:
    return webhook.has_failed and webhook.is_about_jobs if uuid is None else webhook.uuid == uuid


def _keep_active(settings: Settings, every: str, metrics_port: int | None) -> None:
    seconds, registry = _seconds(every), CollectorRegistry()
    meters = WatchMeters(registry)
    with until_told_to_stop(), _serving(registry, metrics_port):
        say(f"Looking at the webhooks every {every}. Ctrl-C stops it.")
        ask_daily(settings, lambda daily: _watch(Watch(daily, meters, say), seconds))


def _seconds(text: str) -> float:
    try:
        return max(1.0, parse_duration(text) / 1000)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def _serving(registry: CollectorRegistry, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, HOST, registry)
    except OSError as error:
        raise wrong(f"Port {port} cannot be used ({error.strerror}): give another with --metrics-port.") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def _watch(watch: Watch, every_seconds: float) -> None:
    while True:
        await watch.look()
        await asyncio.sleep(every_seconds)
