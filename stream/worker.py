"""A worker process, from settings to exit status.

Law: a worker that cannot start says why in one sentence; one that cannot go on stops, so that whoever supervises it
starts another.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from threading import Timer

import faust
import structlog
import uvloop

from stream.domain.rules import RuleSet
from stream.logs import configure_logs
from stream.memory import spare_the_collector
from stream.pipeline import Pipeline
from stream.reloading import Reloading
from stream.rules_file import Fault, default_rules_path, read
from stream.settings import Settings
from stream.topics import Unfit, ensure_topics, identify
from stream.web.metrics import VERSION
from stream.web.views import Views


def read_rules(settings: Settings, path: Path | None = None) -> RuleSet | tuple[Fault, ...]:
    """Read a rules file, that of the settings or the built-in one."""
    return read(path or settings.rules or default_rules_path(), settings.pane)


def prepare(settings: Settings, rules: RuleSet) -> Pipeline | Unfit:
    """Create or check the topics and build the pipeline; raises `KafkaError` when the broker is out of reach."""
    partitions = asyncio.run(ensure_topics(settings))
    return partitions if isinstance(partitions, Unfit) else Pipeline(settings, rules, identify(settings, partitions))


def run(pipeline: Pipeline) -> None:
    """Run a worker until it is told to stop; raises `SystemExit`."""
    configure_logs(pipeline.settings)
    log.info("starting", version=VERSION, app_id=pipeline.settings.app_id, partitions=pipeline.partitions)
    Views(pipeline)
    spare_the_collector()
    # Faust and all it starts run in the thread's loop; with this one steady traffic takes an eighth less of a core.
    asyncio.set_event_loop(uvloop.new_event_loop())
    Path(pipeline.app.conf.datadir).parent.mkdir(parents=True, exist_ok=True)
    worker = PatientWorker(pipeline.app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.reloading = pipeline.reloading
    worker.spinner = None  # it draws on stdout, terminal or not
    worker.execute_from_commandline()


STOP_SECONDS = 20.0
"""Whoever supervises a worker commonly kills it after thirty."""

log = structlog.get_logger(__name__)


class PatientWorker(faust.Worker):
    """A worker that stops in good order, but not for ever.

    Faust waits without end for the broker to take its last commit. One that never answers would leave a worker that
    counts nothing any more and still keeps its partitions from others.
    """

    reloading: Reloading

    def install_signal_handlers(self) -> None:
        """Read the rules file at SIGHUP, too; in a terminal that signal means that the terminal is gone."""
        super().install_signal_handlers()
        if not sys.stdin.isatty():
            self.loop.add_signal_handler(signal.SIGHUP, self.reloading.ask)

    async def stop(self) -> None:
        """Stop; after a while at once, which loses nothing: whoever takes over counts on from the journal."""
        log.info("stopping")
        timer = Timer(STOP_SECONDS, end_at_once)
        timer.daemon = True
        timer.start()
        await super().stop()


def end_at_once() -> None:
    """End this process without waiting for anyone."""
    log.error("stop_took_too_long", seconds=STOP_SECONDS, detail="Ended at once; the journal has all that counts.")
    os._exit(1)
