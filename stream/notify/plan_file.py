"""The notify file, from bytes to a plan or to all of its faults.

Law: any bytes give a plan or a tuple of faults, never an exception; a fault says where it is and what to do, and quotes
no secret. `${NAME}` stands for a variable of the environment and `${file:PATH}` for what a file holds, in any `url`,
`secret` or `token`, so that the file itself need hold no secret.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stream import toml_lines
from stream.notify.channels.people import is_known
from stream.notify.plan import AppriseChannel, Channel, Plan, Route
from stream.rule_sentences import Finding, closest, phrase
from stream.rules_file import Fault, read_text, syntax_fault

SECRETS = frozenset({"url", "secret", "token"})
_KINDS: dict[str, type[BaseModel]] = {model.model_fields["kind"].default: model for model in get_args(Channel)}
_REFERENCE = re.compile(r"\$\{(?:file:(?P<path>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))\}")


def read_plan(path: Path, environment: Mapping[str, str]) -> Plan | tuple[Fault, ...]:
    """Read a notify file; `environment` has the variables that it may refer to."""
    text = read_text(path, "a notify file")
    return (text,) if isinstance(text, Fault) else load_plan(text, str(path), environment)


def load_plan(text: str, source: str, environment: Mapping[str, str]) -> Plan | tuple[Fault, ...]:
    """Read the text of a notify file; `source` names it in faults."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return (syntax_fault(error, text, source),)
    findings = list(_fill_in(tables, environment))
    checked = findings or _check(tables)
    if isinstance(checked, Plan):
        return checked
    lines = toml_lines.locate(text)
    faults = {Fault(source, toml_lines.line_of(lines, path), message) for path, message in checked}
    return tuple(sorted(faults, key=lambda fault: (fault.line, fault.message)))


def _fill_in(tables: dict[str, Any], environment: Mapping[str, str]) -> Iterator[Finding]:
    for position, channel in _tables(tables, "channel"):
        for key in SECRETS & channel.keys():
            try:
                channel[key] = _filled(channel[key], environment)
            except LookupError as error:
                yield ("channel", position, key), f"{key} {error.args[0]}"


def _filled(value: object, environment: Mapping[str, str]) -> object:
    return _REFERENCE.sub(lambda found: _look_up(found, environment), value) if isinstance(value, str) else value


def _look_up(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found["name"]:
        if not environment.get(found["name"]):
            raise LookupError(f"refers to {found[0]}, which is not set in the environment")
        return environment[found["name"]]
    try:
        return Path(found["path"]).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise LookupError(f"refers to {found[0]}, which cannot be read ({type(error).__name__})") from None


def _tables(tables: dict[str, Any], kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    entries = tables.get(kind)
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield position, entry


def _check(tables: dict[str, Any]) -> Plan | list[Finding]:
    findings = [*_repeated_names(tables), *_unknown_channels(tables)]
    try:
        plan = Plan.model_validate(tables)
    except ValidationError as error:
        return findings + [(_path(found), _sentence(found)) for found in error.errors(include_url=False)]
    for kind, entries in (("channel", plan.channels), ("route", plan.routes)):
        if not entries:
            findings.append(((), f"holds no [[{kind}]]: see docs/notify.md for an example"))
    return findings + list(_unknown_services(plan)) or plan


def _repeated_names(tables: dict[str, Any]) -> Iterator[Finding]:
    seen: set[object] = set()
    for position, channel in _tables(tables, "channel"):
        name = channel.get("name")
        if isinstance(name, str) and name in seen:
            yield ("channel", position, "name"), f"name {name!r} is taken by a channel above: names are unique"
        seen.add(str(name))


def _unknown_channels(tables: dict[str, Any]) -> Iterator[Finding]:
    known = {str(channel.get("name")) for _, channel in _tables(tables, "channel")}
    for position, route in _tables(tables, "route"):
        named = route.get("channels")
        for name in named if isinstance(named, list) else ():
            if isinstance(name, str) and name not in known:
                hint = closest(name, known) or f"; known are {', '.join(sorted(known)) or 'none'}"
                yield ("route", position, "channels"), f"unknown channel {name!r}{hint}"


def _unknown_services(plan: Plan) -> Iterator[Finding]:
    for position, channel in enumerate(plan.channels):
        if isinstance(channel, AppriseChannel) and not is_known(channel.url.get_secret_value()):
            yield ("channel", position, "url"), "url is none that Apprise knows: its documentation lists the services"


def _path(found: ErrorDetails) -> toml_lines.Path:
    # Inside a channel pydantic puts its kind before the key: ("channel", 0, "webhook", "url").
    loc = found["loc"]
    return (*loc[:2], *loc[3:]) if loc[0] == "channel" and len(loc) > 3 else loc[: 2 if loc[0] == "channel" else None]


def _sentence(found: ErrorDetails) -> str:
    path, kinds = _path(found), ", ".join(_KINDS)
    if found["type"] == "union_tag_not_found":
        return f"this channel has no kind: use one of {kinds}"
    if found["type"] == "union_tag_invalid":
        kind = found["input"]["kind"]
        return f"unknown kind {kind!r}{closest(kind, _KINDS) or f': use one of {kinds}'}"
    if path in {("channel",), ("route",)}:
        return f"write [[{path[0]}]] in double brackets, once for each {path[0]}"
    return _about_a_key(found, path)


def _about_a_key(found: ErrorDetails, path: toml_lines.Path) -> str:
    key = _spelled(path)
    if found["type"] == "extra_forbidden":
        known = _keys(str(path[0]), found)
        return f"unknown key {key!r}{closest(key, known) or '; known here are ' + ', '.join(known)}"
    if found["type"] == "value_error":
        return f"{key} {found['ctx']['error']}"
    if key in SECRETS and found["type"] != "missing":
        return f"{key} must be text that is not empty"
    return phrase(found, key, str(path[0]))


def _spelled(path: toml_lines.Path) -> str:
    *_, key = (part for part in path if isinstance(part, str))
    if key == path[0] and len(path) > 1:
        return f"this {key}"
    return f"{key}[{path[-1]}]" if isinstance(path[-1], int) else key


def _keys(table: str, found: ErrorDetails) -> list[str]:
    model: type[BaseModel] = Plan
    if len(found["loc"]) > 1:
        model = Route if table == "route" else _KINDS[str(found["loc"][2])]
    return [field.alias or name for name, field in model.model_fields.items()]
