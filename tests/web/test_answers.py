"""What is said of the whole: whether anything is wrong, in one sentence, and never more than is known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.advice import SILENCE as SILENT
from stream.domain.advice import advice_on
from stream.domain.duration import parse_duration
from stream.domain.panes import HOUR_MS
from stream.domain.readable import JOINERS
from stream.web.answers import MOST_STEPS, Sent, added, combine, shown_alerts, spans, windows
from stream.web.verdict import Known, judge

LIMIT_MS = 45_000


def alert(preset: str, severity: str = "critical", state: str = "firing", **more: Any) -> dict[str, Any]:
    found = {"state": state, "preset": preset, "severity": severity, "rule": "rule", "rule_kind": "threshold"}
    return {"id": f"{preset}-1", "at": "2026-01-05T09:00:00Z", "started_at": "2026-01-05T09:00:00Z", **found, **more}


def judged(*alerts: dict[str, Any], presets: int = 4, behind_ms: int | None = 9_000, **more: Any) -> tuple[str, str]:
    said = judge(Known(alerts, more.get("faults", ()), presets, behind_ms, LIMIT_MS))
    return said["level"], said["sentence"]


FAULT = {"name": "consumer", "detail": "Nothing of events[0] was read for 40 s; 7 records wait."}
SILENCE = {"rule_kind": "silence"}


def test_alerts_are_named_worst_and_newest_first() -> None:
    older = alert("b", started_at="2026-01-05T08:00:00Z")
    assert judged(alert("a", "warning"), older, alert("c")) == (
        "critical",
        "Failing now: c and b, and 1 more to look at.",
    )
    assert judged(alert("a", "warning")) == ("warning", "Needs a look: a.")
    assert judged(alert("a", "info")) == ("info", "For information: a.")
    assert judged(alert("a"), alert("a", "warning")) == ("critical", "Failing now: a.")


def test_more_presets_than_anyone_reads_are_counted() -> None:
    assert judged(*map(alert, "abcd"))[1] == "Failing now: a, b, c and 1 other preset."
    assert judged(*map(alert, "abcdef"))[1] == "Failing now: a, b, c and 3 other presets."


def test_silence_is_not_called_failing() -> None:
    assert judged(alert("*", **SILENCE))[1] == "No jobs come in at all."
    assert judged(alert("*", **SILENCE), alert("a"))[1] == "Failing now: a. No jobs come in at all."
    assert judged(alert("b", **SILENCE), alert("c", **SILENCE))[1] == "No jobs of b and c come in."


def test_the_sentence_says_how_bad_it_is_with_the_figures_of_the_newest_alert() -> None:
    few: dict[str, Any] = {"errors": 14, "total": 60, "reasons": {"timeout": 8, "other": 6}}
    older = alert("a", "critical", errors=6, total=6, reasons={}, rule="run", started_at="2026-01-05T08:00:00Z")
    assert judged(older, alert("a", **few))[1] == "Failing now: a (14 of 60 jobs, mostly timeout)."
    assert judged(older)[1] == "Failing now: a (6 of 6 jobs)."
    assert judged(alert("a", **few | {"reasons": {"timeout": 14}}))[1] == "Failing now: a (14 of 60 jobs, all timeout)."
    assert judged(alert("a", **few | {"reasons": {"timeout": 7, "other": 7}}))[1] == "Failing now: a (14 of 60 jobs)."
    assert judged(alert("a", **few), alert("b", **few | {"errors": 1_400, "total": 6_000}))[1] == (
        "Failing now: a (14 of 60 jobs) and b (1,400 of 6,000 jobs)."
    )


def test_alerts_that_fire_come_with_the_words_of_a_notification() -> None:
    few: dict[str, Any] = {"errors": 14, "reasons": {"timeout": 8, "other": 6}, "parties": {"daily": 8, "unknown": 6}}
    [told] = shown_alerts([alert("a", **few)])["firing"]
    assert told["why"] == "timeout in 8 of 14 errors: something at Daily took too long"
    assert told["do"] == advice_on("timeout").do
    [told] = shown_alerts([alert("a", **few, annotations={"description": "Call Ann."})])["firing"]
    assert told["do"] == "Call Ann."
    [told] = shown_alerts([alert("*", **SILENCE)])["firing"]
    assert (told["why"], told["do"]) == ("", SILENT.do)


def test_a_worker_that_is_unwell_is_said_with_and_without_alerts() -> None:
    assert judged(alert("a"), faults=[FAULT])[1] == "Failing now: a. presetwatch itself is unwell (consumer)."
    assert judged(faults=[FAULT, FAULT]) == (
        "warning",
        "No alert is firing, but presetwatch itself is unwell (consumer).",
    )


def test_all_is_well_only_where_that_is_known() -> None:
    assert judged() == ("ok", "All is well: no alert is firing for 4 presets.")
    assert judged(presets=1)[1] == "All is well: no alert is firing for 1 preset."
    assert judged(alert("a", state="pending"), alert("b", state="resolved"))[1] == (
        "All is well: no alert is firing for 4 presets; 1 alert pending."
    )
    assert judged(presets=0)[0] == "unknown"
    assert judged(behind_ms=None)[0] == "unknown"
    assert judged(behind_ms=LIMIT_MS)[0] == "ok"
    assert judged(behind_ms=LIMIT_MS + 1) == (
        "unknown",
        "No alert is firing, but the newest events are not decided yet.",
    )
    assert judged(behind_ms=300 * 24 * HOUR_MS) == ("ok", "No alert is firing in these events, which are old.")


@given(st.text(max_size=10_000))
def test_a_name_in_the_sentence_is_short_and_turns_nothing_around(name: str) -> None:
    _, sentence = judged(alert(name))
    assert not set(filter(lambda each: not each.isprintable(), sentence)) - set(JOINERS)
    assert len(sentence) < 80


@pytest.mark.parametrize("pane", ["1s", "10s", "30s", "1m", "5m", "30m", "1h"])
def test_every_choice_is_one_that_the_api_takes(pane: str) -> None:
    pane_ms, kept_ms = parse_duration(pane), 25 * HOUR_MS
    for window in windows(pane_ms, kept_ms):
        assert parse_duration(window) % pane_ms == 0
        assert parse_duration(window) <= kept_ms
    for each in spans(pane_ms, kept_ms):
        span_ms, step_ms = parse_duration(each["span"]), parse_duration(each["step"])
        assert span_ms <= kept_ms
        assert (span_ms % step_ms, step_ms % pane_ms) == (0, 0)
        assert 1 <= span_ms // step_ms <= MOST_STEPS
    assert windows(pane_ms, kept_ms)
    assert spans(pane_ms, kept_ms)


def test_no_more_alerts_are_listed_than_anyone_reads_and_none_is_left_uncounted() -> None:
    told = shown_alerts([alert(f"p{n}") for n in range(1_000)] + [alert("r", state="resolved")])
    assert told["counts"] == {"firing": 1_000, "pending": 0, "resolved": 1}
    assert len(told["firing"]) == 200


def test_counts_of_workers_add_up() -> None:
    assert added([{"read": 1, "rejected": {"empty": 2}}, {"read": 3, "rejected": {"empty": 1, "not_json": 5}}]) == {
        "read": 4,
        "rejected": {"empty": 3, "not_json": 5},
    }


def part(rates: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"rates": rates, "alerts": [], "faults": [], "decided_to_ms": {"0": 0}, "newest_ms": 0, "ingest": {}} | more


def test_what_is_decided_is_what_the_slowest_partition_has_decided() -> None:
    parts = [
        part([], decided_to_ms={"0": 90_000, "2": 60_000}),
        part([], decided_to_ms={"1": 70_000}, newest_ms=95_000),
    ]
    whole = combine(parts, "5m", 100_000, LIMIT_MS)
    assert (whole["decided_to"], whole["newest"]) == ("1970-01-01T00:01:00Z", "1970-01-01T00:01:35Z")
    parts.append(part([], decided_to_ms={"3": None}))
    assert combine(parts, "5m", 100_000, LIMIT_MS)["decided_to"] is None


RATES = st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=6)


@given(st.lists(RATES, min_size=1, max_size=6))
def test_who_takes_in_all_changes_knows_what_the_last_overview_says(told: list[dict[str, int]]) -> None:
    sent = Sent()
    rates: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for number, each in enumerate(told):
        overview = {"rates": [{"preset": preset, "errors": n} for preset, n in each.items()], "number": number // 2}
        message = sent.changes(overview)
        if message.get("whole"):
            rates.clear()
        for preset in message.get("gone", ()):
            del rates[preset]
        rates |= {rate["preset"]: rate for rate in message.get("rates", ())}
        rest |= {name: value for name, value in message.items() if name == "number"}
        assert {preset: rate["errors"] for preset, rate in rates.items()} == each
        assert rest == {"number": number // 2}
        assert sent.changes(overview) == {}
