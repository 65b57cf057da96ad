"""Starting a worker like any other, but for what a test has altered in it."""

import sys
from collections.abc import Callable
from pathlib import Path

from stream.domain.rules import RuleSet
from stream.pipeline import Pipeline
from stream.settings import read_settings
from stream.worker import prepare, read_rules, run


def run_altered(alter: Callable[[Pipeline, Path], None]) -> None:
    """Run a worker whose pipeline is altered first, by what the file says that the last argument names."""
    settings = read_settings()
    rules = read_rules(settings)
    assert isinstance(rules, RuleSet), rules
    pipeline = prepare(settings, rules)
    assert isinstance(pipeline, Pipeline), pipeline
    alter(pipeline, Path(sys.argv.pop()))
    run(pipeline)
