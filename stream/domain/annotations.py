"""Alert texts with placeholders, such as `{preset}: {errors} of {total} jobs failed`.

Law: a template is checked once, when the rules are loaded, and rendering never raises.
Only the plain names below are placeholders: no attributes, indexes or format specs, so a template can reach nothing
but the alert's own values. `{{` and `}}` stand for literal braces.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

ANNOTATION_FIELDS = (
    "preset",
    "reason",
    "rule",
    "severity",
    "errors",
    "finished",
    "total",
    "error_rate",
    "error_rate_low",
    "error_rate_high",
    "threshold",
    "window",
    "window_start",
    "window_end",
    "at",
    "started_at",
    "baseline",
    "burn_rate",
    "budget_left",
    "budget_ends",
)
"""The names a template may use; each is the alert event's field of that name, `window` is its length as text.

`reason` is for rules that are grouped by it, `baseline` for shift rules, and the last three for burn_rate rules.
"""

Value = str | int | float | None

DETAILS: Mapping[str, Value] = dict.fromkeys(("baseline", "burn_rate", "budget_left", "budget_ends"))
"""The names that rules of one kind only have a value for."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def render(template: str, values: Mapping[str, Value]) -> str:
    """Return `template` filled in; a float becomes a percentage, None becomes n/a, a name without value stays."""

    def filled(token: re.Match[str]) -> str:
        if token[0] in ("{{", "}}"):
            return token[0][0]
        return _text(values[token[1]]) if token[1] in values else token[0]

    return _TOKEN.sub(filled, template)


def names_in(template: str) -> set[str]:
    """Return the names that a template uses."""
    return {token[1] for token in _TOKEN.finditer(template) if token[1]}


def _text(value: Value) -> str:
    if value is None:
        return "n/a"
    # Every float an alert carries is a rate; three digits keep 0.01 % from reading as 0 %.
    return f"{value * 100:.3g}%" if isinstance(value, float) else str(value)


def _checked(template: str) -> str:
    for token in _TOKEN.finditer(template):
        if token[0] in ("{", "}"):
            raise ValueError(f"has a lone {token[0]!r}: write it twice to mean the brace itself")
        if token[1] is not None and token[1] not in ANNOTATION_FIELDS:
            raise ValueError(f"has an unknown placeholder {{{token[1]}}}{_meant(token[1])}")
    return template


def _meant(name: str) -> str:
    close = get_close_matches(name, ANNOTATION_FIELDS, n=1)
    return f": did you mean {{{close[0]}}}?" if close else f"; known are {', '.join(ANNOTATION_FIELDS)}"


Template = Annotated[str, AfterValidator(_checked)]
"""A pydantic field: text whose placeholders are all known."""
