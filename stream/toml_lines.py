"""Where in a TOML text each key stands, which `tomllib` does not tell.

Law: made for text that `tomllib` accepts; the line of a key that begins its line is exact, and for any other (inside
inline tables and arrays) `line_of` answers with the nearest table or key around it.
"""

import re
from collections import Counter

Path = tuple[str | int, ...]
"""Keys and array positions from the top, such as ("rule", 0, "window")."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LINE = re.compile(rf"\s*(?:(\[\[?)\s*({_DOTTED})\s*\]\]?\s*$|({_DOTTED})\s*=)")
_STRING_OR_COMMENT = re.compile(
    r"""#[^\n]*|"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""", re.DOTALL
)


def locate(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table header and key that begins a line."""
    lines: dict[Path, int] = {(): 1}
    items: Counter[Path] = Counter()
    table: Path = ()
    for number, line in enumerate(_STRING_OR_COMMENT.sub(_blank, text).split("\n"), 1):
        found = _LINE.match(line)
        if found is None:
            continue
        bracket, header, key = found.groups()
        if header:
            table = _open_table(items, _split(header), bracket == "[[")
        path = table if header else (*table, *_split(key))
        for depth in range(1, len(path) + 1):
            lines.setdefault(path[:depth], number)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of the key, or of the nearest table or key that holds it."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _blank(token: re.Match[str]) -> str:
    # Quoted keys must stay readable; what spans lines must leave the lines in place.
    return token[0] if token[0][0] in "\"'" and "\n" not in token[0] else "\n" * token[0].count("\n")


def _split(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _open_table(items: Counter[Path], parts: list[str], is_array: bool) -> Path:
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        path = (*path, items[path] - 1) if path in items else path
    path = (*path, parts[-1])
    if not is_array:
        return path
    items[path] += 1
    return (*path, items[path] - 1)
