"""What the race came to: a table, a chart, and ratios for scripts."""

import json
import os
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from benchmarks.measure import Result
from stream.local.jars import KAFKA_VERSION

METRICS = ("events_per_cpu_second", "events_per_second")


def metric(result: Result, name: str) -> float:
    """Return one of the metrics of a run."""
    return result.per_cpu_second if name == "events_per_cpu_second" else result.per_second


def medians(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Return each contender's median of each metric."""
    runs: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        runs[result.contender].append(result)
    return {
        name: {each: median(metric(run, each) for run in held) for each in METRICS}
        | {"peak_mib": median(run.peak_mib for run in held), "events": held[0].events}
        for name, held in runs.items()
    }


def ratios(results: Sequence[Result]) -> list[str]:
    """Return presetwatch divided by each contender, a line each: of one process a CPU-second, of all cores a second."""
    figures = medians(results)
    whole = next((name for name in figures if name.startswith("presetwatch x")), "presetwatch")
    lines = []
    for name, peer in figures.items():
        if not name.startswith("presetwatch"):
            for each, ours in (("events_per_cpu_second", "presetwatch"), ("events_per_second", whole)):
                lines.append(f"ratio {name.replace(' ', '-')} {each} {figures[ours][each] / peer[each]:.2f}")
    return lines


def table(results: Sequence[Result]) -> str:
    """Return the figures in Markdown."""
    figures = medians(results)
    said = {result.contender: result.verdict for result in sorted(results, key=lambda run: run.verdict == "exact")}
    said |= {run.contender: run.verdict for run in results if run.verdict != "exact"}
    rows = [
        "| contender | events | events a CPU-second | events a second | peak MiB | counts |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, row in sorted(figures.items(), key=lambda item: -item[1]["events_per_cpu_second"]):
        rows.append(
            f"| {name} | {row['events']:,.0f} | {row['events_per_cpu_second']:,.0f} | {row['events_per_second']:,.0f} "
            f"| {row['peak_mib']:,.0f} | {said[name]} |"
        )
    return "\n".join(rows)


def machine() -> str:
    """Return what the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    versions = f"Python {platform.python_version()}, Kafka {KAFKA_VERSION}"
    return f"{date.today():%Y-%m-%d}, {os.cpu_count()} cores of {model}, {versions}"


def write(results: Sequence[Result], folder: Path) -> None:
    """Write the runs, the table and the chart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "race.json").write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    head = f"{machine()}; the broker runs on the same machine; medians of {len(results) // len(medians(results))}."
    (folder / "race.md").write_text(f"{head}\n\n{table(results)}\n\n" + "\n".join(ratios(results)) + "\n")
    _chart(results).savefig(folder / "race.svg", bbox_inches="tight")


def _chart(results: Sequence[Result]) -> Figure:
    figures = sorted(medians(results).items(), key=lambda item: item[1]["events_per_cpu_second"])
    figure = Figure(figsize=(8, 0.5 * len(figures) + 1))
    axes = figure.subplots()
    names, values = [name for name, _ in figures], [row["events_per_cpu_second"] for _, row in figures]
    colours = ["#1f6feb" if name.startswith("presetwatch") else "#8b949e" for name in names]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=4)
    axes.set_xlabel("events a CPU-second (more is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.15)
    return figure
