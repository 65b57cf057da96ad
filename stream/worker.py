"""A worker process, from settings to exit status.

Law: a worker that cannot start says why in one sentence; one that cannot go on stops, so that whoever supervises it
starts another.
"""

import asyncio
from pathlib import Path

import faust

from stream.domain.rules import RuleSet
from stream.pipeline import Pipeline
from stream.rules_file import Fault, default_rules_path, read
from stream.settings import Settings
from stream.topics import Unfit, ensure_topics
from stream.web.views import Views


def read_rules(settings: Settings, path: Path | None = None) -> RuleSet | tuple[Fault, ...]:
    """Read a rules file, that of the settings or the built-in one."""
    return read(path or settings.rules or default_rules_path(), settings.pane)


def prepare(settings: Settings, rules: RuleSet) -> Pipeline | Unfit:
    """Create or check the topics and build the pipeline; raises `KafkaError` when the broker is out of reach."""
    partitions = asyncio.run(ensure_topics(settings))
    return partitions if isinstance(partitions, Unfit) else Pipeline(settings, rules, partitions)


def run(pipeline: Pipeline) -> None:
    """Run a worker until it is told to stop; raises `SystemExit`."""
    Views(pipeline)
    Path(pipeline.app.conf.datadir).parent.mkdir(parents=True, exist_ok=True)
    worker = faust.Worker(pipeline.app, loglevel=pipeline.settings.log_level, redirect_stdouts=False)
    worker.execute_from_commandline()
