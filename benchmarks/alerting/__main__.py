"""How soon each way of alerting notices an incident, in minutes, at one false alarm a week for each.

    python -m benchmarks.alerting             # all of it, some minutes
    python -m benchmarks.alerting --presets 40 # a quick look

What has a window gets, for each incident, the window that notices it soonest, and the level that is reached by mistake
once a week, found by bisection on healthy traffic. `shift` is told what to detect (of a ramp, 10 %), and works out its
threshold itself.

The bound: of all procedures with a mean of n jobs between false alarms, none has a worst mean delay of fewer jobs than
log(n) / KL, as n grows; KL = p1 log(p1 / p0) + (1 - p1) log((1 - p1) / (1 - p0)). G. Lorden (1971), Ann. Math. Stat.
42(6); G. V. Moustakides (1986), Ann. Stat. 14(4). It leaves out what does not grow with n, so a mean delay may be below
it; and nobody is told sooner than a pane ends, so it is never shown as less than a pane. It is for steps.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from math import log
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.alerting.charts import save
from benchmarks.alerting.contenders import WINDOWED, Contender, Shift
from benchmarks.alerting.traffic import (
    HEALTHY,
    INCIDENTS,
    TRAFFIC,
    Jobs,
    Marks,
    Rate,
    Traffic,
    correlated,
    draw,
    ramp,
    rhythm,
)

RESULTS = Path(__file__).parents[1] / "results"
WEEK = 7 * 24 * 60
SETTLES = 30
"""Minutes for which an alarm must be over before the next is one of its own."""
SHIFT = "shift"
PEAK = {"step to 5 %": 0.05, "step to 10 %": 0.10, "step to 30 %": 0.30}


def bound(traffic: Traffic, rate: float) -> float:
    """Return Lorden's bound in minutes, at one false alarm a week, or a pane if that is longer."""
    divergence = rate * log(rate / HEALTHY) + (1 - rate) * log((1 - rate) / (1 - HEALTHY))
    return max(traffic.pane_minutes, log(WEEK * traffic.jobs_per_minute) / divergence / traffic.jobs_per_minute)


def episodes(alarms: Marks, traffic: Traffic) -> int:
    """Count alarms; those that follow each other soon are one."""
    settles, count = max(1, traffic.panes(SETTLES)), 0
    for row in alarms:
        at = np.flatnonzero(row)
        count += int(len(at) > 0) + int(np.count_nonzero(np.diff(at) > settles))
    return count


def level(contender: Contender, window: int, healthy: Jobs, traffic: Traffic) -> float:
    """Return the lowest level that is reached by mistake once a week or more seldom."""
    numbers = contender.statistic(healthy, window)
    numbers[:, :window] = 0
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        too_often = episodes(numbers >= middle, traffic) > len(numbers) * numbers.shape[1] * traffic.pane_minutes / WEEK
        low, high = (middle, high) if too_often else (low, middle)
    return high


def delay(alarms: Marks, begin: int, traffic: Traffic) -> float:
    """Return the mean minutes until an alarm, of presets that had none just before; infinite if some have none."""
    quiet = alarms[~alarms[:, max(0, begin - 2) : begin].any(axis=1), begin:]
    if not len(quiet) or not quiet.any(axis=1).all():
        return float("inf")
    return float((np.argmax(quiet, axis=1) + 1).mean()) * traffic.pane_minutes


def struck(traffic: Traffic, rate: Rate, presets: int, random: np.random.Generator) -> tuple[Jobs, int]:
    """Return the jobs around an incident, and the pane in which it begins."""
    begin = max(traffic.windows)
    after = traffic.panes(8 * bound(traffic, 0.05) + 24 * 60)
    minutes = np.arange(-begin, after, dtype=np.float64) * traffic.pane_minutes
    return draw(traffic, rate(minutes), presets, random), begin


def rows(traffic: Traffic, presets: int) -> Iterator[dict[str, object]]:
    """Yield the delay of every contender in every incident, and how often each is wrong."""
    random = np.random.default_rng(5)
    panes = traffic.panes(WEEK)
    healthy = draw(traffic, np.full(panes, HEALTHY), presets, random)
    levels = {
        (contender.name, window): level(contender, window, healthy, traffic)
        for contender in WINDOWED
        for window in traffic.windows
    }
    shift = Shift(traffic, 0.10, WEEK)
    ramp_hours = 48.0 if traffic.jobs_per_minute < 1 else 4.0 if traffic.jobs_per_minute < 10 else 0.5
    for incident, rate in (INCIDENTS | {f"ramp to 10 % in {ramp_hours:g}h": ramp(ramp_hours)}).items():
        jobs, begin = struck(traffic, rate, presets, random)
        detects = PEAK.get(incident, 0.10)
        told = Shift(traffic, detects, WEEK)
        found: dict[str, object] = {SHIFT: delay(told.alarms(jobs), begin, traffic)}
        for contender in WINDOWED:
            found[contender.name] = min(
                delay(contender.statistic(jobs, window) >= levels[contender.name, window], begin, traffic)
                for window in traffic.windows
            )
        yield {"traffic": traffic.name, "incident": incident, "bound": bound(traffic, detects), **found}
    days = {"rhythm of day and night": rhythm, "failures that come together": correlated}
    drawings = {"healthy": healthy} | {name: made(traffic, panes, presets, random) for name, made in days.items()}
    for name, drawn in drawings.items():
        wrong: dict[str, object] = {SHIFT: episodes(shift.alarms(drawn), traffic) / presets}
        for contender in WINDOWED:
            window = traffic.windows[1]
            alarms = contender.statistic(drawn, window) >= levels[contender.name, window]
            wrong[contender.name] = episodes(alarms[:, window:], traffic) / presets
        yield {"traffic": traffic.name, "incident": f"false alarms a week, {name}", "bound": None, **wrong}


def table(found: Sequence[dict[str, object]]) -> str:
    """Return the figures in Markdown."""
    names = [SHIFT, *(contender.name for contender in WINDOWED)]
    lines = [
        f"| traffic | incident | bound | {' | '.join(names)} | shift / bound |",
        f"|---|---|---:|{'---:|' * (len(names) + 1)}",
    ]
    for row in found:
        least = row["bound"]
        times = f"{float(str(row[SHIFT])) / float(str(least)):.2f}" if least and "step" in str(row["incident"]) else ""
        cells = [_shown(least), *(_shown(row[name]) for name in names), times]
        lines.append(f"| {row['traffic']} | {row['incident']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return "" if value is None else f"{float(str(value)):.3g}"


def chart(found: Sequence[dict[str, object]], path: Path) -> None:
    """Draw the delays as multiples of the bound."""
    steps = [row for row in found if "step" in str(row["incident"])]
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate([SHIFT, *(contender.name for contender in WINDOWED)]):
        heights = [float(str(row[name])) / float(str(row["bound"])) for row in steps]
        axes.bar([place + 0.2 * number for place in range(len(steps))], heights, 0.2, label=name)
    axes.axhline(1, color="black", linewidth=1, linestyle="--")
    axes.set_xticks(
        [place + 0.3 for place in range(len(steps))],
        [f"{row['traffic']}\n{row['incident']}" for row in steps],
        fontsize=7,
    )
    axes.set_ylabel("mean delay / Lorden's bound")
    axes.set_title("How soon a worsening is noticed, at one false alarm a week")
    axes.legend()
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", type=int, default=100, help="like presets, each watched for a week")
    given = parser.parse_args()
    found = [row for traffic in TRAFFIC for row in rows(traffic, given.presets)]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "alerting.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "alerting.md").write_text(f"{__doc__.split(chr(10))[0]}\n\n{table(found)}")
    chart(found, RESULTS / "alerting.svg")
    print(table(found))


if __name__ == "__main__":
    main()
