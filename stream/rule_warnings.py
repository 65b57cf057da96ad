"""What a sound rules file says in vain.

Law: a warning changes nothing, and the file works as it is; like a fault it says where, and what to do.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from stream import toml_lines
from stream.domain.annotations import names_in
from stream.domain.rule_base import ErrorRule
from stream.domain.rules import Rule, RuleSet
from stream.rules_file import Fault, read_text

KNOWN_BY: Mapping[str, str] = {
    "baseline": "shift",
    "burn_rate": "burn_rate",
    "budget_left": "burn_rate",
    "budget_ends": "burn_rate",
}
"""The one kind of rule that knows a name, of those that annotations may use."""


def warn(path: Path, rules: RuleSet) -> tuple[Fault, ...]:
    """Return what the rules of a file say in vain."""
    text = read_text(path, "a rules file")
    if isinstance(text, Fault):
        return ()
    lines = toml_lines.locate(text)
    found = (each for position, rule in enumerate(rules.rules) for each in _of_rule(position, rule))
    return tuple(Fault(str(path), toml_lines.line_of(lines, key), f"warning: {what}") for key, what in found)


def _of_rule(position: int, rule: Rule) -> Iterator[tuple[toml_lines.Path, str]]:
    yield from _unknown(("rule", position, "annotations"), rule, rule.annotations)
    for number, override in enumerate(rule.overrides):
        said = (override.model_extra or {}).get("annotations", {})
        yield from _unknown(("rule", position, "overrides", number, "annotations"), rule, said)


def _unknown(
    path: toml_lines.Path, rule: Rule, annotations: Mapping[str, str]
) -> Iterator[tuple[toml_lines.Path, str]]:
    for key, template in annotations.items():
        for name in sorted(names_in(template)):
            if advice := _advice(name, rule):
                yield (*path, key), f"annotations.{key} of {rule.name!r} holds {{{name}}}, which reads n/a: {advice}"


def _advice(name: str, rule: Rule) -> str:
    """Return what to do about a name that a rule has no value for; nothing if it has one."""
    if name == "reason" and isinstance(rule, ErrorRule):
        return "" if rule.is_per_reason else 'add group_by = ["preset", "reason"], or leave it out'
    if name == "reason":
        return "only rules with group_by know it, and silence has no reason, so leave it out"
    kind = KNOWN_BY.get(name, rule.kind)
    return "" if kind == rule.kind else f"only {kind} rules know it, so leave it out"
