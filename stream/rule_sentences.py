"""What pydantic finds wrong with a rules file, said the way a person would say it.

Law: every error becomes one sentence that names the key as the file spells it, what was found there and what fits.
"""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stream.domain.burn_rate_rule import Pair
from stream.domain.rule_base import OverrideFault
from stream.domain.rules import Rule
from stream.domain.user_reasons import UserReason
from stream.toml_lines import Path

Finding = tuple[Path, str]
"""The key that something is wrong with, and what."""

_KINDS: dict[str, type[BaseModel]] = {model.model_fields["kind"].default: model for model in get_args(Rule)}
_CHOICE = f"{', '.join(list(_KINDS)[:-1])} or {list(_KINDS)[-1]}"

_SENTENCES = {
    "missing": "this {table} has no {key}",
    "union_tag_not_found": f"this rule has no kind: use {_CHOICE}",
    "model_attributes_type": "this {table} must be a table, got {got}",
    "model_type": "this {table} must be a table, got {got}",
    "string_pattern_mismatch": "{key} must be 1 to 64 lower-case letters, digits, '-', '_' or '.', got {got}",
    "string_too_short": "{key} must not be empty",
    "enum": "{key} must be {expected}, got {got}{meant}",
    "literal_error": "{key} must be {expected}, got {got}{meant}",
    "greater_than": "{key} must be above {gt:g}, got {got}{meant}",
    "greater_than_equal": "{key} must be at least {ge:g}, got {got}",
    "less_than": "{key} must be below {lt:g}, got {got}{meant}",
    "less_than_equal": "{key} must be at most {le:g}, got {got}",
    "bool_type": "{key} must be true or false, got {got}",
    "too_short": "{key} must not be empty",
    "int_type": "{key} must be a whole number, got {got}",
    "float_type": "{key} must be a number, got {got}",
    "string_type": "{key} must be text, got {got}",
    "tuple_type": "{key} must be a list, got {got}",
    "dict_type": "{key} must be a table of texts, got {got}",
}


def explain(error: ValidationError) -> list[Finding]:
    """Return every error of a file with `rule` and `reason` tables as the key's path and a sentence."""
    return [finding for found in _errors(error) for finding in _findings(found)]


def _errors(error: ValidationError) -> list[ErrorDetails]:
    # A default that depends on another key cannot be worked out once that key is wrong: no fault of its own.
    return [found for found in error.errors(include_url=False) if found["type"] != "default_factory_not_called"]


def _findings(found: ErrorDetails) -> list[Finding]:
    fault = found.get("ctx", {}).get("error")
    if not isinstance(fault, OverrideFault):
        return [(_path(found), _sentence(found))]
    inner = [error | {"loc": (*found["loc"], *error["loc"])} for error in _errors(fault.error)]
    place: Path = (*found["loc"][:2], "overrides", fault.position)
    return [((*place, *_path(error)[2:]), f"overrides[{fault.position}]: {_sentence(error)}") for error in inner]


def _path(found: ErrorDetails) -> Path:
    # Inside a rule pydantic puts its kind before the key: ("rule", 0, "threshold", "window").
    loc = found["loc"]
    if loc[0] != "rule" or len(loc) < 4:
        return loc[:2] if loc[0] == "rule" else loc
    inner = [_alias(Pair, part) if isinstance(part, str) and loc[3] == "pairs" else part for part in loc[4:]]
    return (*loc[:2], _alias(_KINDS[str(loc[2])], str(loc[3])), *inner)


def _alias(model: type[BaseModel], name: str) -> str:
    # An unfit default is reported by the field's name, all else by its alias.
    field = model.model_fields.get(name)
    return field.alias if field and field.alias else name


def _sentence(found: ErrorDetails) -> str:
    path, context = _path(found), found.get("ctx", {})
    if found["type"] == "extra_forbidden":
        return _unknown_key(path, found)
    if found["type"] == "union_tag_invalid":
        return _unknown_kind(found["input"]["kind"])
    if len(path) == 1:
        return f"write [[{path[0]}]] in double brackets, once for each {path[0]}"
    key = _spelled(path) or f"this {path[0]}"
    if found["type"] == "value_error":
        return f"{key} {context['error']}"
    return phrase(found, key, str(path[0]))


def phrase(found: ErrorDetails, key: str, table: str) -> str:
    """Return the sentence for an error about one key of a table, in any file of presetwatch."""
    words = {"key": key, "table": table, "got": _shown(found["input"]), "meant": _meant(found), "msg": found["msg"]}
    return _SENTENCES.get(found["type"], "{key}: {msg}").format(**found.get("ctx", {}) | words)


def _spelled(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[2:])
    return "".join(parts).removeprefix(".")


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _meant(found: ErrorDetails) -> str:
    value, context = found["input"], found.get("ctx", {})
    if found["type"] == "less_than" and context["lt"] == 1 and 1 < value < 100:
        return f": did you mean {value / 100:.2f}?" if value == int(value) else f": did you mean {value / 100:g}?"
    if "expected" in context:
        return closest(value, context["expected"].replace(" or ", ", ").replace("'", "").split(", "))
    return ""


def closest(word: object, known: Iterable[str]) -> str:
    """Return a question that proposes the known word nearest to what was written, or "" when none is near."""
    close = get_close_matches(str(word).lower(), list(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def _unknown_kind(kind: Any) -> str:
    return f"unknown kind {kind!r}{closest(kind, list(_KINDS)) or f': use {_CHOICE}'}"


def _unknown_key(path: Path, found: ErrorDetails) -> str:
    key = str(path[-1])
    if len(path) == 1:
        hint = closest(key, ("rule", "reason")) or ": a rules file holds [[rule]] and [[reason]] tables only"
        return f"unknown key or table {key!r}{hint}"
    if path[0] == "reason":
        return f"unknown key {key!r}{_known(key, _keys(UserReason))}"
    if path[2] == "pairs":
        return f"unknown key {key!r} in {_spelled(path[:-1])}{_known(key, _keys(Pair))}"
    kind = str(found["loc"][2])
    owners = [other for other, model in _KINDS.items() if key in _keys(model)]
    if owners:
        return f"key {key!r} is for {' and '.join(owners)} rules, and this is a {kind} rule"
    return f"unknown key {key!r}{_known(key, _keys(_KINDS[kind]))}"


def _keys(model: type[BaseModel]) -> list[str]:
    return [_alias(model, name) for name in model.model_fields]


def _known(key: str, keys: list[str]) -> str:
    return closest(key, keys) or f"; known here are {', '.join(keys)}"
