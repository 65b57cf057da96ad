"""The page for whoever is woken is true: it knows every built-in rule and reason, and whose side each is on."""

import re
from pathlib import Path

from stream.domain.reasons import DEFAULT_RULES
from stream.domain.rules import RuleSet
from stream.rules_file import default_rules_path, load

PAGE = (Path(__file__).parents[2] / "docs" / "on-call.md").read_text("utf-8")


def rows(heading: str) -> dict[str, str]:
    """Return the second cell of a section's table for each name in the first."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (`.*?) \| (.*?) \|", section, re.MULTILINE)
    return {name: second.lower() for names, second in found for name in re.findall(r"`(\w[\w-]*)`", names)}


def test_every_built_in_rule_is_explained_with_its_severity() -> None:
    rules = load(default_rules_path().read_text(), "rules.toml", 10_000)
    assert isinstance(rules, RuleSet)
    assert rows("What the built-in rules mean") == {rule.name: rule.severity for rule in rules.rules}


def test_every_reason_is_explained_with_its_side() -> None:
    assert rows("What the reasons mean") == {rule.name: rule.party for rule in DEFAULT_RULES}
