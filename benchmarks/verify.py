"""Whether a contender has counted right: the newest count of each window against the events' own."""

import json
from collections import defaultdict

from benchmarks.events import WINDOW_MS, Windows
from benchmarks.topics import read
from stream.domain.packing import read_pane, read_tally, unpack

Pair = tuple[int, int]


def counts_of_peer(bootstrap: str, topic: str) -> Windows:
    """Return what a peer's output topic says; of records about one window and partition the last counts."""
    last: dict[tuple[str, int, int], Pair] = {}
    for message in read(bootstrap, topic):
        said = json.loads(message.value() or b"")
        key = said["preset"], int(said["window_start"]), int(said.get("partition", -1))
        last[key] = int(said["finished"]), int(said["error"])
    return _summed({(preset, start, part): jobs for (preset, start, part), jobs in last.items()})


def counts_of_presetwatch(bootstrap: str, topic: str) -> Windows:
    """Return what a tallies topic says, its panes summed to windows."""
    newest: dict[tuple[str, int, int], tuple[int, Pair]] = {}
    for message in read(bootstrap, topic):
        tally = read_tally(message.value())
        if tally is None or not tally.preset:
            continue
        for pane in map(read_pane, tally.panes):
            seen = unpack(pane).seen
            errors = sum(jobs for cell, jobs in seen.items() if cell.reason)
            said = tally.offset, (sum(seen.values()) - errors, errors)
            key = tally.preset, pane.start_ms, tally.source_partition
            newest[key] = max(newest.get(key, said), said)
    return _summed({key: jobs for key, (_, jobs) in newest.items()})


def _summed(parts: dict[tuple[str, int, int], Pair]) -> Windows:
    total: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for (preset, start, _), (finished, failed) in parts.items():
        window = total[preset, start // WINDOW_MS * WINDOW_MS]
        window[0] += finished
        window[1] += failed
    return {window: (jobs[0], jobs[1]) for window, jobs in total.items() if any(jobs)}


def verdict(wanted: Windows, got: Windows) -> str:
    """Say "exact", or what is wrong."""
    wrong = sum(wanted.get(window) != got.get(window) for window in wanted.keys() | got.keys())
    if not wrong:
        return "exact"
    missing = sum(map(sum, wanted.values())) - sum(map(sum, got.values()))
    return f"wrong: {wrong} of {len(wanted)} windows, {missing:+,} jobs missing"
