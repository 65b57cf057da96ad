"""The dashboard in each of its states, in a real browser: it says what is known, to everybody, and runs nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from schemas.times import format_time
from stream.domain.advice import advice_on
from stream.domain.evidence import rated
from tests.browser.stand_in import COUNTS, NOW_MS, StandIn, alert, rate, standing_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORBIDDEN = advice_on("input_forbidden")
Theme = Literal["light", "dark"]
WIDTHS = (320, 360, 768, 1024, 1280, 2560)
BROKEN = "export const showSilence = () => {}; export function showIngest() { throw new Error('a defect') }"
CUT_OFF = """[...document.querySelectorAll("section, .card, .row, .row > *")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className + each.id)"""
HOSTILE = [
    "<img src=x onerror=owned=1>",
    "<script>owned=1</script>",
    "'\"><svg/onload=owned=1>",
    "\u202eesrever\u202c \u202e",
    "\u202e" * 30,
    "שלום",
    "x" * 10_000,
    "a/b?c=d#e&f=%2F",
    "__proto__",
    "constructor",
    "\x00\n\r",
]

BUSY = StandIn(
    [rate("summarize", 14, 60), rate("transcript", 1, 200), rate("quiet", 0, 0)],
    [alert("summarize"), alert("transcript", "warning", "pending"), alert("transcript", state="resolved")],
)
STATES = {
    "busy": BUSY,
    "empty": StandIn(decided_to_ms=None),
    "not whole": StandIn(missing="Partition 2 has no owner yet."),
    "behind": StandIn([rate("summarize", 0, 60)], now_ms=NOW_MS + 600_000),
    "unwell": StandIn([rate("summarize", 0, 60)], faults=[{"name": "broker", "detail": "Kafka has not answered."}]),
    "hostile": StandIn([rate(name, 9, 20) for name in HOSTILE], [alert(name) for name in HOSTILE]),
}
SENTENCES: dict[str, str | re.Pattern[str]] = {
    "busy": "Failing now: summarize (14 of 60 jobs, all input_forbidden).",
    "empty": "Nothing can be said yet: no job has been heard of.",
    "not whole": "Nothing is known yet: the worker is not ready.",
    "behind": "No alert is firing, but the newest events are not decided yet.",
    "unwell": "No alert is firing, but presetwatch itself is unwell (broker).",
    "hostile": re.compile(r"^Failing now: .* \(14 of 60 jobs\) and 8 other presets\.$"),
}


@asynccontextmanager
async def opened(browser: Browser, address: str, width: int = 1280, theme: Theme = "light") -> AsyncIterator[Page]:
    """Open a page in which nothing may go wrong."""
    context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    await page.goto(address)
    yield page
    assert errors == []
    await context.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
async def test_every_state_says_what_is_known_and_shuts_nobody_out(
    browser: Browser, state: str, theme: Theme, width: int
) -> None:
    async with standing_in(STATES[state]) as address, opened(browser, address, width, theme) as page:
        await expect(page.locator("#sentence")).to_have_text(SENTENCES[state])
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        for each in WIDTHS:
            await page.set_viewport_size({"width": each, "height": 900})
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{each} px is too narrow"
            assert await page.evaluate(CUT_OFF) == [], f"something is cut off at {each} px"


async def test_hostile_names_are_text_and_nothing_of_them_runs(browser: Browser) -> None:
    async with standing_in(STATES["hostile"]) as address, opened(browser, address) as page:
        rows = page.locator("#preset-rows .row a")
        await expect(rows).to_have_count(len(HOSTILE))
        shown = await rows.all_inner_texts()
        for name in (HOSTILE[0], HOSTILE[1], HOSTILE[2], "שלום", "__proto__", "⟨U+202E⟩esrever⟨U+202C⟩ ⟨U+202E⟩"):
            assert name in shown
        assert all(0 < len(text) < 200 for text in shown)
        assert await page.locator("main img, main script, main svg svg").count() == 0
        await page.get_by_role("link", name="a/b?c=d#e&f=%2F").first.click()
        await expect(page.locator("#detail-title")).to_have_text("Error rate of a/b?c=d#e&f=%2F")
        assert await page.evaluate("typeof owned") == "undefined"
        await page.reload()
        await expect(page.locator("#detail-title")).to_have_text("Error rate of a/b?c=d#e&f=%2F")


async def test_alerts_of_one_rule_about_several_reasons_are_told_apart(browser: Browser) -> None:
    reasons = ("timeout", "input_forbidden")
    known = StandIn(
        [rate("summarize", 14, 60)],
        [alert("summarize", id=reason, group={"reason": reason}) for reason in reasons]
        + [alert("summarize", state="resolved", id="over", group={"reason": "other"})],
    )
    async with standing_in(known) as address, opened(browser, address) as page:
        await expect(page.locator("#firing-list .rule")).to_have_count(2)
        shown = await page.locator("#firing-list .rule").all_text_contents()
        assert sorted(shown) == ["high-error-rate/input_forbidden", "high-error-rate/timeout"]
        await expect(page.locator("#recent-list .rule")).to_have_text("high-error-rate/other")


async def test_of_several_alerts_about_a_preset_the_worst_is_open_and_the_others_take_a_line(browser: Browser) -> None:
    firing = [
        alert("a"),
        *(alert("a", "warning", id=f"a{n}", rule=f"rule-{n}") for n in range(3)),
        alert("b", "warning"),
    ]
    async with standing_in(StandIn([rate("a", 9, 60)], firing)) as address, opened(browser, address) as page:
        await expect(page.get_by_role("article")).to_have_count(2)
        await expect(page.get_by_role("article", name="critical: a, high-error-rate")).to_be_visible()
        await expect(page.get_by_role("article", name="warning: b, high-error-rate")).to_be_visible()
        await expect(page.locator("#firing details.card")).to_have_count(3)


async def test_news_of_what_comes_in_takes_no_focus(browser: Browser) -> None:
    known = StandIn([rate("a", 0, 60)])
    async with standing_in(known) as address, opened(browser, address) as page:
        table = page.get_by_role("region", name="Records by what became of them")
        await table.focus()
        known.counts = {**COUNTS, "read": 4711}
        await expect(table).to_contain_text("4,711")
        await expect(table).to_be_focused()


async def test_rules_that_change_under_the_page_are_shown(browser: Browser) -> None:
    known = StandIn([rate("summarize", 0, 60)])
    async with standing_in(known) as address, opened(browser, address) as page:
        await expect(page.locator("#about-body")).to_contain_text("0 rules, version 5f1d")
        known.rules_version = "77aa"
        await expect(page.locator("#about-body")).to_contain_text("0 rules, version 77aa")


async def test_a_thousand_presets_are_listed_worst_first_and_found_by_name(browser: Browser) -> None:
    known = StandIn([rate(f"preset-{n:03}", n % 7, 60) for n in range(1_000)], [alert("preset-500")])
    async with standing_in(known) as address, opened(browser, address) as page:
        await expect(page.locator("#presets-count")).to_have_text("1,000 presets, the 50 most urgent are shown.")
        await expect(page.locator("#preset-rows .row").first).to_contain_text("preset-500")
        await page.get_by_role("button", name="Show all 1,000").click()
        await expect(page.locator("#preset-rows .row")).to_have_count(1_000)
        await page.get_by_label("Filter").fill("set-99")
        await expect(page.locator("#preset-rows .row")).to_have_count(10)


async def test_what_was_chosen_is_in_the_address_and_back_goes_back(browser: Browser) -> None:
    async with standing_in(BUSY) as address, opened(browser, address) as page:
        await expect(page.locator("#detail-title")).to_have_text("Error rate of summarize")
        await page.locator("#preset-rows").get_by_role("link", name="transcript").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Window").select_option("15m")
        await page.get_by_label("Span").select_option("6h")
        assert page.url.endswith("?preset=transcript&window=15m&span=6h")
        await page.reload()
        await expect(page.locator("#detail-title")).to_have_text("Error rate of transcript")
        await expect(page.get_by_label("Window")).to_have_value("15m")
        for _ in range(3):
            await page.go_back()
        await expect(page.locator("#detail-title")).to_have_text("Error rate of summarize")
        await expect(page.get_by_label("Span")).to_have_value("1h")


async def test_a_page_that_hears_nothing_says_so_and_takes_nothing_for_well(browser: Browser) -> None:
    known = StandIn([rate("summarize", 0, 60)])
    async with standing_in(known) as address, opened(browser, address) as page:
        await expect(page.locator("#sentence")).to_have_text("All is well: no alert is firing for 1 preset.")
        known.missing = "Partition 2 has no owner yet."
        await expect(page.locator("#sentence")).to_have_text("Not everything is known right now.")
        await expect(page.locator("#banner")).to_contain_text("Partition 2 has no owner yet. Last known: All is well")
        known.missing = ""
        await expect(page.locator("#sentence")).to_have_text("All is well: no alert is firing for 1 preset.")
        await expect(page.locator("#banner")).to_be_hidden()


async def test_a_page_in_which_something_has_failed_says_so_and_takes_nothing_for_well(browser: Browser) -> None:
    async with standing_in(StandIn([rate("summarize", 0, 60)])) as address:
        page = await browser.new_page()
        await page.route(
            "**/assets/ingest.js", lambda route: route.fulfill(body=BROKEN, content_type="text/javascript")
        )
        await page.goto(address)
        await expect(page.locator("#sentence")).to_have_text("This page has failed: load it again.")
        await expect(page.locator("#banner")).to_contain_text("may be wrong. Last known: All is well")
        await expect(page.locator("#level")).to_have_text("Unknown")
        await page.close()


async def test_a_state_is_told_in_words_and_shapes_and_not_by_colour_alone(browser: Browser) -> None:
    async with standing_in(BUSY) as address, opened(browser, address) as page:
        await expect(page.locator("#level")).to_have_text("Critical")
        await expect(page.locator("#preset-rows .row .state")).to_have_text(["Critical", "Pending", "No jobs"])
        assert await page.title() == f"Critical: {SENTENCES['busy']} · presetwatch"
        shapes = await page.locator("#preset-rows use").evaluate_all("all => all.map(use => use.getAttribute('href'))")
        assert shapes == ["#critical", "#pending", "#none"]
        await expect(page.locator("#chart-summary")).to_contain_text("the rate was highest")


async def test_times_are_in_the_viewers_zone_and_in_utc_on_hover(browser: Browser) -> None:
    async with standing_in(BUSY) as address:
        context = await browser.new_context(timezone_id="Asia/Kolkata", locale="en-GB")
        page = await context.new_page()
        await page.goto(address)
        since = page.locator("#firing time").first
        await expect(since).to_have_attribute("title", re.compile(r"^2026-03-20 \d\d:42:40 UTC$"))
        await expect(since).to_contain_text(":12:40")
        await expect(page.locator("#zone")).to_contain_text("Asia/")
        await context.close()


async def test_notifications_are_in_utc_so_the_page_can_be_too_without_a_mouse(browser: Browser) -> None:
    async with standing_in(BUSY) as address:
        context = await browser.new_context(timezone_id="Asia/Kolkata", locale="en-GB")
        page = await context.new_page()
        await page.goto(f"{address}?preset=transcript")
        await page.get_by_role("link", name="show all in UTC").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#firing time").first).to_contain_text(":42:40")
        await expect(page.locator("#since")).to_contain_text("Since 20 Mar 2026, 09:42:40, for ")
        assert page.url.endswith("?preset=transcript&zone=UTC")
        await page.get_by_role("link", name="show all in Asia").click()
        await expect(page.locator("#firing time").first).to_contain_text(":12:40")
        assert page.url.endswith("?preset=transcript")
        await context.close()


async def test_the_top_says_since_when_and_a_card_what_a_notification_says(browser: Browser) -> None:
    known = StandIn([rate("summarize", 14, 60)], [alert("summarize"), alert("b", started_at=format_time(NOW_MS))])
    async with standing_in(BUSY) as address, opened(browser, address) as page:
        await expect(page.locator("#since")).to_contain_text("; in the last 5m 14 of 60 jobs, 23.3 %")
    async with standing_in(known) as address, opened(browser, address) as page:
        await expect(page.locator("#since")).to_contain_text(re.compile(r"42:40.*, the first of 2 alerts$"))
        said = page.locator("#firing .card", has_text="summarize").locator(".advice")
        await expect(said).to_have_text(
            [f"Why: input_forbidden in 14 of 14 errors: {FORBIDDEN.means}", f"Do: {FORBIDDEN.do}"]
        )
        known.missing = "Partition 2 has no owner yet."
        await expect(page.locator("#since")).to_be_empty()


async def test_an_update_moves_neither_focus_nor_selection_and_closes_nothing(browser: Browser) -> None:
    known = StandIn([rate("summarize", 14, 60)], [alert(f"p{n}") for n in range(5)])
    async with standing_in(known) as address, opened(browser, address) as page:
        folded = page.locator("#firing details.card").first
        await folded.locator("summary").first.press("Enter")
        await folded.locator("details > summary").press("Enter")
        await folded.locator("li code").select_text()
        known.rates = [rate(f"p{n}", 15, 61) for n in range(5)]
        await expect(folded).to_contain_text("24.6 %, 15 of 61 jobs")
        assert await page.evaluate("getSelection().toString().trim()") == await folded.locator("li code").inner_text()
        known.alerts = [alert(f"p{n}", errors=16) for n in range(5)]
        await expect(folded).to_contain_text("16 of 60 jobs")
        await expect(folded.locator("li")).to_be_visible()
        assert await page.evaluate("document.activeElement.textContent") == "1 failed job to look up"


async def test_a_limit_that_several_rules_share_is_one_line_of_the_worst_severity(browser: Browser) -> None:
    async with standing_in(BUSY) as address, opened(browser, address) as page:
        limits = page.locator("#legend li").filter(has=page.locator(".limit"))
        await expect(limits).to_have_text(["10 %: high-error-rate (5m), customer-errors (5m)"])
        await expect(limits.locator(".limit")).to_have_class("key limit critical")


async def test_a_window_that_no_worker_takes_gives_way_to_one_that_it_does(browser: Browser) -> None:
    async with standing_in(BUSY) as address, opened(browser, f"{address}?window=banana&preset=transcript") as page:
        await expect(page.locator("#sentence")).to_have_text(SENTENCES["busy"])
        await expect(page.get_by_label("Window")).to_have_value("5m")
        assert page.url.endswith("?preset=transcript")


async def test_a_share_reads_as_it_does_in_notifications_and_in_the_terminal(browser: Browser) -> None:
    shares = sorted({rated(errors, total).rate or 0.0 for total in range(1, 161) for errors in range(total + 1)})
    async with standing_in(BUSY) as address, opened(browser, address) as page:
        ask = "async all => { const { percent } = await import('/assets/format.js'); return all.map(percent) }"
        shown = await page.evaluate(ask, shares)
    assert shown == [f"{share:.1%}".replace(".0%", "%").replace("%", " %") for share in shares]
