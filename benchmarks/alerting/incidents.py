"""What each way of alerting tells of spikes, of outages and of jobs that stop coming, all wrong about equally seldom.

    python -m benchmarks.alerting.incidents   # some minutes

Law: every contender is decided by the workers' own code, life cycle and all; see `tuned` for what each of them is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.alerting import flaps, silences, spikes
from benchmarks.alerting.charts import save
from benchmarks.alerting.simulated import Outcome, shown
from benchmarks.alerting.traffic import Traffic
from benchmarks.alerting.tuned import LOADS, tune
from stream.cli.check import condition
from stream.domain.duration import format_duration
from stream.domain.rules import Rule, RuleSet

RESULTS = Path(__file__).parents[1] / "results"
SEED = 7
LEGEND = """\
A cell says of how many presets a contender spoke, if not of all; how many minutes after the beginning, in the mean; and
how many alerts it made of it until windows were empty again. - is none. The first spike, and the first outage, are none
at all: what is told of them is chance."""


class Row(NamedTuple):
    """What contenders make of one case."""

    traffic: str
    case: str
    outcomes: Mapping[str, Outcome]
    known: Mapping[str, float | None] = {}
    """What there is to compare it with."""


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found."""

    rules: list[tuple[str, Rule]] = field(default_factory=list)
    """Every contender, by how busy presets are."""
    spikes: list[Row] = field(default_factory=list)
    outages: list[Row] = field(default_factory=list)
    stops: list[Row] = field(default_factory=list)


def measure(loads: Iterable[Traffic]) -> Found:
    """Try everything."""
    found = Found()
    for traffic in loads:
        rules, random = tune(traffic), np.random.default_rng(SEED)
        found.rules.extend((traffic.name, rule) for rule in (*rules.rules, *silences.silences(traffic)))
        found.spikes.extend(Row(traffic.name, *told) for told in spikes.found(traffic, rules, random))
        found.outages.extend(Row(traffic.name, *told) for told in flaps.found(traffic, rules, random))
        found.stops.extend(stops(traffic, rules, random))
    return found


def stops(traffic: Traffic, rules: RuleSet, random: np.random.Generator) -> Iterator[Row]:
    """Yield what becomes of jobs that stop coming."""
    for one in silences.found(traffic, rules, random):
        wrong = {f"false alarms a week, {name}": count for name, count in one.false_alarms.items()}
        known = {"knows the rate": one.least_minutes, **wrong}
        yield Row(traffic.name, f"{one.flow}: {one.stop}", one.outcomes, known)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(heads)} |", f"|---|---|{'---:|' * (len(heads) - 2)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def table(rows: Sequence[Row], case: str) -> str:
    """Return the figures in Markdown."""
    heads = ["jobs", case, *rows[0].known, *rows[0].outcomes]
    return markdown(heads, (_cells(row) for row in rows))


def _cells(row: Row) -> tuple[str, ...]:
    known = ("" if number is None else shown(number) for number in row.known.values())
    return (row.traffic, row.case, *known, *map(str, row.outcomes.values()))


def rules_table(rules: Iterable[tuple[str, Rule]]) -> str:
    """Return what contenders came out as."""
    rows = ((traffic, rule.name, condition(rule), format_duration(rule.keep_firing_for_ms)) for traffic, rule in rules)
    return markdown(("jobs", "contender", "fires when", "keeps firing for"), rows)


def text(found: Found) -> str:
    """Return all figures in Markdown."""
    return "\n".join(
        [
            (__doc__ or "").split("\n")[0],
            f"\n{LEGEND}\n\n## Spikes: failures in short bursts, the repeated ones twenty minutes apart\n",
            table(found.spikes, "spike"),
            "## Outages in which a share of the jobs fails all the while\n",
            f"Of {_spans()}.\n",
            table(found.outages, "fail"),
            "## Jobs that stop coming\n",
            "`knows the rate` is one who knows the rate of every minute, and is as patient as that allows.\n",
            table(found.stops, "what happens"),
            "## The contenders\n",
            rules_table(found.rules),
        ]
    )


def _spans() -> str:
    spans = (f"{shown(span.minutes / 60)} h at {name}" for name, span in flaps.SPANS.items())
    return ", ".join(spans)


def figures(found: Found) -> str:
    """Return all figures as JSON."""
    kinds = {"spikes": found.spikes, "outages": found.outages, "stops": found.stops}
    rows = {kind: [_plain(row) for row in rows] for kind, rows in kinds.items()}
    rules = [{"traffic": traffic, **rule.model_dump(mode="json", by_alias=True)} for traffic, rule in found.rules]
    return json.dumps({**rows, "rules": rules}, indent=1) + "\n"


def _plain(row: Row) -> dict[str, object]:
    outcomes = {name: _rounded(asdict(outcome)) for name, outcome in row.outcomes.items()}
    return {"traffic": row.traffic, "case": row.case, **_rounded(row.known), "outcomes": outcomes}


def _rounded(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if number is None else round(number, 4) for name, number in numbers.items()}


def chart(found: Found) -> Figure:
    """Return which spikes are noticed, and how often one outage is told of."""
    names = list(dict.fromkeys(row.traffic for row in found.spikes))
    figure = Figure(figsize=(5 * len(names), 9), layout="constrained")
    axes = figure.subplots(2, len(names), squeeze=False)
    for upper, lower, name in zip(*axes, names, strict=True):
        _noticed(upper, [row for row in found.spikes if row.traffic == name][1:])
        _alerts(lower, [row for row in found.outages if row.traffic == name][1:])
        upper.set_title(f"{name}: spikes noticed")
        lower.set_title(f"{name}: alerts of one outage")
    figure.legend(*axes[1][0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _noticed(axes: Axes, rows: Sequence[Row]) -> None:
    names = [name for name in rows[0].outcomes if not name.endswith("-kept")]
    for number, name in enumerate(names):
        places = [place + number / (len(names) + 1) for place in range(len(rows))]
        axes.bar(places, [row.outcomes[name].noticed for row in rows], 1 / (len(names) + 1), color=_colour(rows, name))
    axes.set_xticks(range(len(rows)), [row.case for row in rows], rotation=60, ha="right", fontsize=7)
    axes.set_ylim(0, 1)


def _alerts(axes: Axes, rows: Sequence[Row]) -> None:
    for name in rows[0].outcomes:
        counts = [row.outcomes[name].episodes or np.nan for row in rows]
        style = "--" if name.endswith("-kept") else "-"
        axes.plot([row.case for row in rows], counts, style, marker=".", color=_colour(rows, name), label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("of its jobs fail")


def _colour(rows: Sequence[Row], name: str) -> str:
    return f"C{list(rows[0].outcomes).index(name.removesuffix('-kept'))}"


def main() -> None:
    found = measure(LOADS)
    (RESULTS / "incidents.md").write_text(text(found))
    (RESULTS / "incidents.json").write_text(figures(found))
    save(chart(found), RESULTS / "incidents.svg")
    print(text(found))


if __name__ == "__main__":
    main()
