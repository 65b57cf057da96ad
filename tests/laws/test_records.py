"""Joining what came of a partition step by step neither loses, adds nor moves a record."""

from array import array
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.records import Run, joined

Row = tuple[int, int, bytes | None, bytes | None]


def rows(runs: list[Run]) -> list[Row]:
    return [row for run in runs for row in zip(run.offsets, run.times, run.values, run.keys, strict=True)]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=1), st.integers(1, 30))
def test_runs_joined_are_all_of_them_in_as_few_parts_as_may_be(parts: list[tuple[int, int]], most: int) -> None:
    runs, at = list[Run](), 0
    for size, hole in parts:
        offsets = range(at + hole, at + hole + size)
        runs.append(Run(offsets, array("q", offsets), [b"%d" % each for each in offsets], [None] * size))
        at = offsets[-1] + 1
    found = joined(runs, most)
    assert rows(found) == rows(runs)
    sizes = [len(run.offsets) for run in found]
    assert len(found) == ceil(sum(sizes) / most)
    assert max(sizes) <= most
    assert set(sizes[:-1]) <= {sizes[0]}
    assert sizes[0] - sizes[-1] < len(found)
