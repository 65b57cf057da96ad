"""A job counts once: copies within the horizon change nothing, and another outcome is a conflict and not a job."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cli.metered import Metered
from stream.domain.panes import HOUR_MS
from stream.domain.replay import Replayed
from stream.domain.rules import RuleSet
from tests.laws.folds import decided, new_fold, read, seen
from tests.laws.logs import LATENESS_MS, PRESETS, Log, Story, cut, rule_sets, stories, write
from tests.webhooks import T0_MS, TIMEOUT, body, log_of, meeting

Copies = list[tuple[int, int]]
"""Which record comes again, counted around the log, and after how many more records."""

COPIES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=8)
Change = Callable[[bytes], bytes]


def resent(value: bytes) -> bytes:
    """Daily sends the very same body again."""
    return value


def by_a_second_webhook(value: bytes) -> bytes:
    """Two webhooks on one domain tell of the same job under ids of their own."""
    return value.replace(b'"id": "bp-', b'"id": "3431-')


def with_another_outcome(value: bytes) -> bytes:
    event = json.loads(value)
    preset, at_ms = event["payload"]["preset"], round(event["event_ts"] * 1000)
    error = TIMEOUT if event["payload"]["status"] == "finished" else None
    return body(event["payload"]["id"], preset, at_ms, error)


def repeat(log: Log, copies: Copies, change: Change) -> tuple[Log, int]:
    """Return a log in which jobs come again, later, and how many there are of those."""
    again: dict[int, list[Replayed]] = {}
    jobs = [place for place, record in enumerate(log) if b'"batch-processor.' in (record.value or b"")]
    for which, later in copies:
        record = log[jobs[which % len(jobs)]]
        place = min(record.offset + later, len(log)) - 1
        again.setdefault(place, []).append(replace(record, value=change(record.value or b"")))
    mixed = [copy for place, record in enumerate(log) for copy in (record, *again.get(place, ()))]
    return [replace(record, offset=offset) for offset, record in enumerate(mixed)], len(copies)


@given(stories(), st.lists(COPIES, min_size=3, max_size=3), rule_sets(), st.sampled_from([resent, by_a_second_webhook]))
def test_copies_of_jobs_change_no_count_and_no_alert(
    told: list[Story], copies: list[Copies], rules: RuleSet, change: Change
) -> None:
    logs = write(told)
    repeated = [repeat(log, again, change) for log, again in zip(logs, copies, strict=False)]
    once, twice = new_fold(rules, len(logs)), new_fold(rules, len(logs))
    said = read(once, (record for log in logs for record in log))
    assert read(twice, (record for log, _ in repeated for record in log)) == said
    assert (seen(twice.board), decided(twice.board)) == (seen(once.board), decided(once.board))
    assert repetitions(twice) - repetitions(once) == sum(count for _, count in repeated)


def repetitions(fold: Metered) -> int:
    return fold.meters["duplicates"] + fold.meters["conflicts"]


JOBS = st.lists(
    st.tuples(st.integers(0, 12_000), st.sampled_from(PRESETS), st.sampled_from([None, TIMEOUT])),
    min_size=1,
    max_size=20,
)


@given(JOBS, COPIES, rule_sets())
def test_another_outcome_of_a_job_is_a_conflict_and_changes_no_count_and_no_alert(
    jobs: Sequence[tuple[int, str, str | None]], copies: Copies, rules: RuleSet
) -> None:
    at_ms, values = T0_MS, []
    for number, (gap_ms, preset, error) in enumerate(jobs):
        at_ms += gap_ms
        values.append((at_ms, body(f"{number}", preset, at_ms, error)))
    log = log_of(values)
    contested, count = repeat(log, copies, with_another_outcome)
    plain, fold = new_fold(rules, 1), new_fold(rules, 1)
    assert read(fold, contested) == read(plain, log)
    assert (seen(fold.board), decided(fold.board)) == (seen(plain.board), decided(plain.board))
    assert (fold.meters["conflicts"], fold.meters["duplicates"]) == (count, 0)


NO_RULE_THAT_MATTERS = RuleSet.model_validate({"rules": ({"name": "run", "kind": "consecutive", "errors": 50},)})
A_SECOND_MS = 1_000


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        (None, TIMEOUT, {"": 1}),
        (TIMEOUT, None, {"timeout": 1}),
    ],
)
@pytest.mark.parametrize("earlier_ms", [-A_SECOND_MS, 0, A_SECOND_MS], ids=["earlier", "together", "later"])
@pytest.mark.parametrize("places", [set(), {1}], ids=["one batch", "two batches"])
def test_the_first_outcome_in_the_log_counts_whichever_ended_first(
    first: str | None, second: str | None, counted: dict[str, int], earlier_ms: int, places: set[int]
) -> None:
    ended_ms = T0_MS + 2 * A_SECOND_MS
    told = [body("a", "summarize", ended_ms, first), body("a", "summarize", ended_ms + earlier_ms, second)]
    log = log_of((ended_ms, value) for value in told)
    fold = new_fold(NO_RULE_THAT_MATTERS, 1)
    for batch in cut(log, places):
        list(fold.take(0, batch))
    assert {cell.reason: count for cell, count in seen(fold.board)["summarize", T0_MS].items()} == counted
    assert fold.meters["conflicts"] == 1


@pytest.mark.parametrize("places", [set(), {2}, {1, 2, 3}], ids=["one batch", "two batches", "one by one"])
def test_later_copies_are_held_against_the_outcome_that_counted(places: set[int]) -> None:
    told = [(T0_MS, body("a", "summarize", T0_MS, error)) for error in (None, TIMEOUT, None, TIMEOUT)]
    fold = new_fold(NO_RULE_THAT_MATTERS, 1)
    for batch in cut(log_of(told), places):
        list(fold.take(0, batch))
    assert (fold.meters["counted"], fold.meters["conflicts"], fold.meters["duplicates"]) == (1, 2, 1)


@pytest.mark.parametrize("places", [set(), {1}, {2}, {1, 2}], ids=["together", "1 2", "2 1", "1 1 1"])
@pytest.mark.parametrize(
    ("newest_ms", "jobs"),
    [
        # hours     9 ........ 10 ........ 11        horizon: an hour past the end of the job's hour, by the watermark
        # job       |a
        # forgotten                        |
        (T0_MS + A_SECOND_MS, 1),
        (T0_MS + HOUR_MS + A_SECOND_MS, 1),
        (T0_MS + 2 * HOUR_MS + LATENESS_MS - 1, 1),
        (T0_MS + 2 * HOUR_MS + LATENESS_MS, 2),
        (T0_MS + 3 * HOUR_MS, 2),
    ],
)
def test_beyond_the_horizon_a_job_counts_again(newest_ms: int, jobs: int, places: set[int]) -> None:
    copy = body("a", "summarize", T0_MS)
    log = log_of([(T0_MS, copy), (newest_ms, meeting(newest_ms)), (newest_ms, copy)])
    fold = new_fold(NO_RULE_THAT_MATTERS, 1, horizon_ms=HOUR_MS)
    for batch in cut(log, places):
        list(fold.take(0, batch))
    assert sum(seen(fold.board)["summarize", T0_MS].values()) == jobs
    assert (fold.meters["counted"], fold.meters["duplicates"]) == (jobs, 2 - jobs)


def test_beyond_retention_a_job_that_is_forgotten_is_too_old_to_count() -> None:
    newest_ms = T0_MS + 3 * HOUR_MS
    copy = body("a", "summarize", T0_MS)
    fold = new_fold(NO_RULE_THAT_MATTERS, 1, horizon_ms=HOUR_MS, retention_ms=2 * HOUR_MS)
    read(fold, log_of([(T0_MS, copy), (newest_ms, meeting(newest_ms)), (newest_ms, copy)]))
    assert (fold.meters["counted"], fold.meters["expired"]) == (1, 1)
