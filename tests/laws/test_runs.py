"""What holds of `consecutive`: as each pane ends it knows whether the newest jobs have failed, whoever counted them."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertKind
from stream.domain.panes import pane_end
from stream.domain.parse import Outcome, parse
from stream.domain.replay import Replayed
from stream.domain.rules import RuleSet
from tests.laws.folds import new_fold
from tests.laws.logs import CAUSES, IN_TIME_GAP, PANE_MS, PRESETS, Story, stories, write
from tests.laws.test_homes import PLACES, once_each, scatter
from tests.laws.test_splitting import PARTITIONS
from tests.webhooks import FORBIDDEN, T0_MS, body, log_of, meeting

Turn = tuple[AlertKind, int]


class Ended(NamedTuple):
    """A job, in the order of a run: of the same instant a success comes last."""

    at_ms: int
    finished: bool


def in_a_row(errors: int) -> RuleSet:
    return RuleSet.model_validate({"rules": ({"name": "run", "kind": "consecutive", "errors": errors},)})


def turns(records: Sequence[Replayed], partitions: int, errors: int, preset: str) -> list[Turn]:
    """Return when the rule fires and resolves."""
    fold = new_fold(in_a_row(errors), partitions)
    events = [*(event for record in records for event in fold.take(record.partition, [record])), *fold.finish()]
    return [(event.kind, event.at) for event in events if event.preset == preset]


def by_hand(records: Sequence[Replayed], errors: int, preset: str) -> list[Turn]:
    """Return the same, from all jobs in order, at the end of each pane that has any."""
    outcomes = [parse(record.value, record.timestamp, CAUSES) for record in records]
    jobs = sorted(
        Ended(each.at_ms, not each.failed) for each in outcomes if isinstance(each, Outcome) and each.preset == preset
    )
    found, fires = list[Turn](), False
    for tick_ms in sorted({pane_end(job.at_ms, PANE_MS) for job in jobs}):
        newest = [job for job in jobs if job.at_ms < tick_ms][-errors:]
        is_run = len(newest) == errors and not any(job.finished for job in newest)
        if is_run != fires:
            found.append((AlertKind.FIRED if is_run else AlertKind.RESOLVED, tick_ms))
        fires = is_run
    return found


@given(stories(IN_TIME_GAP, most=25, jobs=400), PARTITIONS, PLACES, st.integers(1, 4), st.sampled_from(PRESETS))
def test_it_fires_while_the_newest_jobs_have_failed_as_panes_end_whatever_partitions_they_are_on(
    told: list[Story], partitions: int, places: list[int], errors: int, preset: str
) -> None:
    log = once_each(write(told)[0])
    assert turns(scatter(log, partitions, places), partitions, errors, preset) == by_hand(log, errors, preset)


def test_a_run_that_a_success_ends_before_its_pane_does_is_not_seen_and_one_that_goes_on_is() -> None:
    def log(success_ms: int) -> list[Replayed]:
        failures = [(T0_MS + n * 1_000, body(f"job-{n}", "a", T0_MS + n * 1_000, FORBIDDEN)) for n in range(6)]
        success = (T0_MS + success_ms, body("job-9", "a", T0_MS + success_ms))
        return log_of([*failures, success, (T0_MS + 60_000, meeting(T0_MS + 60_000))])

    assert turns(log(9_999), 1, 5, "a") == []
    assert turns(log(10_000), 1, 5, "a") == [(AlertKind.FIRED, T0_MS + 10_000), (AlertKind.RESOLVED, T0_MS + 20_000)]
