"""`replay`: which alerts records of the past lead to, and which of several rules files does best on them.

Law: a file's lines are keyed and put on partitions by their bytes alone, so the alert events of a replay are those of
the topic. The plain form writes them to stdout and nothing else; a back-test writes its findings there.
"""

import gc
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from schemas.times import format_time
from stream.cli import given
from stream.cli.backtest_view import as_dict, incidents_table, scores_table
from stream.cli.history import Range, partitions_of, read_history, read_range
from stream.cli.metered import Metered, Summary, read_runs, records_text
from stream.cli.output import counted, counting_up, out, say, write_line, wrong
from stream.cli.reach import talk
from stream.cli.trials import Trials, longest_look
from stream.domain.duration import parse_duration
from stream.domain.episodes import Incident
from stream.domain.outcome import Outcome
from stream.domain.rules import RuleSet
from stream.labels_file import read as read_labels
from stream.report.page import write_report
from stream.settings import Settings


def replay(  # noqa: PLR0913, PLR0917  # an option each
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE|-", help="Webhook bodies, one a line; - reads stdin.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="WHEN", help="Read the events topic from here: 7d ago, or a time.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="WHEN", help="... up to here; its end if not given.")
    ] = None,
    warm_up: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time before --from that fills windows; what the longest takes by default."),
    ] = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Rules file, instead of that in PRESETWATCH_RULES; several are compared."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Incidents that really were, to hold alerts against.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with charts.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the summary as JSON.")] = False,
) -> None:
    """Say which alerts the past leads to, from a file of webhook bodies or from the events topic.

    With a FILE alone, alert events go to stdout, one a line, byte for byte
    what the alerts topic gets for the same lines; a summary goes to stderr,
    and no broker is needed. A line has no time but its `event_ts`.

    With --from, --to, --labels, --report or more than one --rules it is a
    back-test: how often and how long each rules file and rule fires and how
    often it flaps; with --labels also what it found, how soon, and how many
    alarms were false. --from and --to go by when records reached the topic;
    what came in the time before, --warm-up, fills windows and is not reported.

    Labels say what really was, each with preset, start and end: as incident
    tables of a .toml file, or as JSON, one incident a line.

    For example:
      presetwatch replay last-week.ndjson --rules stricter.toml
      presetwatch replay - < webhooks.ndjson | jq -r .annotations.summary
      presetwatch replay --from 7d --rules a.toml --rules b.toml --report w.html

    Settings: PRESETWATCH_RULES, PRESETWATCH_PANE, PRESETWATCH_ALLOWED_LATENESS
    and PRESETWATCH_PARTITIONS, which should be that of the topic; for the
    topic PRESETWATCH_KAFKA_BOOTSTRAP and PRESETWATCH_EVENTS_TOPIC.
    """
    is_topic = begin is not None or end is not None
    if is_topic == (file is not None):
        raise typer.BadParameter("give either FILE, or a range of the events topic by --from and --to")
    if warm_up is not None and begin is None:
        raise typer.BadParameter("--warm-up is the time before --from: give both, or none")
    settings = given.settings()
    paths = rules or [given.rules_path(settings)]
    files = {path: given.rules(settings, path) for path in paths}
    if len(files) < len(paths):
        raise wrong("One rules file is given twice: name each once.")
    if file is not None and not labels and not report and len(files) == 1:
        _replay(settings, files[paths[0]], file, as_json=as_json)
        return
    incidents = _incidents(labels) if labels else ()
    with _leaving_cycles():
        if file is not None:
            outcome = _try_on_file(settings, files, file, incidents)
        else:
            wanted = read_range(begin, end, int(datetime.now(UTC).timestamp() * 1000))
            outcome = _try_on_topic(settings, files, wanted, _warm_up(warm_up, files), incidents)
    _tell(outcome, report, as_json=as_json)
    if left_out := len(incidents) - len(outcome.incidents):
        say(f"{counted(left_out, 'labelled incident')} left out, before the first job or after the last.")


@contextmanager
def _leaving_cycles() -> Iterator[None]:
    # The domain makes no reference cycles, and a third of the time would go into looking for them.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _replay(settings: Settings, rules: RuleSet, file: Path, *, as_json: bool) -> None:
    replayed = Metered.under(settings, rules)
    alerts: Counter[str] = Counter()
    is_hidden = sys.stdout.isatty()  # where the alert events go
    bar = counting_up("replaying", given.size_of(file), is_hidden=is_hidden)
    with given.opened(file) as bodies, bar as tell, _leaving_cycles():
        for event in replayed.run_runs(read_runs(bodies, settings.partitions, tell)):
            alerts[event.kind] += 1
            write_line(event.to_json())
    summary = Summary(replayed.meters, alerts)
    say(json.dumps(summary.as_dict()) if as_json else summary.as_text())


def _incidents(path: Path) -> tuple[Incident, ...]:
    found = read_labels(path)
    incidents = tuple(each for each in found if isinstance(each, Incident))
    if len(incidents) < len(found):
        raise wrong("\n".join(map(str, found)))
    return incidents


def _try_on_file(
    settings: Settings, files: dict[Path, RuleSet], file: Path, incidents: tuple[Incident, ...]
) -> Outcome:
    trials = Trials(settings, files, settings.partitions)
    with given.opened(file) as bodies, counting_up("replaying", given.size_of(file)) as tell:
        for runs in read_runs(bodies, settings.partitions, tell):
            trials.take(runs)
    _tell_of_short_windows(trials, 0)
    return trials.finish(incidents)


def _warm_up(text: str | None, files: dict[Path, RuleSet]) -> int:
    try:
        return longest_look(files) if text is None else parse_duration(text)
    except ValueError as error:
        raise wrong(f"--warm-up: {error}.") from None


def _try_on_topic(
    settings: Settings,
    files: dict[Path, RuleSet],
    wanted: Range,
    warm_up_ms: int,
    incidents: tuple[Incident, ...],
) -> Outcome:
    trials = Trials(settings, files, talk(settings, partitions_of(settings)))
    with counting_up("replaying", None) as tell:
        talk(settings, read_history(settings, wanted, warm_up_ms, trials, tell))
    _tell_of_short_windows(trials, wanted.from_ms)
    return trials.finish(incidents, wanted.from_ms)


def _tell_of_short_windows(trials: Trials, since_ms: int) -> None:
    whole = trials.first_whole(since_ms)
    if whole and trials.first_ms is not None:
        first = format_time(trials.first_ms)
        rules = ", ".join(f"{rule} until {format_time(at_ms)}" for rule, at_ms in sorted(whole.items()))
        say(f"The first job known is of {first}, so these rules saw less than they look back on: {rules}.")


def _tell(outcome: Outcome, report: Path | None, *, as_json: bool) -> None:
    if report:
        write_report(report, outcome)
    if as_json:
        write_line(json.dumps(as_dict(outcome)).encode())
    else:
        console = out()
        console.print(scores_table(outcome))
        if outcome.incidents:
            console.print()
            console.print(incidents_table(outcome))
    say(records_text(outcome.records) + "." + (f" The report is {report}." if report else ""))
