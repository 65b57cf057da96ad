"""Which jobs are appended, as what, and at what time; the topic here is a dict, as tests/kafka has the real one."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.daily.api import Pace
from stream.daily.client import connected
from stream.daily.event_log import Times
from stream.daily.failure import OutOfReach
from stream.daily.reconcile import Progress, Reconciling
from stream.daily.reconciled import Headers, estimate_times, event_of
from stream.domain.causes import Causes
from stream.domain.parse import Outcome, parse
from tests.daily.stub import KEY, DailyStub, Fault, job, job_id

NOW_MS = 1_767_603_600_000
BRISK = Pace(spacing_seconds=0.0005, attempts=2, first_wait_seconds=0.001)


@dataclass
class Topic:
    """What an events topic would hold."""

    times: Times = field(default_factory=dict)
    events: list[tuple[bytes, Headers]] = field(default_factory=list)
    looks: int = 0
    most_asked: int = 0

    async def look(self, jobs: Collection[str]) -> Times:
        self.looks += 1
        self.most_asked = max(self.most_asked, len(jobs))
        return {each: at for each, at in self.times.items() if each in jobs}

    async def append(self, event: bytes, headers: Headers) -> None:
        outcome = outcome_of(event)
        self.events.append((event, headers))
        self.times[outcome.job_id] = outcome.at_ms

    @property
    def appended(self) -> list[str]:
        return [json.loads(event)["payload"]["id"] for event, _ in self.events]


def topic_with(*numbers: int) -> Topic:
    """Return a topic that tells of these jobs, each of which ended ten seconds before the one numbered one less."""
    return Topic({job_id(number): NOW_MS - 10_000 * number for number in numbers})


def outcome_of(event: bytes) -> Outcome:
    outcome = parse(event, NOW_MS, Causes())
    assert isinstance(outcome, Outcome), outcome
    return outcome


async def reconcile(
    daily: DailyStub, topic: Topic, after: str | None = None, *, dry_run: bool = False, **given: Any
) -> Progress:
    async with connected(daily.url, KEY, BRISK) as client:
        append = None if dry_run else topic.append
        run = Reconciling(client, topic.look, append, lambda _: None, **given)
        await run.run(after)
        return run.progress


def jobs_of(count: int) -> list[dict[str, Any]]:
    """Return jobs, newest first, of which each fifth has failed and each seventh still runs."""
    states = ["processing" if n % 7 == 0 else "error" if n % 5 == 0 else "finished" for n in range(count)]
    return [job(number, state) for number, state in enumerate(states)]


async def test_what_has_ended_and_lacks_is_appended_and_nothing_else(daily: DailyStub) -> None:
    daily.jobs = jobs_of(230)
    ended = [each["id"] for each in daily.jobs if each["status"] != "processing"]
    topic = Topic(dict.fromkeys(ended[::2], NOW_MS))
    progress = await reconcile(daily, topic)
    assert topic.appended == ended[1::2]
    assert (progress.listed, progress.known, progress.lacking) == (230, len(ended[::2]), len(ended[1::2]))
    assert (progress.running, progress.appended) == (230 - len(ended), len(ended[1::2]))


async def test_a_second_run_appends_nothing_and_fetches_nothing(daily: DailyStub) -> None:
    daily.jobs, topic = jobs_of(120), topic_with(119)
    await reconcile(daily, topic)
    fetched = daily.count("GET", "/v1/batch-processor/")
    assert (await reconcile(daily, topic)).appended == 0
    assert daily.count("GET", "/v1/batch-processor/") == fetched == len(topic.events)


async def test_a_run_that_daily_breaks_off_is_finished_by_the_next_one(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(61)], topic_with(60)
    daily.faults = [Fault(503, path=f"/v1/batch-processor/{job_id(40)}")] * 2
    with pytest.raises(OutOfReach):
        await reconcile(daily, topic)
    assert 0 < len(topic.events) < 60
    await reconcile(daily, topic)
    assert sorted(topic.appended) == sorted(job_id(number) for number in range(60))


async def test_memory_is_bounded_by_the_window_and_each_job_is_seen_once(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(451)], topic_with(70, 170, 250, 330, 450)
    progress = await reconcile(daily, topic, window_jobs=100)
    assert topic.appended == [job_id(number) for number in range(450) if number not in (70, 170, 250, 330)]
    assert topic.most_asked <= 200
    assert (progress.known, progress.appended, progress.after) == (5, 446, job_id(450))


async def test_only_so_many_of_the_newest_jobs_are_looked_at(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(250)], topic_with(129, 249)
    progress = await reconcile(daily, topic, most=130)
    assert topic.appended == [job_id(number) for number in range(129)]
    assert (progress.listed, progress.after) == (130, job_id(129))


async def test_a_run_can_go_on_after_the_last_job_that_was_seen_to(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(250)], topic_with(60, 190, 249)
    daily.faults = [Fault(503, path=f"/v1/batch-processor/{job_id(220)}")] * 2
    run = Progress()
    async with connected(daily.url, KEY, BRISK) as client:
        with pytest.raises(OutOfReach):
            await Reconciling(client, topic.look, topic.append, lambda _: None, window_jobs=100, progress=run).run()
    assert run.after == job_id(190)
    listed = daily.count("GET", "/v1/batch-processor")
    await reconcile(daily, topic, run.after)
    assert sorted(topic.appended) == sorted(job_id(number) for number in range(249) if number not in (60, 190))
    assert daily.count("GET", "/v1/batch-processor") - listed <= 2 + 58


async def test_a_dry_run_says_what_lacks_and_appends_nothing(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(10)], topic_with(3, 8)
    progress = await reconcile(daily, topic, dry_run=True)
    assert (progress.lacking, progress.appended, progress.older, topic.events) == (7, 0, 1, [])
    assert daily.count("GET", "/v1/batch-processor/") == 0


async def test_a_job_that_is_deleted_meanwhile_is_counted_as_gone(daily: DailyStub) -> None:
    daily.jobs, topic = [job(1), job(2, deleted=True), job(3)], topic_with(3)
    progress = await reconcile(daily, topic)
    assert (progress.appended, progress.gone) == (1, 1)


async def test_a_job_that_daily_is_of_two_minds_about_lacks_until_it_has_made_up_its_mind(daily: DailyStub) -> None:
    daily.jobs, topic = [job(1), job(2)], topic_with(2)
    daily.faults = [Fault(200, job(1, "processing"), path=f"/v1/batch-processor/{job_id(1)}")]
    progress = await reconcile(daily, topic)
    assert (progress.lacking, progress.appended, progress.gone, topic.events) == (1, 0, 0, [])
    assert (await reconcile(daily, topic)).appended == 1


@pytest.mark.parametrize("said", ["[]", "null", '"gone"', "7"])
async def test_a_job_of_which_nothing_can_be_read_is_a_failure_and_not_gone(daily: DailyStub, said: str) -> None:
    daily.jobs, topic = [job(1), job(2)], topic_with(2)
    daily.faults = [Fault(200, said, path=f"/v1/batch-processor/{job_id(1)}")]
    with pytest.raises(OutOfReach, match="cannot be read"):
        await reconcile(daily, topic)
    assert (await reconcile(daily, topic)).appended == 1


@pytest.mark.parametrize("window_jobs", [100, 1_000])
async def test_a_job_that_is_listed_on_two_pages_is_appended_once(daily: DailyStub, window_jobs: int) -> None:
    listed = [job(number) for number in range(231)]
    daily.jobs, topic = [*listed[:150], *listed[40:60], *listed[150:]], topic_with(90, 180, 230)
    progress = await reconcile(daily, topic, window_jobs=window_jobs)
    assert sorted(topic.appended) == sorted(job_id(number) for number in range(230) if number not in (90, 180))
    assert progress.appended == len(topic.events) == 228


async def test_a_failed_job_is_appended_with_its_error_and_a_mark(daily: DailyStub) -> None:
    daily.jobs, topic = [job(1, "error", preset="soap-notes")], Topic()
    await reconcile(daily, topic, with_history=True)
    [(event, headers)] = topic.events
    outcome = outcome_of(event)
    assert outcome.cause is not None
    assert (outcome.job_id, outcome.preset, outcome.cause.reason) == (job_id(1), "soap-notes", "timeout")
    assert headers[0][0] == "reconciled-at"
    assert int(headers[0][1]) > NOW_MS
    assert headers[1] == ("event-time", b"unknown")


async def test_the_time_of_a_job_is_estimated_between_its_neighbours_and_marked(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(3)], Topic({job_id(0): NOW_MS, job_id(2): NOW_MS - 60_000})
    await reconcile(daily, topic)
    [(event, headers)] = topic.events
    assert outcome_of(event).at_ms == NOW_MS - 30_000
    assert headers[1] == ("event-time", b"estimated")


async def test_jobs_older_than_all_on_the_topic_are_history_and_left_alone(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(12)], topic_with(2, 8)
    progress = await reconcile(daily, topic)
    assert topic.appended == [job_id(number) for number in (0, 1, 3, 4, 5, 6, 7)]
    assert (progress.older, progress.lacking) == (3, 7)


async def test_history_is_appended_when_asked_for_at_the_time_of_the_oldest_known_job(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(500)], topic_with(2, 8)
    progress = await reconcile(daily, topic, with_history=True, window_jobs=100)
    assert sorted(topic.appended) == sorted(job_id(number) for number in range(500) if number not in (2, 8))
    assert topic.times[job_id(499)] == NOW_MS - 80_000
    assert topic.most_asked <= 200
    assert (progress.older, progress.lacking) == (491, 498)


async def test_what_follows_a_window_of_history_is_not_even_listed(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(2_000)], topic_with(2)
    progress = await reconcile(daily, topic, window_jobs=300)
    assert (topic.appended, progress.older) == ([job_id(0), job_id(1)], progress.listed - 3)
    assert progress.listed <= 700


async def test_a_run_on_an_empty_topic_appends_nothing(daily: DailyStub) -> None:
    daily.jobs, topic = [job(number) for number in range(5)], Topic()
    progress = await reconcile(daily, topic)
    assert (progress.older, progress.appended) == (5, 0)


@pytest.mark.parametrize("status", ["submitted", "processing", None, "", 7, ["error"]])
def test_a_job_that_has_not_ended_is_no_event(status: object) -> None:
    assert event_of("a", {"id": "a", "status": status}, NOW_MS) is None


def test_an_event_names_the_job_it_was_listed_as_whatever_else_daily_says() -> None:
    event = event_of("a", {"id": "b", "status": "finished", "note": "\u2028é", "big": 10**400}, None)
    assert event is not None
    assert outcome_of(event).job_id == "a"
    assert b"event_ts" not in event


# listed:    a  b  c  d  e        known: b at 40 s, d at 20 s
# estimated: 70    30    20       when listed at 100 s
def test_times_lie_on_the_line_between_known_neighbours() -> None:
    known = {"b": 40_000, "d": 20_000}
    assert estimate_times("abcde", known, 100_000) == {"a": 70_000, "c": 30_000, "e": 20_000}
    assert estimate_times("abcde", known, None) == {"a": 40_000, "c": 30_000, "e": 20_000}


@given(st.dictionaries(st.integers(0, 30), st.integers(1, NOW_MS), max_size=10), st.booleans())
def test_no_estimate_lies_outside_of_what_is_known(times: dict[int, int], is_whole: bool) -> None:
    listed = [str(place) for place in range(31)]
    known = {str(place): at for place, at in times.items()}
    estimated = estimate_times(listed, known, NOW_MS if is_whole else None)
    assert estimated.keys() == (set(listed) - known.keys() if known else set())
    if known:
        newest = max(*known.values(), NOW_MS if is_whole else 0)
        assert all(min(known.values()) <= at <= newest for at in estimated.values())
