"""Joining what came of a partition step by step neither loses, adds nor moves a record."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from stream.domain.records import Run, joined

Row = tuple[int, int, bytes | None, bytes | None]


def rows(runs: list[Run]) -> list[Row]:
    return [row for run in runs for row in zip(run.offsets, run.times, run.values, run.keys, strict=True)]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=1), st.integers(1, 30))
def test_runs_joined_are_all_of_them_in_parts_about_alike(parts: list[tuple[int, int]], about: int) -> None:
    runs, at = list[Run](), 0
    for size, hole in parts:
        offsets = range(at + hole, at + hole + size)
        runs.append(Run(offsets, array("q", offsets), [b"%d" % each for each in offsets], [None] * size))
        at = offsets[-1] + 1
    found = joined(runs, about)
    assert rows(found) == rows(runs)
    total, largest = sum(size for size, _ in parts), max(size for size, _ in parts)
    assert len(found) <= max(1, round(total / about))
    assert all(len(run.offsets) < max(about, total / max(1, round(total / about))) + largest for run in found)
