"""A plain page that lists the rates, for eyes that have no other dashboard yet.

Law: every name on the page is text, whatever it holds.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>presetwatch</title>
<style>:root {{ color-scheme: light dark; font-family: system-ui, sans-serif }}
td, th {{ padding: .3em 1em; text-align: end }} td:first-child, th:first-child {{ text-align: start }}</style></head>
<body><h1>Error rates, last 5 minutes</h1>
<table><thead><tr><th>preset</th><th>errors</th><th>jobs</th><th>rate</th><th>95 % between</th><th>reasons</th></tr>
</thead>
<tbody>{rows}</tbody></table>
<p>More under <a href="/api/rates">/api/rates</a> and <a href="/api/alerts">/api/alerts</a>.</p>
</body></html>"""


def render_page(rates: Iterable[Mapping[str, Any]]) -> str:
    """Return the page that shows rates."""
    return _PAGE.format(rows="".join(map(_row, sorted(rates, key=lambda rate: str(rate["preset"])))))


def _row(rate: Mapping[str, Any]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in rate["reasons"].items())
    between = f"{_percent(rate['error_rate_low'])} and {_percent(rate['error_rate_high'])}"
    cells = (rate["preset"], rate["errors"], rate["total"], _percent(rate["error_rate"]), between, reasons)
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _percent(share: float | None) -> str:
    return "no jobs" if share is None else f"{share:.1%}"
