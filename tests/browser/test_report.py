"""The page of a back-test in a real browser: opened from a file, without a network, and with names that mean harm."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from stream.domain.episodes import Episode, Incident, score
from stream.domain.outcome import Outcome, Verdict
from stream.domain.rules import RuleSet, ThresholdRule
from stream.report.page import write_report

pytestmark = pytest.mark.asyncio(loop_scope="session")

START_MS = 1_774_000_000_000
M = 60_000
HOSTILE = "</script><img src=x onerror=owned=1><!--"
SUMMARY = "<b>12</b> of 60 jobs failed"


def outcome(preset: str = HOSTILE) -> Outcome:
    """Return three hours in which one preset's jobs fail for ten minutes."""
    rules = RuleSet(rules=(ThresholdRule(name="high-error-rate", error_rate=0.1), ThresholdRule(name="never")))
    panes = {START_MS + n * M: [5 if 60 <= n < 70 else 0, 10] for n in range(180)}
    known = [Incident("*", START_MS + 60 * M, START_MS + 70 * M, HOSTILE)]
    found = Episode(
        "high-error-rate", "critical", preset, START_MS + 62 * M, START_MS + 75 * M, "recovered", 0.1, SUMMARY
    )
    wrong = found._replace(fired_at_ms=START_MS + 120 * M, ends_at_ms=START_MS + 121 * M)
    verdicts = []
    for name, episodes in (("now.toml", [found, wrong]), (f"{HOSTILE}.toml", [found])):
        by_rule = {rule.name: score([one for one in episodes if one.rule == rule.name], known) for rule in rules.rules}
        verdicts.append(Verdict(name, rules, episodes, score(episodes, known), by_rule))
    span = (START_MS, START_MS + 180 * M)
    return Outcome(span, 10_000, {preset: panes, "": panes}, known, verdicts, {"jobs": 1_800})


@asynccontextmanager
async def opened(browser: Browser, file: Path) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page as a file with no network; gives it and what it complains of or asks for."""
    context = await browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url == file.as_uri() else said.append(request.url))
    await page.goto(file.as_uri())
    yield page, said
    await context.close()


async def test_the_page_draws_rates_limits_and_a_lane_for_each_rules_file_offline(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    write_report(file, outcome("summarize"))
    async with opened(browser, file) as (page, said):
        section = page.locator('section[data-preset="summarize"]')
        await expect(section.locator("canvas")).to_have_count(2)
        await expect(section.locator(".lane-name")).to_have_text(["incidents", "now.toml", f"{HOSTILE}.toml"])
        await expect(section.locator(".mark")).to_have_count(4)
        await expect(section.locator(".mark.false")).to_have_count(1)
        await expect(section.locator(".legend")).to_contain_text("10 %: high-error-rate (5m) in now.toml")
        await expect(section.locator(".mark").nth(1)).to_have_attribute("title", re.compile("13m.*12</b> of 60"))
        await expect(page.locator("section").first).to_contain_text("1 of 1")
        assert said == []


async def test_a_mark_lies_where_its_episode_was_and_zooming_keeps_it_there(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write_report(file, outcome("summarize"))
    async with opened(browser, file) as (page, _):
        section = page.locator('section[data-preset="summarize"]')
        over, mark = section.locator(".rate .u-over"), section.locator(".mark").nth(1)
        await section.scroll_into_view_if_needed()
        plot, before = await over.bounding_box(), await mark.bounding_box()
        assert plot
        assert before
        # The first point is a step after the start, and the steps are a minute.
        assert before["x"] - plot["x"] == pytest.approx(plot["width"] * 61 / 179, abs=4)
        assert before["width"] == pytest.approx(plot["width"] * 13 / 179, abs=4)
        await page.mouse.move(plot["x"] + plot["width"] / 4, plot["y"] + 50)
        await page.mouse.down()
        await page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + 50, steps=5)
        await expect(section.locator(".readout")).to_contain_text("UTC:")
        await page.mouse.up()
        await expect(section.locator(".mark.false")).to_be_hidden()
        after = await mark.bounding_box()
        assert after
        assert after["width"] == pytest.approx(before["width"] * 4, rel=0.1)


async def test_names_that_mean_harm_are_shown_and_run_nothing(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write_report(file, outcome())
    async with opened(browser, file) as (page, said):
        await expect(page.locator("#charts h2", has_text=HOSTILE)).to_have_count(1)
        await expect(page.locator("#charts canvas")).to_have_count(4)
        assert await page.evaluate("typeof owned") == "undefined"
        await expect(page.locator("img")).to_have_count(0)
        assert said == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_nothing_on_the_page_keeps_people_out(
    browser: Browser, tmp_path: Path, theme: Literal["light", "dark"]
) -> None:
    file = tmp_path / "report.html"
    write_report(file, outcome("summarize"))
    async with opened(browser, file) as (page, _):
        await page.emulate_media(color_scheme=theme)
        await expect(page.locator("#charts canvas")).to_have_count(4)
        await page.locator("details").first.click()
        results = await Axe().run(page)
        assert [violation["id"] for violation in results.response["violations"]] == []
