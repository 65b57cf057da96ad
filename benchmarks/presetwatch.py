"""presetwatch as a contender: worker processes as anyone runs them, doing all of the job."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from benchmarks.measure import Progress
from stream.local.loopback import free_port

EVENT_TO_COUNT = "presetwatch_event_to_count_seconds"
FINAL_TICK_MS = 30_000
"""The last events' panes wait for watermarks that nothing moves any more."""

WINDOWS = ("5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "24h")


def rules(count: int, longest: str | None = None) -> str:
    """Return a rules file with so many rules that watch every preset and seldom fire."""
    texts = []
    for number in range(count - 2):
        window = longest or WINDOWS[number % len(WINDOWS)]
        parties = 'parties = ["customer"]\n' if number % 3 == 0 else ""
        texts.append(
            f'[[rule]]\nname = "rate-{number}"\nkind = "threshold"\nwindow = "{window}"\n'
            f"error_rate = {0.12 + 0.8 * number / count:.3f}\n{parties}"
        )
    texts.append('[[rule]]\nname = "run"\nkind = "consecutive"\nerrors = 8\n')
    texts.append('[[rule]]\nname = "quiet"\nkind = "silence"\nafter = "30m"\n')
    return "\n".join(texts[:count])


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process."""

    process: subprocess.Popen[bytes]
    port: int

    def health(self) -> Mapping[str, Any] | None:
        """Return what it says of its progress; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                found: Mapping[str, Any] = json.load(answer)
                return found
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return None

    def samples(self, name: str) -> list[Sample]:
        """Return the samples of a metric."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return [sample for family in families if family.name == name for sample in family.samples]


@dataclass(frozen=True, slots=True)
class Workers:
    """Some workers of one app."""

    workers: list[Worker]
    app_id: str

    @property
    def processes(self) -> list[psutil.Process]:
        """Their processes, to be metered."""
        return [psutil.Process(worker.process.pid) for worker in self.workers]

    def counted(self) -> int:
        """Return how many events they have counted."""
        return sum(sum(health["source_positions"].values()) for health in self._healths())

    def waits(self) -> tuple[float, float]:
        """Return how many seconds events have taken until they were counted, in all, and how many waits that were."""
        told = [sample for worker in self.workers for sample in worker.samples(EVENT_TO_COUNT)]
        seconds, count = (sum(each.value for each in told if each.name.endswith(end)) for end in ("_sum", "_count"))
        return seconds, count

    def decided_to(self, partitions: int) -> int:
        """Return the tick that every partition has been decided to, in epoch milliseconds."""
        ticks = [tick or 0 for health in self._healths() for tick in health["decided_to_ms"].values()]
        return min(ticks) if len(ticks) == partitions else 0

    def done(self, events: int, last_ms: int, partitions: int) -> Progress:
        """Return what tells how many events are counted, short of all until those that can be have been decided on."""

        def progress() -> int:
            counted = self.counted()
            is_decided = counted < events or self.decided_to(partitions) >= last_ms - FINAL_TICK_MS
            return counted if is_decided else events - 1

        return progress

    def _healths(self) -> list[Mapping[str, Any]]:
        return [health for health in (worker.health() for worker in self.workers) if health is not None]


@dataclass(frozen=True, slots=True)
class App:
    """An app of its own on a broker, with settings beyond the usual in `settings`."""

    bootstrap: str
    topic: str
    name: str
    folder: Path
    rules: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def run(self, workers: int = 1) -> Iterator[Workers]:
        """Run workers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rules.toml").write_text(self.rules)
        given = {
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "EVENTS_TOPIC": self.topic,
            "REJECTED_TOPIC": f"{self.name}-rejected",
            "ALERTS_TOPIC": f"{self.name}-alerts",
            "APP_ID": self.name,
            "RULES": str(self.folder / "rules.toml"),
            "DATA_DIR": str(self.folder),
            **self.settings,
        }
        started = [_start(self.folder, given, number) for number in range(workers)]
        try:
            yield Workers(started, self.name)
        finally:
            for worker in started:
                worker.process.send_signal(signal.SIGKILL)
                worker.process.wait()


def _start(folder: Path, given: Mapping[str, str], number: int) -> Worker:
    port = free_port(23_000 + os.getpid() % 5_000 + number)
    environment = {f"PRESETWATCH_{key}": value for key, value in given.items()}
    with (folder / f"worker-{number}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream", "worker"],
            env={**os.environ, **environment, "PRESETWATCH_WEB_PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Worker(process, port)
