"""The labels file: when something really was wrong, as people know it afterwards. A back-test is held against it.

Law: any bytes give incidents or a tuple of faults, never an exception, and a fault says where it is and what to do.
A name that ends in `.toml` holds [[incident]] tables; any other file holds one JSON object a line, with the same keys.
"""

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError, model_validator
from pydantic_core import ErrorDetails

from schemas.times import read_time
from stream import toml_lines
from stream.domain.episodes import Incident
from stream.domain.rule_fields import Frozen, Text
from stream.rule_sentences import closest, phrase
from stream.rules_file import Fault, read_text, syntax_fault

EXAMPLE = 'preset = "summarize", start = 2024-03-25T21:30:00Z, end = 2024-03-25T22:10:00Z'


def _read_time(value: object) -> int:
    if isinstance(value, datetime):
        return read_time((value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat())
    try:
        return read_time(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"must be a time such as 2024-03-25T21:33:30Z, got {str(value)[:40]!r}") from None


Time = Annotated[int, BeforeValidator(_read_time)]


class _Label(Frozen):
    preset: Text
    start: Time
    end: Time
    name: str = ""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    def incident(self) -> Incident:
        return Incident(self.preset, self.start, self.end, self.name)


def read(path: Path) -> tuple[Incident, ...] | tuple[Fault, ...]:
    """Read a labels file; its incidents come by their start."""
    text = read_text(path, "a labels file")
    if isinstance(text, Fault):
        return (text,)
    found = list(_tables(text, str(path)) if path.suffix == ".toml" else _lines(text, str(path)))
    faults = tuple(each for each in found if isinstance(each, Fault))
    incidents = tuple(sorted((each for each in found if isinstance(each, Incident)), key=lambda one: one[1:3]))
    return faults or incidents or (Fault(str(path), 0, f"holds no incident: write [[incident]] with {EXAMPLE}"),)


def _lines(text: str, source: str) -> Iterator[Incident | Fault]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            label = json.loads(line)
        except (ValueError, RecursionError):
            yield Fault(source, number, "is not JSON: write one object a line, or name the file .toml")
        else:
            yield from _check(label, source, dict.fromkeys(_Label.model_fields, number), number)


def _tables(text: str, source: str) -> Iterator[Incident | Fault]:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        yield syntax_fault(error, text, source)
        return
    lines = toml_lines.locate(text)
    for key in tables.keys() - {"incident"}:
        at = toml_lines.line_of(lines, (key,))
        yield Fault(source, at, f"unknown key or table {key!r}: a labels file holds [[incident]] tables only")
    labels = tables.get("incident", [])
    for number, label in enumerate(labels if isinstance(labels, list) else [labels]):
        path: toml_lines.Path = ("incident", number)
        places = {key: toml_lines.line_of(lines, (*path, key)) for key in (label if isinstance(label, dict) else ())}
        yield from _check(label, source, places, toml_lines.line_of(lines, path))


def _check(label: Any, source: str, places: dict[str, int], line: int) -> Iterator[Incident | Fault]:
    try:
        yield _Label.model_validate(label).incident()
    except ValidationError as error:
        for found in error.errors(include_url=False):
            key = str(found["loc"][0]) if found["loc"] else ""
            yield Fault(source, places.get(key, line), _sentence(found, key))


def _sentence(found: ErrorDetails, key: str) -> str:
    if found["type"] == "extra_forbidden":
        known = list(_Label.model_fields)
        return f"unknown key {key!r}" + (closest(key, known) or f"; known here are {', '.join(known)}")
    if found["type"] == "value_error":
        return f"{key} {found['ctx']['error']}".lstrip()
    return phrase(found, key or "this incident", "incident")
