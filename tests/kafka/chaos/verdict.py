"""What a disturbed deployment must have done by the end, and what it did: the log's pure fold against the topics."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from schemas.alert import AlertEvent
from schemas.times import read_time
from stream.domain.causes import Causes
from stream.domain.counting import count
from stream.domain.packing import read_pane, read_tally, unpack
from stream.domain.records import Run
from stream.domain.replay import Replay, Replayed
from stream.policies import counting_policy, deciding_policy
from tests.kafka.harness import Deployment

Where = tuple[int, int]
"""A source partition and offset."""

Panes = dict[tuple[str, int], tuple[int, int]]
"""Errors and all jobs by preset and pane start."""


@dataclass(slots=True)
class Outcome:
    """What a log comes to."""

    panes: Panes
    rejected: set[Where]
    alerts: dict[str, set[bytes]]
    """The bytes sent under each id: one if all is well."""

    @property
    def counted(self) -> int:
        """How many jobs were counted."""
        return sum(total for (preset, _), (_, total) in self.panes.items() if preset)


async def read_log(deployment: Deployment) -> list[Replayed]:
    """Return the events topic as it is in the log."""
    records = await deployment.read(deployment.settings.events_topic)
    return [Replayed(r.partition, r.offset, r.timestamp, r.key, r.value) for r in records]


def expected(deployment: Deployment, log: list[Replayed]) -> Outcome:
    """Return what the pure fold of a log says, up to where its watermarks have come."""
    causes = Causes(deployment.rules.reasons)
    deciding = deciding_policy(deployment.settings, deployment.rules, causes, deployment.partitions)
    replay = Replay(counting_policy(deployment.settings, deployment.rules), deciding, causes)
    outcome = Outcome({}, set(), {})
    for partition, records in groupby(sorted(log, key=_place), key=lambda record: record.partition):
        held = list(records)
        parked = count(replay.sources[partition].own, Run.of(held), causes).parked
        outcome.rejected |= {(partition, record.offset) for record in parked}
        outcome.alerts |= {event.id: {event.to_json()} for event in replay.take(partition, held)}
    for name, preset in replay.board.presets.items():
        for start in preset.panes:
            pane = preset.pane(start).seen
            if pane:
                errors = sum(jobs for cell, jobs in pane.items() if cell.reason)
                outcome.panes[name, start] = errors, sum(pane.values())
    return outcome


def _place(record: Replayed) -> Where:
    return record.partition, record.offset


async def found(deployment: Deployment) -> Outcome:
    """Return what the topics hold."""
    outcome = Outcome(await _panes(deployment), set(), {})
    for record in await deployment.read(deployment.settings.rejected_topic):
        headers = dict(record.headers)
        outcome.rejected.add((int(headers["source-partition"]), int(headers["source-offset"])))
    for record in await deployment.read(deployment.settings.alerts_topic):
        outcome.alerts.setdefault(AlertEvent.model_validate_json(record.value).id, set()).add(record.value)
    return outcome


async def _panes(deployment: Deployment) -> Panes:
    newest: dict[tuple[str, int, int], tuple[int, tuple[int, int]]] = {}
    for record in await deployment.read(deployment.settings.tallies_topic):
        message = read_tally(record.value)
        for pane in map(read_pane, message.panes) if message is not None else ():
            assert message is not None
            seen = unpack(pane).seen
            jobs = sum(jobs for cell, jobs in seen.items() if cell.reason), sum(seen.values())
            key = message.preset or "", pane.start_ms, message.source_partition
            newest[key] = max(newest.get(key, (-1, jobs)), (message.offset, jobs))
    panes: dict[tuple[str, int], Counter[str]] = {}
    for (preset, start, _), (_, (errors, total)) in newest.items():
        panes.setdefault((preset, start), Counter()).update(errors=errors, total=total)
    return {key: (jobs["errors"], jobs["total"]) for key, jobs in panes.items() if jobs["total"]}


async def answered(deployment: Deployment, wanted: Panes) -> Panes:
    """Return what a worker answers for the panes that are wanted."""
    worker = await deployment.answering()
    panes: Panes = {}
    for preset in sorted({preset for preset, _ in wanted}):
        span_s = _span_seconds(wanted)
        answer = await worker.answer(f"/api/rates/{preset or '*'}/series?span={span_s}s&step=10s")
        for point in answer["points"]:
            if point["total"]:
                panes[preset, read_time(point["window_start"])] = point["errors"], point["total"]
    return panes


def _span_seconds(wanted: Panes) -> int:
    starts = [start for _, start in wanted]
    return (max(starts) - min(starts)) // 1000 + 60


@dataclass(slots=True)
class Difference:
    """Where what was found is not what was expected, in sentences."""

    sentences: list[str] = field(default_factory=list)

    def compare(self, what: str, wanted: Mapping[Any, Any], got: Mapping[Any, Any]) -> None:
        """Take note of entries that differ."""
        for key in sorted(wanted.keys() | got.keys(), key=str):
            if wanted.get(key) != got.get(key):
                self.sentences.append(f"{what} {key}: expected {wanted.get(key)}, found {got.get(key)}")
