"""Error rates as people read them: a number, and a bar that shows how sure it is.

    ····─────●────────────     ● the rate, ─ where it may lie at 95 %, the bar's right end the heading's percentage

Law: pure; all bars of a table have one scale, and no jobs show no rate.
"""

from collections.abc import Sequence
from itertools import islice

from rich.table import Table
from rich.text import Text

from schemas.rate import Rate
from schemas.times import format_time
from stream.cli.alert_view import percent
from stream.domain.readable import readable

BAR_CELLS = 30
_SCALES = (0.05, 0.1, 0.25, 0.5, 1.0)
_REASONS_SHOWN = 3
_BAD, _WORSE = 0.05, 0.2
"""Where a rate turns yellow and red: a glance, not a rule."""


def rate_table(rates: Sequence[Rate], window: str, bar_cells: int = BAR_CELLS) -> Table:
    """Return a table with a row of one line for each rate."""
    scale = scale_of(rates)
    table = Table(
        box=None, header_style="bold", pad_edge=False, caption=_caption(rates, window), caption_justify="left"
    )
    table.add_column("preset")
    table.add_column("failed", justify="right")
    table.add_column("rate", justify="right")
    table.add_column(f"0 … {scale:.0%}", min_width=bar_cells)
    table.add_column("reasons")
    for rate in rates:
        failed = f"{rate.errors} of {rate.total}"
        numbers = Text(failed, no_wrap=True), Text(percent(rate.error_rate), _style(rate), no_wrap=True)
        drawn = Text(bar(rate, scale, bar_cells), _style(rate))
        table.add_row(cut_short(rate.preset, "bold"), *numbers, drawn, cut_short(_reasons(rate)))
    return table


def cut_short(text: str, style: str = "") -> Text:
    """Return text that takes one line, however little room there is, and gives the terminal no orders."""
    return Text(readable(text), style, no_wrap=True, overflow="ellipsis")


def scale_of(rates: Sequence[Rate]) -> float:
    """Return the smallest scale that holds every rate's band."""
    highest = max((rate.error_rate_high or 0.0 for rate in rates), default=0.0)
    return next(scale for scale in _SCALES if highest <= scale)


def bar(rate: Rate, scale: float, cells: int = BAR_CELLS) -> str:
    """Return the bar of a rate; empty when there is none."""
    if rate.error_rate is None or rate.error_rate_low is None or rate.error_rate_high is None:
        return ""
    shares = (rate.error_rate_low, rate.error_rate, rate.error_rate_high)
    low, at, high = (min(cells - 1, int(share / scale * cells)) for share in shares)
    return "".join("●" if cell == at else "─" if low <= cell <= high else "·" for cell in range(cells))


def _style(rate: Rate) -> str:
    share = rate.error_rate or 0.0
    if rate.error_rate is None:
        return "dim"
    return "red" if share >= _WORSE else "yellow" if share >= _BAD else "green"


def _reasons(rate: Rate) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in islice(rate.reasons.items(), _REASONS_SHOWN))


def _caption(rates: Sequence[Rate], window: str) -> str:
    ends = {rate.window_end for rate in rates}
    return f"{window} to {', '.join(map(format_time, sorted(ends)))}" if ends else ""
