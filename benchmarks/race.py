"""The race: every contender on the same topic, in turn, verified."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import presetwatch, topics
from benchmarks.contenders import kafka_streams
from benchmarks.events import Windows
from benchmarks.measure import Meter, Result, watch
from benchmarks.verify import counts_of_peer, counts_of_presetwatch, verdict

PARTITIONS = 4
RULES = 20


@dataclass(slots=True)
class Track:
    """Where contenders run."""

    bootstrap: str
    folder: Path
    say: Callable[[str], None]
    filled: dict[int, Windows] = field(default_factory=dict)
    """Expected counts of the topics there are, by their number of events."""
    last_ms: dict[int, int] = field(default_factory=dict)

    def topic(self, events: int) -> str:
        """Return the name of the topic with so many events."""
        return f"events-{events}"


@dataclass(frozen=True, slots=True)
class Contender:
    """Someone in the race."""

    name: str
    run: Callable[[Track, int], Result]
    share: float = 1.0
    """How much of the events it gets: the slow ones would take all day."""


def _new_name(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:6]}"


def race_presetwatch(track: Track, events: int, workers: int = 1) -> Result:
    """Run presetwatch with all of the job: validate, deduplicate, classify, journal, merge, decide 20 rules."""
    name, label = _new_name("presetwatch"), "presetwatch" if workers == 1 else f"presetwatch x{workers}"
    topic = track.topic(events)
    app = presetwatch.App(track.bootstrap, topic, name, track.folder / name, presetwatch.rules(RULES))
    with app.run(workers) as running:
        meter, done = Meter(running.processes), running.done(events, track.last_ms[events], PARTITIONS)
        stretch = watch(meter, events, done)
    got = counts_of_presetwatch(track.bootstrap, f"{name}-tallies")
    return stretch.result(label, meter, verdict(track.filled[events], got))


def race_peer(track: Track, events: int, name: str, command: list[str], environment: dict[str, str]) -> Result:
    """Run a peer that says FIRST and LAST."""
    unique = _new_name(name.replace(" ", "-"))
    topics.create(track.bootstrap, unique, PARTITIONS)
    told = {
        "BOOTSTRAP": track.bootstrap,
        "EVENTS_TOPIC": track.topic(events),
        "OUT_TOPIC": unique,
        "RUN": f"{unique}-run",
        "EVENTS": str(events),
    }
    with (track.folder / f"{unique}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment, **told}, stdout=subprocess.PIPE, stderr=log, cwd=track.folder
        )
    said: list[str] = []
    threading.Thread(target=_listen, args=(process, said), daemon=True).start()
    meter = Meter([psutil.Process(process.pid)])
    try:
        stretch = watch(meter, events, lambda: events if "LAST" in said else int("FIRST" in said))
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    got = counts_of_peer(track.bootstrap, unique)
    return stretch.result(name, meter, verdict(track.filled[events], got))


def _listen(process: subprocess.Popen[bytes], said: list[str]) -> None:
    assert process.stdout is not None
    said.extend(line.decode().strip() for line in process.stdout)


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our contenders."""
    return [sys.executable, "-m", f"benchmarks.contenders.{module}", *arguments]


def contenders(track: Track) -> list[Contender]:
    """Return everyone, presetwatch first."""
    here = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    cores = os.cpu_count() or 1

    def peer(name: str, command: list[str], share: float = 1.0) -> Contender:
        return Contender(name, lambda at, events: race_peer(at, events, name, command, here), share)

    def streams(name: str, mode: str, threads: int) -> Contender:
        command, environment = kafka_streams.command(mode, threads, track.folder, track.say)
        return Contender(name, lambda at, events: race_peer(at, events, name, command, environment))

    return [
        Contender("presetwatch", race_presetwatch),
        Contender(f"presetwatch x{cores}", lambda at, events: race_presetwatch(at, events, cores)),
        streams("kafka-streams processor", "processor", cores),
        streams("kafka-streams dsl", "dsl", cores),
        peer("plain msgspec", python("plain_consumer", "msgspec")),
        peer("plain orjson", python("plain_consumer", "orjson")),
        peer("faust", [*python("faust_table"), "worker", "-l", "error"], 0.02),
        peer("quix", python("quix"), 0.1),
    ]
