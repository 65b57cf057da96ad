"""What presetwatch's cost depends on: events a CPU-second against presets, rules, windows, partitions, links, jobs.

    python -m benchmarks.curves             # all of them
    python -m benchmarks.curves rules       # one curve; what was recorded of the others stays

Presets are tried twice: each as busy as one of three, and with all of them sharing what three had. A worker's cost is
that of events and that of each preset's pane they change, so sharing makes events dearer: few are left to each pane.

Links are of so many different lengths: events that are alike but for their lengths are not read together.

The last curve is one run over ten million jobs, all of them remembered: one million within three days, so that there
are as many panes as a worker keeps, and nine million in the hour and a quarter after that. What these take is the
resident memory of a worker at rest after all ten, less that of one at rest after the first. The run is followed by a
SIGKILL and, when the group has given the worker up, a restart that is timed.
"""

import argparse
import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TypedDict

from matplotlib.figure import Figure

from benchmarks import presetwatch, topics
from benchmarks.events import APART_SECONDS, FIRST_SECONDS, PRESETS, SEED, Event, draw
from benchmarks.measure import Meter, watch
from benchmarks.report import machine
from stream.local.broker import EmbeddedBroker
from stream.memory import GIVE_BACK_SECONDS

RESULTS = Path(__file__).with_name("results")
FIGURES = RESULTS / "curves.json"
EVENTS = 1_000_000
ROUNDS = 2
PARTITIONS = 4
RULES = 20
DAYS = 3
LONG_AGO, LATELY = 1_000_000, 9_000_000
REMEMBERED = LONG_AGO + LATELY
LATELY_APART_SECONDS = 0.0005

DECIDED_FROM_SECONDS = 60.0
"""Events of less time than this end before the watermark has come to a tick in every partition."""

NEVER_IDLE = "7d"
"""Events lie in the past. A worker that has counted all would pass to the present: what it remembers would expire, and
all that its windows hold would leave them while the last ticks that count are still being decided."""

SESSION_SECONDS = 12.0
"""For so long the group keeps the partitions of a worker that was killed."""

REST_SECONDS = 3 * GIVE_BACK_SECONDS
"""Within so much time a worker has given back what it needed to catch up."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a curve: what differs from the usual."""

    label: str
    presets: int = len(PRESETS)
    rules: int = RULES
    window: str | None = None
    partitions: int = PARTITIONS
    links: int = 1
    apart_seconds: float = APART_SECONDS


PRESETS_TRIED = (3, 30, 300, 1_000)
AS_BUSY_AS_THREE = APART_SECONDS * len(PRESETS)

CURVES = {
    "presets": [
        Setting(f"{count:,}", presets=count, apart_seconds=AS_BUSY_AS_THREE / count) for count in PRESETS_TRIED
    ],
    "presets that share the traffic": [Setting(f"{count:,}", presets=count) for count in PRESETS_TRIED],
    "rules": [Setting(f"{count}", rules=count) for count in (1, 20, 60, 200)],
    "window": [Setting(window, window=window) for window in ("5m", "1h", "12h", "3d")],
    "partitions": [Setting(f"{count}", partitions=count) for count in (1, 4, 16, 64)],
    "lengths of links": [Setting(f"{count}", links=count) for count in (1, 10, 100)],
}


class Recorded(TypedDict):
    """A curve's points, and when and on what they were measured."""

    on: str
    points: dict[str, float]


class Figures(TypedDict):
    """What has been recorded, and what was told of memory."""

    curves: dict[str, Recorded]
    memory: str


@dataclass(slots=True)
class Course:
    """A broker with the topics that were filled on it."""

    bootstrap: str
    folder: Path
    filled: set[str] = field(default_factory=set)

    def topic(self, setting: Setting) -> str:
        """Return a topic with such events."""
        presets, apart_seconds = setting.presets, setting.apart_seconds
        name = f"events-{presets}-{setting.partitions}-{setting.links}-{apart_seconds:g}"
        if name not in self.filled:
            topics.create(self.bootstrap, name, setting.partitions)
            names = PRESETS if presets == len(PRESETS) else tuple(f"preset-{number}" for number in range(presets))
            topics.fill(self.bootstrap, name, _linked(draw(EVENTS, names, apart_seconds), setting.links))
            self.filled.add(name)
        return name

    def app(self, topic: str, setting: Setting) -> presetwatch.App:
        """Return an app of its own."""
        name = f"curve-{uuid.uuid4().hex[:8]}"
        rules = presetwatch.rules(setting.rules, setting.window)
        return presetwatch.App(self.bootstrap, topic, name, self.folder / name, rules, {"IDLE_AFTER": NEVER_IDLE})


def _linked(events: Iterator[Event], lengths: int) -> Iterator[Event]:
    """Give events links of so many different lengths."""
    for number, event in enumerate(events):
        yield event._replace(link=f"https://example.com/{'x' * (1 + number % lengths)}.mp4")


def measure(course: Course, setting: Setting) -> float:
    """Return events a CPU-second of one worker, with all that can be decided on them."""
    app, span_seconds = course.app(course.topic(setting), setting), EVENTS * setting.apart_seconds
    with app.run() as running:
        meter, progress = Meter(running.processes), running.counted
        if span_seconds > DECIDED_FROM_SECONDS:
            progress = running.done(EVENTS, int((FIRST_SECONDS + span_seconds) * 1000), setting.partitions)
        stretch = watch(meter, EVENTS, progress)
    return stretch.result(setting.label, meter, "").per_cpu_second


def curve(course: Course, name: str) -> dict[str, float]:
    """Measure a curve's points some rounds, in alternating order; return their medians by label."""
    points: dict[str, list[float]] = {setting.label: [] for setting in CURVES[name]}
    for number in range(ROUNDS):
        for setting in CURVES[name] if number % 2 == 0 else reversed(CURVES[name]):
            points[setting.label].append(measure(course, setting))
            print(f"{name} {setting.label}: {points[setting.label][-1]:,.0f} events a CPU-second", flush=True)
    return {label: median(values) for label, values in points.items()}


@dataclass(frozen=True, slots=True)
class Memory:
    """A run over ten million jobs: its speed by how many were remembered, its memory, and a restart."""

    speeds: dict[str, float]
    bytes_each: float
    resident: int
    """In bytes, at rest."""
    peak: int
    """In bytes, while it caught up."""
    ready_seconds: float


def remembered(course: Course) -> Memory:
    """Measure what it costs to remember jobs."""
    with _remembering(course, _long_ago()).run() as running:
        list(_samples(running, LONG_AGO))
        before = _at_rest(running)
    app = _remembering(course, _over_days())
    with app.run() as running:
        samples = list(_samples(running, REMEMBERED))
        resident = _at_rest(running)
    peak = max(sample[2] for sample in samples)
    return Memory(_speeds(samples), (resident - before) / LATELY, resident, peak, _ready_seconds(app))


def _speeds(samples: Sequence[tuple[int, float, int]]) -> dict[str, float]:
    step, speeds = max(1, (len(samples) - 1) // 10), {}
    for begin in range(0, len(samples) - 1, step):
        (before, cpu, _), (after, later, _) = samples[begin], samples[min(begin + step, len(samples) - 1)]
        speeds[f"{before / 1e6:.0f} M"] = (after - before) / (later - cpu)
    return speeds


def _ready_seconds(app: presetwatch.App) -> float:
    time.sleep(SESSION_SECONDS)
    started = time.monotonic()
    with app.run() as running:
        while running.counted() < REMEMBERED:
            time.sleep(0.05)
        return time.monotonic() - started


def _remembering(course: Course, events: Iterator[Event]) -> presetwatch.App:
    topic = f"remembered-{uuid.uuid4().hex[:8]}"
    topics.create(course.bootstrap, topic, PARTITIONS)
    topics.fill(course.bootstrap, topic, events)
    app = course.app(topic, Setting("", window=f"{DAYS}d"))
    return replace(app, settings={**app.settings, "DEDUPE_HORIZON": f"{DAYS + 1}d"})


def _at_rest(running: presetwatch.Workers) -> int:
    time.sleep(REST_SECONDS)
    return int(running.processes[0].memory_info().rss)


def _long_ago() -> Iterator[Event]:
    """Yield events of some days."""
    return draw(LONG_AGO, apart_seconds=DAYS * 86_400 / LONG_AGO)


def _over_days() -> Iterator[Event]:
    """Yield events of some days, and then many in little time."""
    yield from _long_ago()
    first_seconds = FIRST_SECONDS + DAYS * 86_400
    yield from draw(LATELY, apart_seconds=LATELY_APART_SECONDS, first_seconds=first_seconds, seed=SEED + 1)


def _samples(running: presetwatch.Workers, end: int) -> Iterator[tuple[int, float, int]]:
    """Yield how many are remembered, CPU-seconds and resident bytes, about once for each hundred thousand."""
    meter, told = Meter(running.processes), 0
    while told < end:
        counted, cost = running.counted(), meter.read()
        resident = running.processes[0].memory_info().rss
        if counted >= told + 100_000 or counted == end:
            told = counted
            yield counted, cost.cpu_seconds, resident
        time.sleep(0.05)


def chart(curves: Mapping[str, Recorded]) -> Figure:
    """Return all curves side by side, each from zero."""
    figure = Figure(figsize=(3 * len(curves), 3))
    top = max(max(recorded["points"].values()) for recorded in curves.values())
    for number, (name, recorded) in enumerate(curves.items()):
        axes = figure.add_subplot(1, len(curves), number + 1)
        axes.plot(list(recorded["points"]), list(recorded["points"].values()), marker="o", color="#1f6feb")
        axes.set_ylim(0, top * 1.1)
        axes.set_xlabel(name)
        axes.tick_params(axis="x", rotation=45)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel("events a CPU-second")
    figure.tight_layout()
    return figure


def table(curves: Mapping[str, Recorded]) -> str:
    """Return the curves in Markdown."""
    rows = ["| against | events a CPU-second | recorded |", "|---|---|---|"]
    for name, recorded in curves.items():
        points = ", ".join(f"{label}: {value:,.0f}" for label, value in recorded["points"].items())
        rows.append(f"| {name} | {points} | {recorded['on']} |")
    return "\n".join(rows)


def write(curves: Mapping[str, Mapping[str, float]], memory: Memory | None) -> None:
    """Write table, chart and figures, beside what was recorded of other curves before."""
    RESULTS.mkdir(exist_ok=True)
    known: Figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"curves": {}, "memory": ""}
    known["curves"] |= {name: Recorded(on=machine(), points=dict(points)) for name, points in curves.items()}
    if memory is not None:
        known["memory"] = f"{_told(memory)} ({machine()})"
    FIGURES.write_text(json.dumps(known, indent=1) + "\n")
    head = f"One worker; points of {EVENTS:,} events, medians of {ROUNDS} rounds."
    text = f"{head}\n\n{table(known['curves'])}\n\n{known['memory']}\n"
    (RESULTS / "curves.md").write_text(text)
    chart(known["curves"]).savefig(RESULTS / "curves.svg", bbox_inches="tight")
    print(text)


def _told(memory: Memory) -> str:
    return (
        f"Of ten million jobs remembered in one run, each took {memory.bytes_each:.1f} bytes of the "
        f"{memory.resident / 1e6:,.0f} MB that were resident at rest; while the worker caught up it held "
        f"{memory.peak / 1e6:,.0f} MB at most. "
        f"Once the group had given up a killed worker, a new one, with {DAYS} days of panes, stood at the end "
        f"again {memory.ready_seconds:.1f} s after its start."
    )


def main(names: Sequence[str]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="presetwatch-curves-") as folder,
        EmbeddedBroker(Path(folder) / "kafka", 29_492, print) as broker,
    ):
        course = Course(broker.bootstrap, Path(folder))
        curves = {name: curve(course, name) for name in names if name in CURVES}
        memory = remembered(course) if "remembered jobs" in names else None
    if memory is not None:
        curves["remembered jobs"] = memory.speeds
    write(curves, memory)


if __name__ == "__main__":
    everything = [*CURVES, "remembered jobs"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", nargs="*", help=f"which, all of them by default: {', '.join(everything)}")
    asked = parser.parse_args().curves or everything
    if unknown := set(asked) - set(everything):
        parser.error(f"no such curve: {', '.join(sorted(unknown))}")
    main(asked)
