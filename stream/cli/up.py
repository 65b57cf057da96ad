"""`up`: everything on this machine.

Law: whatever was given is found sound before anything starts, and one signal stops all of it with nothing left behind.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from stream.cli import given, given_plan
from stream.cli.ask import at_the_gateway, at_the_notifier, web_url
from stream.cli.kept_secret import keep_secret, secret_in
from stream.cli.lifetime import keep_checking, until_told_to_stop
from stream.cli.machine import (
    Overrides,
    Part,
    broker_of,
    check_gateway_port,
    check_notifier_port,
    check_port,
    gateway_process,
    notifier_process,
    worker_process,
)
from stream.cli.output import flush, say, working, write_line
from stream.cli.reach import fit_topics, talk
from stream.gateway.openapi import WEBHOOKS_PATH
from stream.settings import PREFIX, Settings


def up() -> None:
    """Run everything on this machine: broker, topics, worker, gateway and notifier, until told to stop.

    Without PRESETWATCH_KAFKA_BOOTSTRAP a broker is started too and keeps its
    data in DATA_DIR/broker. Without PRESETWATCH_WEBHOOK_HMAC a secret is made
    and kept in DATA_DIR/webhook.env. The notifier needs PRESETWATCH_NOTIFY,
    which says who is told. One Ctrl-C stops it all.

    For example:
      presetwatch up
      PRESETWATCH_NOTIFY=notify.toml presetwatch up
      presetwatch produce webhooks.ndjson    # in another terminal

    Settings: PRESETWATCH_KAFKA_BOOTSTRAP, PRESETWATCH_DATA_DIR,
    PRESETWATCH_RULES, PRESETWATCH_WEB_PORT, PRESETWATCH_GATEWAY_PORT,
    PRESETWATCH_WEBHOOK_HMAC, PRESETWATCH_NOTIFY, PRESETWATCH_NOTIFY_PORT.
    """
    settings = given.settings()
    _check_given(settings)
    with until_told_to_stop(), broker_of(settings, settings.data_dir / "broker") as kafka:
        here = given.settings(**kafka.overrides)
        talk(here, fit_topics(here))
        secret = keep_secret(here)
        with ExitStack() as stack:
            parts = _start(stack, here, kafka.overrides, secret_in(secret))
            with working(f"Starting {_listed(parts)}"):
                for part in reversed(parts):
                    part.wait_until_ready(here)
            _introduce(here, secret, parts)
            keep_checking(kafka.check, *(part.check for part in parts))


def _check_given(settings: Settings) -> None:
    given.rules(settings, given.rules_path(settings))
    check_port(settings)
    check_gateway_port(settings)
    if settings.notify:
        given_plan.plan(settings)
        check_notifier_port(settings)


def _start(stack: ExitStack, settings: Settings, overrides: Overrides, secret: Overrides) -> Sequence[Part]:
    """Start all parts; what tells people comes last and goes first."""
    folder = settings.data_dir
    parts = [
        stack.enter_context(worker_process(overrides, folder / "worker.log")),
        stack.enter_context(gateway_process({**overrides, **secret}, folder / "gateway.log")),
    ]
    if settings.notify:
        parts.append(stack.enter_context(notifier_process(overrides, folder / "notifier.log")))
    return parts


def _listed(parts: Sequence[Part]) -> str:
    *others, last = [f"the {part.name}" for part in parts]
    return f"{', '.join(others)} and {last}"


def _introduce(settings: Settings, secret: Path | None, parts: Sequence[Part]) -> None:
    url = web_url(settings)
    addresses = {
        "broker": settings.bootstrap,
        "dashboard": url,
        "API": url / "api/rates",
        "webhooks": web_url(at_the_gateway(settings)).with_path(WEBHOOKS_PATH),
        **({} if secret is None else {"secret": secret}),
        **({} if settings.notify is None else {"notifier": web_url(at_the_notifier(settings)) / "healthz"}),
        **{f"{part.name} log": part.log for part in reversed(parts)},
    }
    for name, address in addresses.items():
        write_line(f"{name:<12} {address}".encode())
    flush()
    say(_who_is_told(settings))
    say("Ctrl-C stops everything.")


def _who_is_told(settings: Settings) -> str:
    if settings.notify:
        return f"People are told of alerts as {settings.notify} says."
    return f"Nobody is told of alerts: to change that, set {PREFIX}NOTIFY to a notify file; docs/notify.md has one."
