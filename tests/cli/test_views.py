"""Alerts and rates as people read them."""

from io import StringIO

import pytest
from rich.console import Console, RenderableType

from schemas.rate import Rate
from stream.cli.alert_view import alert_line, alert_table, percent
from stream.cli.rate_view import BAR_CELLS, bar, rate_table, scale_of
from tests.cli.commands import alert

EVIL = "[bold]x[/nope]"


def render(what: RenderableType) -> str:
    console = Console(file=StringIO(), width=200, color_system=None)
    console.print(what)
    output = console.file
    assert isinstance(output, StringIO)
    return output.getvalue()


def rate(low: float | None, at: float | None, high: float | None, total: int = 60, preset: str = "summarize") -> Rate:
    errors = round((at or 0) * total)
    return Rate(
        preset=preset,
        window_start=0,
        window_end=300_000,
        errors=errors,
        finished=total - errors,
        total=total,
        error_rate=at,
        error_rate_low=low,
        error_rate_high=high,
        reasons={"a": 4, "b": 3, "c": 2, "d": 1},
    )


def test_an_alert_is_shown_with_time_kind_counts_and_top_reason() -> None:
    shown = render(alert_table([alert()]))
    fields = ("2026-01-05T09:03:20Z", "▲ fired", "critical", "high-error-rate", "summarize", "14 of 60", "23.3%")
    assert all(field in shown for field in (*fields, "input_forbidden 12"))


def test_a_line_says_what_a_row_says() -> None:
    row = render(alert_table([alert()])).splitlines()[1]
    assert render(alert_line(alert())).split() == row.split()


def test_a_resolved_alert_says_why_and_an_alert_on_the_topic_says_so() -> None:
    shown = render(alert_line(alert(kind="resolved", resolve_reason="no_data", preset="*")))
    assert "✓ resolved" in shown
    assert "whole topic" in shown
    assert "no data" in shown


def test_words_from_outside_are_never_markup() -> None:
    assert EVIL in render(alert_line(alert(preset=EVIL)))
    assert EVIL in render(alert_table([alert(rule=EVIL)]))
    assert EVIL in render(rate_table([rate(0.1, 0.2, 0.3, preset=EVIL)], "5m"))


@pytest.mark.parametrize(("share", "text"), [(None, "-"), (0.0, "0.0%"), (0.2333, "23.3%"), (1.0, "100.0%")])
def test_no_jobs_have_no_rate(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("low", "at", "high", "scale", "drawn"),
    [
        (0.1, 0.2, 0.3, 1.0, "···───●───····················"),
        (0.0, 0.0, 0.05, 0.25, "●──────·······················"),
        (0.9, 1.0, 1.0, 1.0, "···························──●"),
        (0.0, 0.0, 0.0, 0.05, "●·····························"),
        (None, None, None, 1.0, ""),
    ],
)
def test_a_bar_shows_the_rate_and_its_band(
    low: float | None, at: float | None, high: float | None, scale: float, drawn: str
) -> None:
    assert bar(rate(low, at, high, total=60 if at is not None else 0), scale) == drawn
    assert len(drawn) in (0, BAR_CELLS)


@pytest.mark.parametrize(("highs", "scale"), [([], 0.05), ([0.05], 0.05), ([0.02, 0.11], 0.25), ([0.3, 1.0], 1.0)])
def test_one_scale_holds_every_band(highs: list[float], scale: float) -> None:
    assert scale_of([rate(0.0, 0.0, high) for high in highs]) == scale


def test_a_table_of_rates_names_window_scale_and_the_first_reasons() -> None:
    shown = render(rate_table([rate(0.1, 0.2, 0.3)], "5m"))
    assert all(
        part in shown for part in ("12 of 60", "20.0%", "0 … 50%", "a 4, b 3, c 2", "5m to 1970-01-01T00:05:00Z")
    )
    assert "d 1" not in shown
