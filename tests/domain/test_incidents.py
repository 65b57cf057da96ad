"""The plan of a demo run: it fits the run, leaves a healthy end, and its expectations can be met."""

import tomllib
from pathlib import Path

import pytest

from stream.local import incidents
from stream.local.incidents import DEMO_EPOCH_MS, plan

SEED, MINUTES = 7, 30
MINUTE_MS = 60_000
TAIL_MS = 4 * MINUTE_MS
RULES = Path(incidents.__file__).with_name("demo_rules.toml")


def test_another_start_moves_the_plan_as_a_whole() -> None:
    later = plan(SEED, MINUTES, DEMO_EPOCH_MS + 5)
    assert [one.starts_at_ms - 5 for one in later] == [one.starts_at_ms for one in plan(SEED, MINUTES)]


@pytest.mark.parametrize(
    ("minutes", "count"), [(-1, 0), (0, 0), (1, 1), (4, 1), (5, 1), (19, 1), (20, 4), (30, 4), (600, 4)]
)
def test_a_plan_fits_its_run(minutes: int, count: int) -> None:
    planned = plan(SEED, minutes)
    ends = DEMO_EPOCH_MS + minutes * MINUTE_MS
    assert len(planned) == count
    assert all(DEMO_EPOCH_MS <= one.starts_at_ms < one.ends_at_ms <= ends for one in planned)


@pytest.mark.parametrize("minutes", [20, 23, 30, 600])
def test_a_full_run_ends_with_four_healthy_minutes(minutes: int) -> None:
    assert plan(SEED, minutes)[-1].ends_at_ms <= DEMO_EPOCH_MS + minutes * MINUTE_MS - TAIL_MS


def test_every_expected_rule_is_in_the_demos_rules_file_and_all_of_them_are_expected() -> None:
    rules = tomllib.loads(RULES.read_text())["rule"]
    expected = {name for incident in plan(SEED, MINUTES) for name in incident.expected_rules}
    assert expected == {rule["name"] for rule in rules}
