"""Every scenario through the pure fold."""

import pytest

from stream.domain.causes import Causes
from stream.domain.replay import Replay, Replayed
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.rules_file import load
from stream.settings import Settings
from tests.scenarios.timelines import SCENARIOS, Scenario, told


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_timeline_says_what_it_should(scenario: Scenario) -> None:
    settings = Settings()
    rules = load(scenario.rules, "rules.toml", settings.pane)
    assert isinstance(rules, RuleSet), rules
    causes = Causes(rules.reasons)
    replay = Replay(counting_policy(settings, rules), deciding_policy(settings, rules, causes, 1), causes)
    log = [Replayed(0, n, at, key, value) for n, (at, key, value) in enumerate(scenario.deliveries())]
    assert tuple(told(event) for event in replay.run(log)) == scenario.expected
