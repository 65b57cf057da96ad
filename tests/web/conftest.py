"""What the web tests share."""

from pathlib import Path

import pytest

from stream.domain.rules import RuleSet
from stream.health import Health
from stream.pipeline import Pipeline
from stream.rules_file import default_rules_path, read
from stream.settings import Settings
from stream.topics import EventsTopic


@pytest.fixture
def health(tmp_path: Path) -> Health:
    """The health of a worker that has done nothing yet."""
    settings = Settings(_env_file=None, data_dir=tmp_path)
    rules = read(default_rules_path(), settings.pane)
    assert isinstance(rules, RuleSet)
    return Health(Pipeline(settings, rules, EventsTopic(4)))
