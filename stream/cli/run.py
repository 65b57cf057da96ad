"""`worker`, `broker` and `up`: the parts that run until they are told to stop.

Law: whatever a part needs is checked before it starts, and one signal stops it with nothing left behind.
"""

from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import NoReturn

import typer
from aiokafka.errors import KafkaError

from stream.cli import given
from stream.cli.ask import at_the_gateway, web_url
from stream.cli.kept_secret import keep_secret, secret_in
from stream.cli.lifetime import until_told_to_stop
from stream.cli.machine import (
    broker_of,
    check_broker,
    check_gateway_port,
    check_port,
    embedded_broker,
    gateway_process,
    worker_process,
)
from stream.cli.output import ExitCode, flush, out_of_reach, say, working, write_line, wrong
from stream.cli.reach import describe, fit_topics, quiet, talk
from stream.cli.worker_log import leave_out_expected_tracebacks
from stream.counting_stage import StateUnusable
from stream.domain.rules import RuleSet
from stream.gateway.openapi import WEBHOOKS_PATH
from stream.logs import configure_logs
from stream.pipeline import Pipeline
from stream.settings import PREFIX, Settings
from stream.topics import Unfit
from stream.worker import prepare, run

LOOK_SECONDS = 0.2
"""How often a part that waits looks whether what it started still runs."""


def worker() -> None:
    """Count events, decide on alerts and serve the API, until told to stop.

    Any number of workers with the same PRESETWATCH_APP_ID share the work.
    One that is killed is taken over from within seconds, and nothing is
    counted twice. Logs go to stderr.

    For example:
      PRESETWATCH_KAFKA_BOOTSTRAP=kafka:9092 presetwatch worker

    Settings: PRESETWATCH_KAFKA_BOOTSTRAP and its like for TLS and SASL,
    PRESETWATCH_APP_ID, PRESETWATCH_RULES, PRESETWATCH_WEB_PORT.
    """
    settings = given.settings()
    rules = given.rules(settings, given.rules_path(settings))
    _refuse_strangers(settings)
    check_port(settings)
    pipeline = _prepare(settings, rules)
    leave_out_expected_tracebacks()
    try:
        run(pipeline)
    except SystemExit as end:
        raise _ending(settings, pipeline, end) from None


def _refuse_strangers(settings: Settings) -> None:
    if settings.is_open_to_strangers:
        raise wrong(
            f"With {PREFIX}WEB_HOST={settings.web_host} whoever reaches this machine may read everything: set "
            f"{PREFIX}WEB_TOKEN, or {PREFIX}WEB_PUBLIC=true if that is meant."
        )


def _prepare(settings: Settings, rules: RuleSet) -> Pipeline:
    configure_logs(settings)
    try:
        with quiet():
            pipeline = prepare(settings, rules)
    except KafkaError as error:
        raise out_of_reach(describe(settings, error)) from None
    if isinstance(pipeline, Unfit):
        raise wrong(pipeline.sentence)
    return pipeline


def _ending(settings: Settings, pipeline: Pipeline, end: SystemExit) -> Exception:
    crash = pipeline.app.crash_reason
    if isinstance(crash, StateUnusable):
        return wrong(str(crash))
    if isinstance(crash, KafkaError):
        return out_of_reach(describe(settings, crash))
    return typer.Exit(ExitCode.WRONG if end.code else ExitCode.DONE)


def broker() -> None:
    """Run a real one-node Apache Kafka on this machine, until told to stop.

    Nothing needs to be installed; the first start fetches Kafka once, about
    45 MB. It listens on the loopback address only and keeps its data in
    DATA_DIR/broker. Its address goes to stdout.

    For example:
      presetwatch broker

    Settings: PRESETWATCH_DATA_DIR.
    """
    settings = given.settings()
    with until_told_to_stop(), embedded_broker(settings.data_dir / "broker") as embedded:
        write_line(embedded.bootstrap.encode())
        flush()
        _wait(lambda: check_broker(embedded))


def up() -> None:
    """Run everything on this machine: broker, topics, worker and gateway, until told to stop.

    Without PRESETWATCH_KAFKA_BOOTSTRAP a broker is started too and keeps its
    data in DATA_DIR/broker. Without PRESETWATCH_WEBHOOK_HMAC a secret is made
    and kept in DATA_DIR/webhook.env. One Ctrl-C stops it all.

    For example:
      presetwatch up
      presetwatch produce webhooks.ndjson    # in another terminal

    Settings: PRESETWATCH_KAFKA_BOOTSTRAP, PRESETWATCH_DATA_DIR,
    PRESETWATCH_RULES, PRESETWATCH_WEB_PORT, PRESETWATCH_GATEWAY_PORT,
    PRESETWATCH_WEBHOOK_HMAC.
    """
    settings = given.settings()
    given.rules(settings, given.rules_path(settings))
    check_port(settings)
    check_gateway_port(settings)
    with until_told_to_stop(), broker_of(settings, settings.data_dir / "broker") as kafka:
        here = given.settings(**kafka.overrides)
        talk(here, fit_topics(here))
        secret = keep_secret(here)
        logs = here.data_dir / "worker.log", here.data_dir / "gateway.log"
        with (
            worker_process(kafka.overrides, logs[0]) as worker,
            gateway_process({**kafka.overrides, **secret_in(secret)}, logs[1]) as gateway,
        ):
            with working("Starting the worker and the gateway"):
                gateway.wait_until_ready(here)
                worker.wait_until_ready(here)
            _introduce(here, secret, logs)
            _wait(kafka.check, worker.check, gateway.check)


def _introduce(settings: Settings, secret: Path | None, logs: tuple[Path, Path]) -> None:
    url = web_url(settings)
    addresses = {
        "broker": settings.bootstrap,
        "dashboard": url,
        "API": url / "api/rates",
        "webhooks": web_url(at_the_gateway(settings)).with_path(WEBHOOKS_PATH),
        **({} if secret is None else {"secret": secret}),
        "gateway log": logs[1],
        "worker log": logs[0],
    }
    for name, address in addresses.items():
        write_line(f"{name:<11} {address}".encode())
    flush()
    say("Ctrl-C stops everything.")


def _wait(*checks: Callable[[], None]) -> NoReturn:
    while True:
        for check in checks:
            check()
        sleep(LOOK_SECONDS)
