"""Counting by columns says what counting one record at a time says, however the log is cut."""

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.counting import count
from stream.domain.packing import read_pane, unpack
from stream.domain.panes import HOUR_MS
from stream.domain.records import Run
from stream.domain.sources import CountingPolicy, oldest_retained
from stream.domain.tally import Tally
from tests.laws.logs import (
    CAUSES,
    CUTS,
    LATENESS_MS,
    PANE_MS,
    RETENTION_MS,
    Log,
    Story,
    cut,
    new_source,
    stories,
    write,
)
from tests.laws.reference import Reference

FEW_PRESETS = 1


def policy(max_presets: int, horizon_ms: int) -> CountingPolicy:
    return CountingPolicy(PANE_MS, LATENESS_MS, horizon_ms, RETENTION_MS, max_presets, errors_kept=2)


def check(log: Log, places: set[int], rules: CountingPolicy) -> None:
    state, reference = new_source(rules), Reference(rules)
    panes: dict[tuple[str, int], Tally] = {}
    for part in cut(log, places):
        batch = count(state, Run.of(part), CAUSES)
        reference.rejected.clear()
        reference.meters.clear()
        reference.take(part)
        assert [parked.offset for parked in batch.parked] == reference.rejected
        assert {name: batch.meters[name] for name in reference.meters} == reference.meters
        assert batch.watermark_ms == reference.watermark_ms
        state.apply(batch)
        panes = {
            (preset, start): unpack(read_pane(packed))
            for start, held in state.panes.items()
            for preset, packed in held.items()
        }
    oldest = oldest_retained(reference.watermark_ms, rules)
    retained = {key: tally for key, tally in reference.panes.items() if key[1] >= oldest}
    assert {key: tally for key, tally in panes.items() if key[1] >= oldest} == retained


@given(stories(jobs=8), CUTS, st.sampled_from([HOUR_MS, RETENTION_MS]))
def test_counting_by_columns_is_counting_one_by_one(told: list[Story], places: set[int], horizon_ms: int) -> None:
    check(write(told)[0], places, policy(1_000, horizon_ms))


@given(stories(), CUTS)
def test_presets_beyond_the_bound_are_the_same_by_columns(told: list[Story], places: set[int]) -> None:
    check(write(told)[0], places, policy(FEW_PRESETS, HOUR_MS))
