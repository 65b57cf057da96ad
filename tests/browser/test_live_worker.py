"""The dashboard of real workers on a real Kafka, in a real browser: what it shows is what they know, and at once."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from stream.local.traffic import generate
from stream.notify.message import describe
from tests.kafka.harness import Delivery, Deployment, Worker, body, deploy
from tests.kafka.test_end_to_end import DEFAULT_RULES, DEMO_RULES, FAST

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

THEMES: tuple[Literal["light"], Literal["dark"]] = "light", "dark"
DOWN = "Failing now: summarize (6 of 6 jobs, all other)."
SHOWS = "text => [...document.querySelectorAll('#preset-rows .of')].some((each) => each.textContent === text)"
SLOW_MS = 30_000.0
"""A worker that joins a group waits for those that have died."""


@asynccontextmanager
async def opened(browser: Browser, worker: Worker, query: str = "") -> AsyncIterator[Page]:
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(SLOW_MS)
    await page.goto(f"http://127.0.0.1:{worker.port}/{query}")
    yield page
    await context.close()


def percent(share: float) -> str:
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


async def test_an_incident_in_the_demos_traffic_shows_with_the_numbers_of_the_api_and_the_alert(
    browser: Browser, bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        first, second = [await deployment.start().ready() for _ in range(2)]
        async with opened(browser, second, "?window=2m") as page:
            await expect(page.locator("#level")).to_have_text("Unknown", timeout=SLOW_MS)
            traffic = [Delivery(d.value, d.key, d.arrives_at_ms) for d in generate(7, 20)]
            end_of_outage = next(n for n, d in enumerate(traffic) if (d.arrives_at_ms or 0) - START_MS > 250_000)
            await deployment.produce(traffic[:end_of_outage])
            await expect(page.locator("#sentence")).to_contain_text("Failing now: summarize (", timeout=SLOW_MS)
            await deployment.caught_up()
            await assert_numbers_agree(page, deployment, first)
            await assert_workers_agree(first, second)
            await deployment.produce(traffic[end_of_outage:])
            await expect(page.locator("#recent-list")).to_contain_text("summarize", timeout=SLOW_MS)
            await deployment.caught_up()
            firing = (await first.answer("/api/alerts?state=firing"))["alerts"]
            await expect(page.locator("#firing .card")).to_have_count(len(firing))


START_MS = next(iter(generate(7, 20))).arrives_at_ms


async def assert_numbers_agree(page: Page, deployment: Deployment, worker: Worker) -> None:
    alerts = {alert.id: alert for alert in await deployment.alerts()}
    firing = (await worker.answer("/api/alerts?state=firing"))["alerts"]
    assert firing
    await expect(page.locator("#firing .card")).to_have_count(len(firing))
    for alert in firing:
        told = alerts[alert["id"]]
        assert (told.errors, told.total) == (alert["errors"], alert["total"])
        card = page.locator(f'#firing .card[data-key="{alert["id"]}"]')
        await expect(card).to_contain_text(f"{percent(alert['error_rate'])}, {told.errors} of {told.total} jobs")
        assert {row.strip() for row in await card.locator(".jobs li").all_text_contents()} == set(told.sample_jobs)
        words = [line for line in describe(told).splitlines() if line.startswith(("Why: ", "Do: "))]
        await expect(card.locator(".advice")).to_have_text(words)
    first = (await worker.answer("/api/overview?window=2m"))["alerts"]["firing"][0]
    await expect(page.locator("#sentence")).to_contain_text(f"({first['errors']} of {first['total']} jobs")
    for rate in (await worker.answer("/api/rates?window=2m"))["rates"]:
        row = page.locator("#preset-rows .row").filter(has=page.get_by_role("link", name=rate["preset"], exact=True))
        await expect(row.locator(".of")).to_have_text(f"{rate['errors']} of {rate['total']} jobs failed")
        await expect(row.locator(".rate")).to_have_text(percent(rate["error_rate"]))


async def assert_workers_agree(*workers: Worker) -> None:
    overviews = [await worker.answer("/api/overview?window=2m") for worker in workers]
    parts = [{name: each[name] for name in ("verdict", "rates", "alerts", "decided_to")} for each in overviews]
    assert parts[0] == parts[1]
    # The demo's traffic repeats jobs and holds junk.
    ingest = [await worker.answer("/api/ingest") for worker in workers]
    assert ingest[0]["counted"] == ingest[1]["counted"] > 0
    assert ingest[0]["duplicates"] > 0
    assert sum(ingest[0]["rejected"].values()) > 0
    assert ingest[0]["watermark_lag_seconds"] > 24 * 3_600


async def test_a_job_shows_within_a_second(browser: Browser, bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300) as deployment:
        worker = await deployment.start().ready()
        async with opened(browser, worker) as page:
            waits: list[float] = []
            for number in range(1, 4):
                await deployment.produce([Delivery(body(f"job-{number}"))])
                produced_at = monotonic()
                jobs = f"0 of {number} jobs failed"
                await page.wait_for_function(SHOWS, arg=jobs)
                waits.append(monotonic() - produced_at)
            assert min(waits) < 1.0, waits


async def test_the_page_recovers_when_its_worker_restarts_and_never_keeps_it_from_stopping(
    browser: Browser, bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, **FAST) as deployment:
        worker = await deployment.start().ready()
        await deployment.produce([Delivery(body(f"job-{n}", error="Error: down")) for n in range(6)])
        async with opened(browser, worker) as page:
            await expect(page.locator("#sentence")).to_have_text(DOWN, timeout=SLOW_MS)
            begun = monotonic()
            assert worker.kill(signal.SIGTERM) == 0
            assert monotonic() - begun < 15
            await expect(page.locator("#sentence")).to_contain_text("Not live", timeout=SLOW_MS)
            await expect(page.locator("#banner")).to_contain_text(f"Last known: {DOWN}")
            await deployment.start(worker.port).ready()
            await deployment.produce([Delivery(body("one-more", error="Error: down"))])
            await expect(page.locator("#sentence")).to_have_text(DOWN, timeout=SLOW_MS)
            await expect(page.locator("#preset-rows .of")).to_have_text("7 of 7 jobs failed", timeout=SLOW_MS)
            await expect(page.locator("#banner")).to_be_hidden()


async def test_a_login_outlives_a_reload(browser: Browser, bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, DEFAULT_RULES, idle_after=300, web_token="hush") as deployment:
        worker = await deployment.start().ready()
        async with opened(browser, worker, "?span=6h") as page:
            for theme in THEMES:
                await page.emulate_media(color_scheme=theme)
                found = await Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
            await page.get_by_label("Token").fill("guess")
            await page.get_by_role("button", name="Log in").click()
            await expect(page.get_by_role("alert")).to_contain_text("not the token")
            await page.get_by_label("Token").fill("hush")
            await page.keyboard.press("Enter")
            await expect(page.locator("#link")).to_have_text("Live", timeout=SLOW_MS)
            assert page.url.endswith("?span=6h")
            assert "presetwatch" not in await page.evaluate("document.cookie")
            await page.reload()
            await expect(page.locator("#link")).to_have_text("Live", timeout=SLOW_MS)
