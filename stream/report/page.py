"""A back-test as one page that needs nothing else: no server, no network.

Law: whatever presets, rules or summaries hold is data, never markup: tables escape it, the charts get it as JSON that
cannot end its element, and the page allows its own scripts and styles only, by their hashes.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path

from schemas.times import format_time
from stream.domain.duration import format_duration
from stream.domain.outcome import Outcome
from stream.report.charts import MOST_CHARTS, chart, charted
from stream.report.words import INCIDENT_HEADINGS, incident_cells, lasting, score_cells, score_headings
from stream.web.assets import chart_folder

STATIC = Path(__file__).with_name("static")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Back-test: {title}</title>
{head}
</head>
<body>
<header><h1>Back-test</h1><p>{span}</p></header>
<main>
{body}
<div id="charts"></div>
<noscript><p>The charts need JavaScript.</p></noscript>
</main>
<script type="application/json" id="data">{data}</script>
{scripts}
</body>
</html>
"""


def write_report(path: Path, outcome: Outcome) -> None:
    """Write the page of a back-test."""
    path.write_text(render(outcome), "utf-8")


def render(outcome: Outcome) -> str:
    """Return the page of a back-test."""
    styles = [chart_folder() / "uplot.min.css", STATIC / "report.css"]
    scripts = [chart_folder() / "uplot.iife.min.js", STATIC / "report.js"]
    style_texts, script_texts = ([each.read_text("utf-8") for each in files] for files in (styles, scripts))
    return _PAGE.format(
        policy=_policy(script_texts, style_texts),
        title=escape(", ".join(verdict.name for verdict in outcome.verdicts)),
        head="\n".join(f"<style>{text}</style>" for text in style_texts),
        span=_span(outcome),
        body="\n".join(_body(outcome)),
        data=_data(outcome),
        scripts="\n".join(f"<script>{text}</script>" for text in script_texts),
    )


def _policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    allowed = {"script-src": scripts, "style-src": styles}
    parts = [f"{what} {' '.join(map(_hash, texts))}" for what, texts in allowed.items()]
    return "; ".join(["default-src 'none'", *parts, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _data(outcome: Outcome) -> str:
    charts = [chart(outcome, name) for name in charted(outcome)[:MOST_CHARTS]]
    # Nothing in it may look like the end of the element, or the beginning of a comment.
    return json.dumps(charts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _span(outcome: Outcome) -> str:
    start_ms, end_ms = outcome.span
    if not end_ms:
        return "There were no jobs."
    lasts = format_duration((end_ms - start_ms) // 60_000 * 60_000)
    return f"{format_time(start_ms)} to {format_time(end_ms)} ({lasts}), {outcome.records['jobs']:,} jobs"


def _body(outcome: Outcome) -> Iterator[str]:
    yield "<section><h2>Rules files</h2>" + _table(score_headings(outcome), _score_rows(outcome)) + "</section>"
    if outcome.incidents:
        names = [f"alert by {verdict.name}" for verdict in outcome.verdicts]
        headings = [*INCIDENT_HEADINGS, *names]
        yield "<section><h2>Incidents</h2>" + _table(headings, _incident_rows(outcome)) + "</section>"
    left_out = len(charted(outcome)) - MOST_CHARTS
    if left_out > 0:
        yield f"<p>{left_out:,} more presets had fewer jobs and are not drawn.</p>"


def _score_rows(outcome: Outcome) -> Iterator[list[str]]:
    for verdict in outcome.verdicts:
        yield [verdict.name, "all", *score_cells(outcome, verdict.score)]
        for rule, score in verdict.by_rule.items():
            yield ["", rule, *score_cells(outcome, score)]


def _incident_rows(outcome: Outcome) -> Iterator[list[str]]:
    for one in outcome.incidents:
        yield [*incident_cells(one), *("missed" if each is None else lasting(each) for each in outcome.delays(one))]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
