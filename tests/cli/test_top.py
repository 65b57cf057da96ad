"""`top`: the dashboard's essentials in a terminal, the worst first, and never old news as new."""

import asyncio
import json
from typing import Any

from rich.console import Console, RenderableType

from schemas.alert import AlertEvent
from stream.cli.alert_view import alert_line, alert_table
from stream.cli.top_view import top_view, worst_first
from tests.browser.stand_in import NOW_MS, StandIn, alert, rate
from tests.cli.commands import run
from tests.cli.test_rates import serve


async def overview(known: StandIn | None = None) -> dict[str, Any]:
    rates = [rate("quiet", 0, 0), rate("transcript", 30, 100), rate("summarize", 14, 60)]
    return await (known or StandIn(rates, [alert("summarize")])).everything(300_000)


def shown(told: dict[str, Any], lines: int = 40, trouble: str = "") -> str:
    console = Console(width=140, height=lines, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(top_view(told, lines, trouble))
    return capture.get()


async def test_one_look_says_what_is_wrong_and_how_presets_fare() -> None:
    text = shown(await overview())
    assert "● CRITICAL  Failing now: summarize (14 of 60 jobs, all input_forbidden)." in text
    assert "14 of 60" in text
    assert "Last 5m: 7 read, 7 counted, 7 duplicates, 7 late, 2 rejected, 7 lost" in text


async def test_presets_that_fire_come_first_and_then_the_worst() -> None:
    assert [each.preset for each in worst_first(await overview())] == ["summarize", "transcript", "quiet"]


async def test_it_fits_the_screen_and_says_how_much_does_not() -> None:
    names = [f"p{n}" for n in range(500)]
    text = shown(await overview(StandIn([rate(each, 9, 10) for each in names], list(map(alert, names)))), lines=24)
    assert len(text.splitlines()) <= 24
    assert text.count("more") == 2


async def test_what_is_wrong_with_presetwatch_itself_is_said_and_fits_too() -> None:
    faults = [{"name": f"fault-{n}", "detail": f"Detail {n}."} for n in range(5)]
    names = [f"p{n}" for n in range(500)]
    known = StandIn([rate(each, 9, 10) for each in names], list(map(alert, names)), faults)
    text = shown(await overview(known), lines=24)
    assert [line for line in text.splitlines() if line.startswith("! ")] == [
        f"! fault-{n}: Detail {n}." for n in range(3)
    ]
    assert len(text.splitlines()) <= 24


async def test_old_news_is_not_shown_as_new() -> None:
    text = shown(await overview(), trouble="the worker does not answer (nothing listens there).")
    assert "Not live" in text
    assert "CRITICAL" not in text


async def test_nothing_heard_of_is_said_so_and_markup_is_text() -> None:
    assert "No job has been heard of yet." in shown(await overview(StandIn(decided_to_ms=None)))
    assert "[bold]x[/bold]" in shown(await overview(StandIn([rate("[bold]x[/bold]", 1, 9)], decided_to_ms=NOW_MS)))


def test_into_a_pipe_it_writes_one_look() -> None:
    told = asyncio.run(overview())
    with serve(200, told) as worker:
        done = run("top", env=worker.env)
        as_json = run("top", "--json", "--window", "1h", env=worker.env)
    assert (done.exit_code, as_json.exit_code) == (0, 0)
    assert "Failing now: summarize (14 of 60 jobs, all input_forbidden)." in done.stdout
    assert json.loads(as_json.stdout)["verdict"] == told["verdict"]
    assert [path for path, _ in worker.asked] == ["/api/overview?window=5m", "/api/overview?window=1h"]


def test_who_does_not_answer_as_a_worker_does_is_out_of_reach() -> None:
    assert run("top").exit_code == 3
    with serve(200, {"hello": "world"}) as worker:
        assert run("top", env=worker.env).exit_code == 3


HOSTILE = "\x1b[2J\x1b]52;c;b3duZWQ=\x07a\nb\u202ec\x9bd"


async def test_a_name_gives_the_terminal_no_orders() -> None:
    text = shown(await overview(StandIn([rate(HOSTILE, 3, 9)], [alert(HOSTILE)])))
    event = AlertEvent.model_validate(alert(HOSTILE))
    text += shown_plainly(alert_table([event])) + shown_plainly(alert_line(event))
    assert text.count("⟨U+001B⟩[2J") == 5
    assert [each for each in text if not each.isprintable() and each != "\n"] == []


def shown_plainly(what: RenderableType) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(what)
    return capture.get()
