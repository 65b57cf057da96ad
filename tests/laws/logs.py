"""Logs, rules and ways to read them, as hypothesis draws them for every law.

A drawn log is small and nasty: few jobs and presets, so that they repeat; disorder, late jobs, long pauses, and records
that are no jobs. Its first record is a job, since the watch over the whole topic begins with one.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, Literal

from hypothesis import strategies as st

from schemas.alert import AlertEvent
from stream.domain.causes import Causes
from stream.domain.homes import Home
from stream.domain.panes import HOUR_MS
from stream.domain.replay import Replay, Replayed
from stream.domain.rules import RuleSet
from stream.domain.sources import CountingPolicy, SourceState, new_sources
from stream.domain.watching import DecidingPolicy
from tests.webhooks import FORBIDDEN, STRANGE, T0_MS, TIMEOUT, body, log_of, meeting

PANE_MS, LATENESS_MS, RETENTION_MS = 10_000, 5_000, 2 * HOUR_MS
CAUSES = Causes()
PRESETS = ("summarize", "transcript")
SOURCES = ("uri", "recordingId")

Log = list[Replayed]
Kind = Literal["job", "other", "junk", "ping", "tombstone", "future"]


@dataclass(frozen=True, slots=True)
class Step:
    """One record: how long after the newest event so far (or before it), and what it tells."""

    gap_ms: int
    kind: Kind = "job"
    job: int = 0
    preset: str = PRESETS[0]
    error: str | None = None

    @property
    def source(self) -> str:
        """The source type of its job, which is always the same."""
        return SOURCES[self.job % 2]


A_JOB: Kind = "job"
MOSTLY_JOBS: list[Kind] = [*repeat(A_JOB, 12), "other", "junk", "ping", "tombstone", "future"]
NEAR_MS = st.integers(0, 12_000)
DISORDER_MS = st.integers(-LATENESS_MS, 0)
LATE_MS = st.sampled_from([-8_000, -25_000, -300_000, -HOUR_MS // 2])
VERY_LATE_MS = st.sampled_from([-HOUR_MS - 20_000, -RETENTION_MS + 20_000, -RETENTION_MS - 20_000])
PAUSE_MS = st.sampled_from([25_000, 60_000, 400_000, RETENTION_MS + 100_000])
MONTH_MS = st.just(31 * 24 * HOUR_MS)
SOON = st.one_of(NEAR_MS, NEAR_MS, NEAR_MS, DISORDER_MS, LATE_MS, VERY_LATE_MS, PAUSE_MS)
ANY_GAP = st.one_of(SOON, SOON, SOON, SOON, MONTH_MS)
IN_TIME_GAP = st.one_of(NEAR_MS, NEAR_MS, DISORDER_MS, PAUSE_MS)
ERRORS = st.sampled_from([None, None, FORBIDDEN, TIMEOUT, STRANGE])


Story = list[Step]
"""What one partition's log tells."""


def stories(gaps: st.SearchStrategy[int] = ANY_GAP, most: int = 30, jobs: int = 40) -> st.SearchStrategy[list[Story]]:
    """Draw what the logs of one to three source partitions tell."""
    step = st.builds(Step, gaps, st.sampled_from(MOSTLY_JOBS), st.integers(0, jobs), st.sampled_from(PRESETS), ERRORS)
    return st.lists(st.lists(step, max_size=most), min_size=1, max_size=3)


def write(told: Sequence[Story]) -> list[Log]:
    """Return the logs that tell these stories, one for each source partition."""
    return [log_of(_values(story, partition), partition) for partition, story in enumerate(told)]


def _values(story: Story, partition: int) -> Iterator[tuple[int, bytes | None]]:
    newest_ms = T0_MS
    for step in (Step(0, job=-1), *story):
        newest_ms = max(newest_ms, newest_ms + step.gap_ms)
        at_ms = newest_ms + min(0, step.gap_ms)
        yield newest_ms, _value(step, f"{partition}-{step.job}", at_ms)


def _value(step: Step, job: str, at_ms: int) -> bytes | None:
    values: dict[Kind, bytes | None] = {
        "job": body(job, step.preset, at_ms, step.error, step.source),
        "future": body(job, step.preset, at_ms + HOUR_MS, step.error, step.source),
        "other": meeting(at_ms),
        "junk": b'{"type": 1',
        "ping": b'{"test":"test"}',
        "tombstone": None,
    }
    return values[step.kind]


def cut(log: Log, places: Collection[int]) -> list[Log]:
    """Return a log in batches that end at some offsets, none of them empty."""
    ends = sorted({place % len(log) for place in places} | {0, len(log)})
    return [log[start:end] for start, end in pairwise(ends)]


CUTS = st.sets(st.integers(0, 40), max_size=8)


TIMES = st.sampled_from(["0s", "10s", "30s", "2m"])
NO_DATA = st.sampled_from(["hold", "resolve", "0s", "30s", "10m"])
OVERRIDES = st.sampled_from([[], [], [{"presets": ["summ*"], "for": "1m"}]])
COMMON = {
    "for": TIMES,
    "keep_firing_for": TIMES,
    "severity": st.sampled_from(["critical", "warning"]),
    "inhibit": st.booleans(),
    "overrides": OVERRIDES,
}
BY_REASON = ["preset", "reason"]
FILTERS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {},
        {"parties": ["customer"]},
        {"parties": ["daily", "unknown"]},
        {"source_types": ["uri"]},
        {"source_types": ["recordingId", "other"], "parties": ["customer"]},
        # Few groups, as the naive evaluator looks at each of them at every tick.
        {"reasons": ["input_forbidden", "timeout"], "group_by": BY_REASON},
        {"reasons": ["timeout", "other"], "group_by": BY_REASON, "source_types": ["uri"]},
    ]
)
"""What rules of all kinds but silence count."""
THRESHOLD = st.fixed_dictionaries(
    {
        "kind": st.just("threshold"),
        "window": st.sampled_from(["10s", "1m", "5m"]),
        "error_rate": st.sampled_from([0.1, 0.4]),
        "min_jobs": st.integers(1, 3),
        "confidence": st.sampled_from([0.0, 0.5]),
        "on_no_data": NO_DATA,
        **COMMON,
    }
)
CONSECUTIVE = st.fixed_dictionaries(
    {
        "kind": st.just("consecutive"),
        "errors": st.integers(1, 4),
        "on_no_data": NO_DATA,
        **COMMON,
    }
)
SILENCE = st.fixed_dictionaries(
    {
        "kind": st.just("silence"),
        "after": st.sampled_from(["10s", "1m", "5m"]),
        "presets": st.sampled_from([["*"], [], ["summarize"]]),
        **COMMON,
    }
)


BURN_RATE = st.fixed_dictionaries(
    {
        "kind": st.just("burn_rate"),
        "objective": st.sampled_from([0.9, 0.6]),
        "period": st.sampled_from(["2h", "26h"]),
        "pairs": st.lists(
            st.sampled_from(
                [
                    {"long": "5m", "short": "1m", "budget": 0.006},
                    {"long": "10m", "short": "10s", "budget": 0.005},
                    {"long": "2h", "short": "1m", "budget": 0.15},
                ]
            ),
            min_size=1,
            max_size=2,
        ),
        "min_jobs": st.integers(1, 3),
        "confidence": st.sampled_from([0.0, 0.5]),
        "on_no_data": NO_DATA,
        **COMMON,
    }
)
LONG_WINDOW = st.fixed_dictionaries(
    {
        "kind": st.just("burn_rate"),
        "objective": st.just(0.7),
        "period": st.sampled_from(["25h", "30h"]),
        "pairs": st.just([{"long": "25h", "short": "1m", "budget": 0.9}]),
        "min_jobs": st.integers(1, 3),
        "on_no_data": NO_DATA,
        **COMMON,
    }
)
SHIFT = st.fixed_dictionaries(
    {
        "kind": st.just("shift"),
        "baseline": st.sampled_from([0.02, 0.2]),
        "detect": st.sampled_from([0.3, 0.9]),
        "false_alarms": st.sampled_from(["1 per 1h", "1 per 3h", "1 per 1d"]),
        "on_no_data": NO_DATA,
        **COMMON,
    }
)
KINDS = st.one_of(THRESHOLD, CONSECUTIVE, SILENCE, BURN_RATE, LONG_WINDOW, SHIFT)


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Draw one to three rules; the fewer, the more often presets sleep."""
    drawn: list[dict[str, Any]] = draw(st.lists(KINDS, min_size=1, max_size=3))
    filters = [{} if given["kind"] == "silence" else draw(FILTERS) for given in drawn]
    rules = [{"name": f"rule-{n}", **given, **more} for n, (given, more) in enumerate(zip(drawn, filters, strict=True))]
    return RuleSet.model_validate({"rules": tuple(rules)}, context={"pane_ms": PANE_MS})


def new_source(policy: CountingPolicy) -> SourceState:
    """Return the source that is a topic of one partition."""
    return new_sources(policy, Home(0, 1)).own


def retention_ms(rules: RuleSet) -> int:
    """Return how long panes are kept: past the longest window, as in `stream.policies`."""
    return max(RETENTION_MS, rules.longest_window_ms + HOUR_MS)


def counting_policy(rules: RuleSet, **given: int) -> CountingPolicy:
    """Return a policy with short times, so that small logs reach their ends."""
    times = {"horizon_ms": HOUR_MS, "retention_ms": retention_ms(rules)} | given
    return CountingPolicy(PANE_MS, LATENESS_MS, errors_kept=max(1, rules.max_consecutive), **times)


def deciding_policy(rules: RuleSet, sources: int, kept_ms: int | None = None) -> DecidingPolicy:
    """Return the policy that goes with `counting_policy`."""
    return DecidingPolicy(rules, CAUSES.party_of, sources, PANE_MS, kept_ms or retention_ms(rules))


def new_replay(rules: RuleSet, sources: int) -> Replay:
    """Return the pure fold over so many source partitions."""
    return Replay(counting_policy(rules), deciding_policy(rules, sources), CAUSES)


def folded(logs: Sequence[Log], rules: RuleSet) -> tuple[Replay, list[AlertEvent]]:
    """Fold logs record by record, one partition after the other; return the fold and what was said."""
    replay = new_replay(rules, len(logs))
    events = [event for log in logs for record in log for event in replay.take(record.partition, [record])]
    return replay, [*events, *replay.finish()]


def reference(logs: Sequence[Log], rules: RuleSet) -> list[bytes]:
    """Return what is said about logs that are folded record by record, as bytes."""
    return canonical(folded(logs, rules)[1])


def canonical(events: Sequence[AlertEvent]) -> list[bytes]:
    """Return the bytes of alert events in an order that does not depend on partitions."""
    ordered = sorted(
        events, key=lambda event: (event.at, event.preset, event.rule, sorted(event.group.items()), event.sequence)
    )
    return [event.to_json() for event in ordered]
