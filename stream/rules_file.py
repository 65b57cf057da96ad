"""The rules file, from bytes to rules or to all of its faults. Nothing else reads the file.

Law: any bytes give a rule set or a tuple of faults, never an exception, and a fault says where it is and what to do.
Order: decode, parse as TOML, check each table against its model, check the tables against each other.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from stream import toml_lines
from stream.domain.reasons import DEFAULT_RULES
from stream.domain.rule_fields import Frozen
from stream.domain.rules import AnyRule, RuleSet, SilenceRule
from stream.domain.user_reasons import UserReason
from stream.rule_sentences import Finding, closest, explain


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a rules file; line 0 means the file as a whole."""

    source: str
    line: int
    message: str

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.source, self.line) if part) + f": {self.message}"


MOST_GROUPS = 50
"""Alerts that one rule may have of a preset: four times the built-in reasons."""


class _File(Frozen):
    rule: Annotated[tuple[AnyRule, ...], Field(strict=False)] = ()
    reason: Annotated[tuple[UserReason, ...], Field(strict=False)] = ()


def default_rules_path() -> Path:
    """Return where the rules stand that apply when the user has none of their own."""
    return Path(str(files("stream") / "rules.toml"))


def read(path: Path, pane_ms: int) -> RuleSet | tuple[Fault, ...]:
    """Read a rules file; `pane_ms` is the pane's length in milliseconds."""
    text = read_text(path, "a rules file")
    return (text,) if isinstance(text, Fault) else load(text, str(path), pane_ms)


def read_text(path: Path, what: str) -> str | Fault:
    """Read a file that people write; `what` says in a few words which."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Fault(str(path), 0, f"cannot be read ({error.strerror}): name {what} that exists and is readable")
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")  # Windows editors mark UTF-8 with one
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Fault(str(path), line, f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8")


def load(text: str, source: str, pane_ms: int) -> RuleSet | tuple[Fault, ...]:
    """Read the text of a rules file; `source` names it in faults, `pane_ms` is the pane's length in milliseconds."""
    text = text.removeprefix("\ufeff")  # Windows editors mark UTF-8 with one
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return (syntax_fault(error, text, source),)
    lines = toml_lines.locate(text)
    checked = _check(tables, pane_ms, lines)
    if isinstance(checked, RuleSet):
        return checked
    faults = {Fault(source, toml_lines.line_of(lines, path), message) for path, message in checked}
    return tuple(sorted(faults, key=lambda fault: (fault.line, fault.message)))


def _check(tables: dict[str, Any], pane_ms: int, lines: dict[toml_lines.Path, int]) -> RuleSet | list[Finding]:
    findings = [*_repeated_names(tables, lines), *_split_reasons(tables, lines), *_unknown_reasons(tables)]
    try:
        file = _File.model_validate(tables, context={"pane_ms": pane_ms})
    except ValidationError as error:
        return findings + explain(error)
    findings += _too_many_groups(file)
    if not file.rule:
        findings.append(((), 'holds no [[rule]]: add one, for example name = "no-events" and kind = "silence"'))
    return findings or RuleSet(rules=file.rule, reasons=file.reason)


def _named(tables: dict[str, Any], kind: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    entries = tables.get(kind)
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield position, entry["name"], entry


def _repeated_names(tables: dict[str, Any], lines: dict[toml_lines.Path, int]) -> Iterator[Finding]:
    first: dict[str, toml_lines.Path] = {}
    for position, name, _ in _named(tables, "rule"):
        path: toml_lines.Path = ("rule", position, "name")
        known = first.setdefault(name, path)
        if known != path:
            line = toml_lines.line_of(lines, known)
            yield path, f"name {name!r} is taken by the rule at line {line}: names are unique"


def _split_reasons(tables: dict[str, Any], lines: dict[toml_lines.Path, int]) -> Iterator[Finding]:
    # Several entries may share a name, to look for several texts, but a reason's party must not depend on the text.
    first: dict[str, tuple[object, toml_lines.Path]] = {}
    for position, name, entry in _named(tables, "reason"):
        path: toml_lines.Path = ("reason", position, "party")
        party, known = first.setdefault(name, (entry.get("party"), path))
        if entry.get("party") != party:
            line = toml_lines.line_of(lines, known)
            yield path, f"party of reason {name!r} differs from that at line {line}: a reason belongs to one party"


def _unknown_reasons(tables: dict[str, Any]) -> Iterator[Finding]:
    # A misspelt reason would leave a rule that never fires.
    known = {rule.name for rule in DEFAULT_RULES} | {name for _, name, _ in _named(tables, "reason")}
    for position, _, entry in _named(tables, "rule"):
        reasons = entry.get("reasons")
        for reason in reasons if isinstance(reasons, list) else ():
            if isinstance(reason, str) and reason not in known:
                hint = closest(reason, known) or f"; known are {', '.join(sorted(known))}"
                yield ("rule", position, "reasons"), f"unknown reason {reason!r}{hint}"


def _too_many_groups(file: _File) -> Iterator[Finding]:
    # Each group is evaluated at every tick of every preset.
    parties = {rule.name: rule.party for rule in DEFAULT_RULES} | {reason.name: reason.party for reason in file.reason}
    for position, rule in enumerate(file.rule):
        if isinstance(rule, SilenceRule) or not rule.is_per_reason:
            continue
        asked = [name for name, party in parties.items() if not rule.parties or party in rule.parties]
        groups = len(set(rule.reasons) or asked)
        if groups > MOST_GROUPS:
            message = f"group_by makes {groups} alerts of each preset, and the most is {MOST_GROUPS}"
            yield (
                ("rule", position, "group_by"),
                f'{message}: name the reasons that matter, as in reasons = ["timeout"]',
            )


_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_QUOTES = 'texts and durations need quotes, as in window = "5m"'
_SYNTAX = {
    "Cannot overwrite a value": "this key is given twice",
    "Expected newline or end of document after a statement": f"unexpected text after the value: {_QUOTES}",
    "Invalid value": f"no TOML value: {_QUOTES}",
}


def syntax_fault(error: Exception, text: str, source: str) -> Fault:
    """Return the fault of a text that is no TOML."""
    if not isinstance(error, tomllib.TOMLDecodeError):
        return Fault(source, 0, "is nested too deeply, or holds too long a number, to be read")
    at = _AT.search(str(error))
    line = int(at[1]) if at and at[1] else len(text.rstrip("\n").split("\n"))
    what = _AT.sub("", str(error))
    return Fault(source, line, _SYNTAX.get(what, f"is not valid TOML: {what[:1].lower()}{what[1:]}"))
