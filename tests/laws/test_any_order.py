"""Any order within the allowed lateness gives the same alerts; what comes later is counted, and metered as late.

happened   a . b . c . . d . e        each event arrives up to the allowed lateness after it happened
arrived    . b . a . . c . e . d
"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cli.metered import Metered
from stream.domain.panes import HOUR_MS
from stream.domain.rules import RuleSet
from tests.laws.folds import decided, new_fold, read, seen
from tests.laws.logs import ERRORS, IN_TIME_GAP, LATENESS_MS, PANE_MS, PRESETS, Log, rule_sets
from tests.webhooks import FORBIDDEN, T0_MS, body, log_of, meeting

Event = tuple[int, bytes]
"""When it happened, and its body."""
Described = tuple[int, str | None, str | None]
"""How long after the event before it, the preset (None for an event that is no job) and the error."""
Delays = Sequence[int]

DESCRIPTIONS = st.lists(st.tuples(IN_TIME_GAP, st.sampled_from([*PRESETS, None]), ERRORS), max_size=25)
WITHIN_MS = st.lists(st.integers(0, LATENESS_MS), min_size=26, max_size=26)
BEYOND_MS = st.lists(
    st.sampled_from([0, LATENESS_MS, LATENESS_MS + 1, 2 * PANE_MS, HOUR_MS, HOUR_MS + 2 * PANE_MS, 3 * HOUR_MS]),
    min_size=26,
    max_size=26,
)


def happened(partition: int, described: Sequence[Described]) -> list[Event]:
    """Return a partition's events by the time they happened; a job is the first, each job is another one."""
    at_ms, events = T0_MS, [(T0_MS, body(f"{partition}-first", PRESETS[0], T0_MS))]
    for number, (gap_ms, preset, error) in enumerate(described):
        at_ms += max(0, gap_ms)
        told = meeting(at_ms) if preset is None else body(f"{partition}-{number}", preset, at_ms, error)
        events.append((at_ms, told))
    return events


def arrived(partition: int, events: list[Event], delays: Delays) -> Log:
    """Return the log of events that come so much later than they happened; the first comes at once."""
    late = [(at_ms + delay, value) for (at_ms, value), delay in zip(events, (0, *delays[1:]), strict=False)]
    return log_of(sorted(late, key=lambda arrival: arrival[0]), partition)


def both(described: Sequence[Sequence[Described]], delays: Sequence[Delays]) -> tuple[list[Log], list[Log]]:
    """Return the logs in order and out of it."""
    events = [happened(partition, one) for partition, one in enumerate(described)]
    in_order = [arrived(partition, one, [0] * len(one)) for partition, one in enumerate(events)]
    return in_order, [arrived(partition, one, delays[partition]) for partition, one in enumerate(events)]


LOGS = st.lists(DESCRIPTIONS, min_size=1, max_size=3)


def every(logs: Sequence[Log]) -> Log:
    return [record for log in logs for record in log]


@given(LOGS, st.lists(WITHIN_MS, min_size=3, max_size=3), rule_sets())
def test_any_order_within_the_allowed_lateness_gives_the_same_counts_and_alerts(
    described: list[list[Described]], delays: list[list[int]], rules: RuleSet
) -> None:
    in_order, mixed = both(described, delays)
    straight, crossed = new_fold(rules, len(in_order)), new_fold(rules, len(in_order))
    assert read(crossed, every(mixed)) == read(straight, every(in_order))
    assert seen(crossed.board) == seen(straight.board)
    assert decided(crossed.board) == decided(straight.board)
    assert crossed.meters["late"] == 0


NO_RULE_THAT_MATTERS = RuleSet.model_validate({"rules": ({"name": "run", "kind": "consecutive", "errors": 90},)})


def folded_both_ways(described: list[list[Described]], delays: list[list[int]]) -> tuple[Metered, Metered, list[Log]]:
    """Return the folds of logs in order and mixed, and the mixed logs."""
    in_order, mixed = both(described, delays)
    straight, crossed = (new_fold(NO_RULE_THAT_MATTERS, len(in_order)) for _ in range(2))
    read(straight, every(in_order))
    read(crossed, every(mixed))
    return straight, crossed, mixed


@given(LOGS, st.lists(BEYOND_MS, min_size=3, max_size=3))
def test_however_late_a_job_comes_it_counts_where_it_ended_and_is_metered(
    described: list[list[Described]], delays: list[list[int]]
) -> None:
    straight, crossed, mixed = folded_both_ways(described, delays)
    assert seen(crossed.board) == seen(straight.board)
    assert crossed.meters["late"] == sum(len(late_jobs(log)) for log in mixed)
    assert crossed.meters["counted"] == straight.meters["counted"]


def late_jobs(log: Log) -> list[int]:
    """Return how late each job is that comes after newer events than it may, in milliseconds."""
    newest_ms, late = 0, []
    for record in log:
        value = record.value or b""
        at_ms = round(float(value.rpartition(b'"event_ts": ')[2].rstrip(b"}")) * 1000)
        if b'"batch-processor.' in value and at_ms < newest_ms - LATENESS_MS:
            late.append(newest_ms - LATENESS_MS - at_ms)
        newest_ms = max(newest_ms, at_ms)
    return late


@given(LOGS, st.lists(BEYOND_MS, min_size=3, max_size=3))
def test_rules_get_each_job_once_unless_it_comes_more_than_an_hour_late(
    described: list[list[Described]], delays: list[list[int]]
) -> None:
    straight, crossed, mixed = folded_both_ways(described, delays)
    too_late = sum(late_ms > HOUR_MS for log in mixed for late_ms in late_jobs(log))
    used = sum(sum(counts.values()) for (name, _), counts in decided(crossed.board).items() if name)
    assert used == straight.meters["counted"] - too_late


ONE_FAILURE = RuleSet.model_validate({"rules": ({"name": "any", "kind": "consecutive", "errors": 1},)})


@pytest.mark.parametrize(
    ("late_ms", "late", "fires_at_ms"),
    [
        # newest    |now                   lateness: 5 s, so that time has come to 09:59:55 when the job is heard of
        # job     x <-|                    pane: 10 s
        (LATENESS_MS, 0, T0_MS + HOUR_MS),
        (LATENESS_MS + 1, 1, T0_MS + HOUR_MS),
        (HOUR_MS + LATENESS_MS, 1, T0_MS + HOUR_MS),
        (HOUR_MS + LATENESS_MS + 1, 1, None),
    ],
)
def test_a_late_failure_pages_when_it_becomes_known_and_after_an_hour_not_at_all(
    late_ms: int, late: int, fires_at_ms: int | None
) -> None:
    now_ms, ended_ms = T0_MS + HOUR_MS, T0_MS + HOUR_MS - late_ms
    fold = new_fold(ONE_FAILURE, 1)
    first = body("first", "summarize", T0_MS - HOUR_MS)
    log = log_of(
        [(T0_MS - HOUR_MS, first), (now_ms, meeting(now_ms)), (now_ms, body("late", "transcript", ended_ms, FORBIDDEN))]
    )
    events = list(fold.run(log))
    assert [event.at for event in events] == ([] if fires_at_ms is None else [fires_at_ms])
    assert fold.meters["late"] == late
    ended_in = ended_ms // PANE_MS * PANE_MS
    assert sum(seen(fold.board)["transcript", ended_in].values()) == 1
