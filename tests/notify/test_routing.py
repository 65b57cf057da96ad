"""Who is told: the first route that matches decides, by severity, rule and preset."""

from typing import Any

import pytest

from stream.cli.notify import plan_table
from stream.domain.rules import RuleSet
from stream.notify.plan import Plan, Route
from stream.rules_file import default_rules_path, read
from tests.notify.alerts import HOUR, NOON, fired, plan

CHANNELS = "".join(f'[[channel]]\nname = "{name}"\nkind = "apprise"\nurl = "json://127.0.0.1:1"\n' for name in "abc")


def routes(*given: str) -> Plan:
    return plan(CHANNELS + "".join(f"[[route]]\n{route}\n" for route in given))


def told(found: Plan, **given: Any) -> str:
    """Return the names of the channels that hear of an alert."""
    return "".join(each.name for each in found.channels if found.route_to(each.name, fired(**given)))


ROUTES = routes(
    'channels = ["a"]\nseverities = ["critical"]\npresets = ["soap-*", "summarize"]',
    'channels = ["b"]\nrules = ["no-*"]\ncontinue = true',
    'channels = ["b", "c"]\nseverities = ["critical", "warning"]',
)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"preset": "soap-notes"}, "a"),
        ({"preset": "soap-notes", "severity": "warning"}, "bc"),
        ({"preset": "Summarize"}, "bc"),
        ({"preset": "transcript", "severity": "info"}, ""),
        ({"preset": "*", "severity": "info", "rule": "no-events"}, "b"),
        ({"preset": "*", "severity": "warning", "rule": "no-events"}, "bc"),
    ],
)
def test_the_first_route_that_matches_decides_unless_it_goes_on(given: dict[str, str], names: str) -> None:
    assert told(ROUTES, **given) == names


def test_a_channel_hears_by_the_first_route_that_names_it() -> None:
    found = ROUTES.route_to("b", fired(preset="*", severity="warning", rule="no-events"))
    assert found == ROUTES.routes[1]


@pytest.mark.parametrize(
    ("given", "arrived_at", "due_at"),
    [
        ({"group_window": "30s"}, NOON, NOON + 30_000),
        ({"group_window": "0s"}, NOON, NOON),
        ({"digest": "1h"}, NOON, NOON + HOUR),
        ({"digest": "1h"}, NOON + 1, NOON + HOUR),
        ({"digest": "1h"}, NOON - 1, NOON),
        ({"digest": "24h", "digest_at": "8h"}, NOON, NOON + 20 * HOUR),
        ({"digest": "24h", "digest_at": "13h"}, NOON, NOON + HOUR),
    ],
)
def test_what_arrives_is_due_after_the_group_window_or_with_the_next_digest(
    given: dict[str, str], arrived_at: int, due_at: int
) -> None:
    assert Route.model_validate({"channels": ("a",), **given}).due_at(arrived_at) == due_at


def test_the_table_shows_for_each_rule_all_the_routes_that_its_alerts_may_take() -> None:
    rules = read(default_rules_path(), 10_000)
    assert isinstance(rules, RuleSet)
    table = plan_table(ROUTES, rules)
    rows = list(zip(*(map(str, column.cells) for column in table.columns), strict=True))
    assert ("high-error-rate", "critical", "soap-*, summarize", "a", "after 30s, again every 4h") in rows
    assert [row[3] for row in rows if row[0] == "no-events"] == ["b", "b, c"]
    assert [row[3] for row in rows if row[0] == "high-error-rate"] == ["a", "b, c"]
