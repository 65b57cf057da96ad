"""The demo's traffic through the pure fold: what was injected is found while it lasts, ends, and is all that is found.

incident          |=========|
its rules fire        |-----------------|   while it lasts, and no other rule for no other preset
they resolve                |...........|   within four minutes of its end
"""

from functools import cache
from pathlib import Path

import pytest

from schemas.alert import AlertEvent, AlertKind, ResolveReason
from stream.cli.reference import number_records
from stream.domain.causes import Causes
from stream.domain.evidence import WHOLE_TOPIC
from stream.domain.replay import Replay
from stream.domain.rules import RuleSet
from stream.local import incidents
from stream.local.incidents import Incident, plan
from stream.local.traffic import generate
from stream.policies import counting_policy, deciding_policy
from stream.rules_file import read
from stream.settings import Settings

MINUTES, PARTITIONS = 20, 4
RESOLVES_WITHIN_MS = 4 * 60_000
CLOCK_BEHIND_MS = 15_000
"""A job that comes late ends a silence at the watermark, which lies the allowed lateness and some of a pane behind."""

RULES = Path(incidents.__file__).with_name("demo_rules.toml")
SEEDS = pytest.mark.parametrize("seed", [7, 8])


def replay(seed: int) -> tuple[AlertEvent, ...]:
    settings = Settings(_env_file=None)
    rules = read(RULES, settings.pane)
    assert isinstance(rules, RuleSet), rules
    causes = Causes(rules.reasons)
    fold = Replay(counting_policy(settings, rules), deciding_policy(settings, rules, causes, PARTITIONS), causes)
    return tuple(fold.run(number_records(generate(seed, MINUTES), PARTITIONS)))


told = cache(replay)


def expected(seed: int) -> dict[tuple[str, str], Incident]:
    """Return the incident of each rule and preset that must be heard of."""
    return {
        (rule, incident.preset or WHOLE_TOPIC): incident
        for incident in plan(seed, MINUTES)
        for rule in incident.expected_rules
    }


def by_alert(seed: int, kind: AlertKind) -> dict[tuple[str, str], AlertEvent]:
    events = [event for event in told(seed) if event.kind is kind]
    found = {(event.rule, event.preset): event for event in events}
    assert len(found) == len(events), "an alert fired or resolved twice"
    return found


@SEEDS
def test_all_four_kinds_of_incident_are_injected(seed: int) -> None:
    assert {incident.kind for incident in plan(seed, MINUTES)} == {"outage", "slow_rise", "customer_burst", "silence"}


@SEEDS
def test_every_incident_fires_its_rules_while_it_lasts(seed: int) -> None:
    fired = by_alert(seed, AlertKind.FIRED)
    for alert, incident in expected(seed).items():
        assert incident.starts_at_ms < fired[alert].at < incident.ends_at_ms, (alert, incident)


@SEEDS
def test_every_alert_resolves_by_recovery_soon_after_its_incident(seed: int) -> None:
    fired, resolved = by_alert(seed, AlertKind.FIRED), by_alert(seed, AlertKind.RESOLVED)
    for alert, incident in expected(seed).items():
        assert resolved[alert].episode == fired[alert].episode
        assert resolved[alert].resolve_reason is ResolveReason.RECOVERED
        assert -CLOCK_BEHIND_MS <= resolved[alert].at - incident.ends_at_ms <= RESOLVES_WITHIN_MS, (alert, incident)


@SEEDS
def test_nothing_but_the_incidents_pages(seed: int) -> None:
    assert by_alert(seed, AlertKind.FIRED).keys() == expected(seed).keys()
    assert by_alert(seed, AlertKind.RESOLVED).keys() == expected(seed).keys()


@SEEDS
def test_two_runs_say_the_same_bytes(seed: int) -> None:
    first, second = told(seed), replay(seed)
    assert first is not second
    assert [event.to_json() for event in first] == [event.to_json() for event in second]
