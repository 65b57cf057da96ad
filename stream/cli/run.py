"""`worker` and `broker`: parts that run until they are told to stop.

Law: whatever a part needs is checked before it starts, and one signal stops it with nothing left behind.
"""

import typer
from aiokafka.errors import KafkaError

from stream.cli import given
from stream.cli.lifetime import keep_checking, until_told_to_stop
from stream.cli.machine import check_broker, check_port, embedded_broker
from stream.cli.output import ExitCode, flush, out_of_reach, write_line, wrong
from stream.cli.reach import describe, quiet
from stream.cli.worker_log import leave_out_expected_tracebacks
from stream.counting_stage import StateUnusable
from stream.domain.rules import RuleSet
from stream.logs import configure_logs
from stream.pipeline import Pipeline
from stream.settings import PREFIX, Settings
from stream.topics import Unfit
from stream.worker import prepare, run


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
        keep_checking(lambda: check_broker(embedded))
