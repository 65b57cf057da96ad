"""Synthetic Daily traffic for the demo, as a webhook receiver would write it to Kafka.

Law: a pure function of seed, length and start, in order of arrival, and the same bytes on every Python. Duplicates,
disorder, late events, other event types and junk never stop; batch events stop only in a silence, and what they would
have said is lost, as with Daily's circuit breaker.
"""

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from stream.domain.routing import record_key
from stream.local.chatter import PING, draw_junk, draw_other_event
from stream.local.draws import draw_between, draw_gap_ms, draw_id, pick, seed_random
from stream.local.incidents import DEMO_EPOCH_MS, Incident, error_share, find_incident, plan
from stream.local.payloads import PRESETS, draw_batch_event, draw_job

__all__ = ["DEMO_EPOCH_MS", "Delivery", "Incident", "generate", "plan"]

_JOBS_PER_SECOND = 2.6  # the mean over a day
_RHYTHM = 0.35  # how far the busiest hour, 14:00 UTC, lies above that mean, and the quietest, 02:00, below
_DISORDER_MS = 3_000
_LATE_SHARE, _LATE_MIN_MS, _LATE_RATIO = 0.03, 10_000, 120  # from 10 s to 120 times that, 20 min
_RESENT_SHARE, _RESENT_MIN_MS, _RESENT_RATIO = 0.02, 2_000, 150  # from 2 s to 5 min
_SECOND_WEBHOOK_SHARE = 0.01
_OTHER_EVERY_MS = 640
_PINGS_PER_SECOND, _JUNK_PER_SECOND = 1 / 240, 1 / 45


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record to produce: when, as epoch milliseconds and Kafka timestamp, under which key, and the body."""

    arrives_at_ms: int
    key: bytes | None
    value: bytes


class _Post(NamedTuple):
    """A body on its way; whatever its source makes later arrives no earlier than `made_at_ms`."""

    made_at_ms: int
    arrives_at_ms: int
    value: bytes


class _Run(NamedTuple):
    seed: int
    starts_at_ms: int
    ends_at_ms: int
    incidents: tuple[Incident, ...]


def generate(seed: int, minutes: int, started_at_ms: int = DEMO_EPOCH_MS) -> Iterator[Delivery]:
    """Generate a run of that many minutes in order of arrival; what would arrive after its end is left out."""
    run = _Run(seed, started_at_ms, started_at_ms + minutes * 60_000, plan(seed, minutes, started_at_ms))
    sources = (_make_batch_posts(run), _make_other_posts(run), _make_pings(run), _make_junk(run))
    for post in _order(heapq.merge(*sources, key=lambda post: post.made_at_ms)):
        if post.arrives_at_ms >= run.ends_at_ms:
            return
        yield Delivery(post.arrives_at_ms, record_key(post.value), post.value)


def _order(posts: Iterable[_Post]) -> Iterator[_Post]:
    """Turn the order of making into the order of arrival, holding no more than what is under way."""
    under_way: list[tuple[int, int, _Post]] = []
    for number, post in enumerate(posts):
        heapq.heappush(under_way, (post.arrives_at_ms, number, post))
        while under_way[0][0] < post.made_at_ms:
            yield heapq.heappop(under_way)[2]
    while under_way:
        yield heapq.heappop(under_way)[2]


def _make_batch_posts(run: _Run) -> Iterator[_Post]:
    rng = seed_random(run.seed, "jobs")
    at_ms = run.starts_at_ms
    while (at_ms := at_ms + draw_gap_ms(rng, _jobs_per_second(at_ms))) < run.ends_at_ms:
        for post in _report_job(rng, run.incidents, at_ms):
            if not any(find_incident(run.incidents, None, at) for at in (at_ms, post.arrives_at_ms)):
                yield post


def _jobs_per_second(at_ms: int) -> float:
    hour = at_ms / 3_600_000 % 24
    return _JOBS_PER_SECOND * (1 + _RHYTHM * math.sin(math.tau * (hour - 8) / 24))


def _report_job(rng: Random, incidents: tuple[Incident, ...], at_ms: int) -> Iterator[_Post]:
    preset = pick(rng, PRESETS)
    incident = find_incident(incidents, preset, at_ms)
    failed = rng.random() < error_share(incident, at_ms)
    job = draw_job(rng, preset, failed=failed, fault=incident.kind if incident else None)
    body = draw_batch_event(rng, job, at_ms)
    arrives_at_ms = at_ms + _draw_delay_ms(rng)
    yield _Post(at_ms, arrives_at_ms, body)
    if rng.random() < _RESENT_SHARE:
        yield _Post(at_ms, arrives_at_ms + _draw_long_ms(rng, _RESENT_MIN_MS, _RESENT_RATIO), body)
    if rng.random() < _SECOND_WEBHOOK_SHARE:
        sent_at_ms = at_ms + draw_between(rng, 1, _DISORDER_MS)
        again = draw_batch_event(rng, job, sent_at_ms, envelope_id=f"3431-{draw_id(rng)}")
        yield _Post(at_ms, sent_at_ms + _draw_delay_ms(rng), again)


def _draw_delay_ms(rng: Random) -> int:
    if rng.random() < _LATE_SHARE:
        return _draw_long_ms(rng, _LATE_MIN_MS, _LATE_RATIO)
    return draw_between(rng, 0, _DISORDER_MS)


def _draw_long_ms(rng: Random, shortest_ms: int, ratio: int) -> int:
    """Short delays are commoner than long ones: even on a logarithmic scale."""
    return int(shortest_ms * math.exp(math.log(ratio) * rng.random()))


def _make_other_posts(run: _Run) -> Iterator[_Post]:
    rng = seed_random(run.seed, "others")
    for turn, slot_ms in enumerate(range(run.starts_at_ms, run.ends_at_ms, _OTHER_EVERY_MS)):
        at_ms = slot_ms + draw_between(rng, 0, _OTHER_EVERY_MS)
        value = draw_other_event(rng, turn, at_ms)
        yield _Post(at_ms, at_ms + draw_between(rng, 0, _DISORDER_MS), value)


def _make_pings(run: _Run) -> Iterator[_Post]:
    """Make Daily's test request: now and then, and whenever a webhook that had failed is activated again."""
    rng = seed_random(run.seed, "pings")
    times = [incident.ends_at_ms for incident in run.incidents if incident.kind == "silence"]
    at_ms = run.starts_at_ms
    while at_ms < run.ends_at_ms:
        times.append(at_ms)
        at_ms += draw_gap_ms(rng, _PINGS_PER_SECOND)
    return (_Post(at_ms, at_ms, PING) for at_ms in sorted(times))


def _make_junk(run: _Run) -> Iterator[_Post]:
    rng = seed_random(run.seed, "junk")
    at_ms = run.starts_at_ms
    while (at_ms := at_ms + draw_gap_ms(rng, _JUNK_PER_SECOND)) < run.ends_at_ms:
        yield _Post(at_ms, at_ms, draw_junk(rng, at_ms))
