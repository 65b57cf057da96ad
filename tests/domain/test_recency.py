"""How a preset's jobs ended lately: drawn as `x` for a failure, `o` for a success, one column a moment."""

from collections.abc import Iterable
from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.recency import Recency

KEPT = 4
Ended = tuple[int, str | None]
"""When a job ended, and for what reason it failed; None when it finished."""

JOBS = st.lists(st.tuples(st.integers(0, 25), st.sampled_from([None, "timeout", "other", "other"])), max_size=15)


def recency_of(jobs: Iterable[Ended], kept: int = KEPT) -> Recency:
    recency = Recency()
    for at_ms, reason in jobs:
        if reason is None:
            recency.finish(at_ms)
        else:
            recency.fail(reason, (at_ms,), kept)
    return recency


def total(*parts: Recency) -> Recency:
    whole = Recency()
    for part in parts:
        whole.merge(part, KEPT)
    return whole


RECENCIES = JOBS.map(recency_of)


@given(RECENCIES, RECENCIES)
def test_two_may_be_merged_either_way_round(one: Recency, other: Recency) -> None:
    assert total(one, other) == total(other, one)


@given(RECENCIES, RECENCIES, RECENCIES)
def test_three_may_be_merged_from_either_end(one: Recency, two: Recency, three: Recency) -> None:
    assert total(total(one, two), three) == total(one, total(two, three))


@given(RECENCIES)
def test_the_empty_one_changes_nothing(recency: Recency) -> None:
    assert total(recency) == total(recency, Recency()) == total(Recency(), recency) == recency


@given(RECENCIES, RECENCIES)
def test_what_is_merged_into_another_stays_as_it_is(one: Recency, other: Recency) -> None:
    kept = deepcopy(other)
    one.merge(other, KEPT)
    one.finish(30)
    assert other == kept


@given(JOBS, st.randoms(use_true_random=False))
def test_the_order_in_which_jobs_become_known_does_not_matter(jobs: list[Ended], shuffle: Random) -> None:
    mixed = list(jobs)
    shuffle.shuffle(mixed)
    assert recency_of(mixed) == recency_of(jobs)


@given(JOBS, st.integers(1, KEPT), st.sampled_from([{"timeout"}, {"other"}, {"timeout", "other"}]))
def test_the_newest_failures_are_those_after_the_last_success(jobs: list[Ended], most: int, reasons: set[str]) -> None:
    finished_ms = max((at_ms for at_ms, reason in jobs if reason is None), default=-1)
    run = sorted((at_ms, reason) for at_ms, reason in jobs if reason in reasons and at_ms > finished_ms)
    assert recency_of(jobs).newest(reasons.__contains__, most) == run[-most:]


@given(JOBS)
def test_no_more_failures_of_a_reason_are_kept_than_asked_for(jobs: list[Ended]) -> None:
    assert all(0 < len(times) <= KEPT for times in recency_of(jobs).failures.values())


@pytest.mark.parametrize(
    ("ended", "arrives", "length"),
    [
        pytest.param("xxxx", "0123", 4, id="every failure counts"),
        pytest.param("xxox", "0123", 1, id="a success ends the run before it"),
        pytest.param("xxxo", "0123", 0, id="a success ends the run"),
        pytest.param("oxxx", "1230", 3, id="a late success from before the run does not break it"),
        pytest.param("xoxx", "0231", 2, id="a late success from within the run leaves what came after"),
        pytest.param("xoxx", "1230", 2, id="a late failure from before the success adds nothing"),
    ],
)
def test_a_run_is_what_has_failed_since_the_last_success_by_event_time(ended: str, arrives: str, length: int) -> None:
    jobs: list[Ended] = [(at_ms, "other" if how == "x" else None) for at_ms, how in enumerate(ended)]
    assert len(recency_of(jobs[int(place)] for place in arrives).newest(bool, 10)) == length


def test_a_success_at_the_moment_of_a_failure_ends_the_run_whichever_comes_first() -> None:
    assert recency_of([(5, "other"), (5, None)]) == recency_of([(5, None), (5, "other")]) == Recency(5)
