"""`rules check` and `schema export`: what can be judged and written without a broker.

Law: a rules file is sound, or every fault in it is named with its line.
"""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from schemas.asyncapi import Topics, asyncapi
from schemas.export import json_schemas
from stream.cli import given
from stream.cli.output import counted, out, write_line
from stream.domain.burn_rate_rule import BurnRateRule, Pair
from stream.domain.duration import format_duration
from stream.domain.rules import ConsecutiveRule, Rule, RuleSet, SilenceRule, ThresholdRule
from stream.domain.shift_rule import ShiftRule
from stream.gateway.openapi import openapi as gateway_openapi
from stream.rule_warnings import warn
from stream.settings import Settings
from stream.web.openapi import openapi as worker_openapi

ErrorKind = ThresholdRule | BurnRateRule | ShiftRule | ConsecutiveRule

rules_app = typer.Typer(help="Look after rules files.", no_args_is_help=True)
schema_app = typer.Typer(help="Describe the messages for other programs.", no_args_is_help=True)


@rules_app.command("check")
def check_rules(
    file: Annotated[Path | None, typer.Argument(help="A rules file; without one, the rules that apply now.")] = None,
) -> None:
    """Check a rules file: a table of its rules, or every fault with its line.

    What is sound but says less than was meant is a warning on stderr.

    For example:
      presetwatch rules check
      presetwatch rules check rules.toml

    Settings: PRESETWATCH_RULES, and PRESETWATCH_PANE, which windows must be
    multiples of.
    """
    settings = given.settings()
    path = given.rules_path(settings, file)
    found = given.rules(settings, path)
    out().print(rules_table(found))
    for warning in warn(path, found):
        typer.echo(warning, err=True)
    write_line(f"{path}: version {found.version}, {counted(len(found.rules), 'rule')}, all sound.".encode())


def rules_table(rules: RuleSet) -> Table:
    """Return a table with a row for each rule."""
    table = Table("rule", "kind", "presets", "fires when", "severity", box=None, header_style="bold", pad_edge=False)
    for rule in rules.with_variants:
        table.add_row(rule.name, rule.kind, ", ".join(rule.presets) or "whole topic", condition(rule), rule.severity)
    return table


def condition(rule: Rule) -> str:
    """Return in a few words when a rule fires."""
    if isinstance(rule, SilenceRule):
        return f"no job for {format_duration(rule.after_ms)}"
    only = ", ".join((*rule.parties, *rule.reasons))
    errors = "errors" + (" of one reason" if rule.is_per_reason else "") + (f" ({only} only)" if only else "")
    errors += f" among jobs from {', '.join(rule.source_types)}" if rule.source_types else ""
    held = f", for {format_duration(rule.for_ms)}" if rule.for_ms else ""
    return f"{_met(rule, errors)}{held}"


def _met(rule: ErrorKind, errors: str) -> str:
    match rule:
        case ConsecutiveRule():
            return f"{rule.errors} {errors} in a row"
        case ShiftRule():
            usual = "what is usual" if rule.baseline == "learn" else f"{rule.baseline:.3g}"
            between = f"by mistake once in {format_duration(rule.between_alarms_ms)}"
            return f"{errors} have risen from {usual} to {rule.detect:.3g} or so; {between}"
        case BurnRateRule():
            pairs = " or ".join(_pair(rule, pair) for pair in rule.pairs)
            return f"{errors} above {pairs}{_sure(rule)}"
        case ThresholdRule():
            window = f"{format_duration(rule.window_ms)} of at least {rule.min_jobs} jobs"
            return f"{errors} above {rule.error_rate:.1%}{_sure(rule)} in {window}"


def _pair(rule: BurnRateRule, pair: Pair) -> str:
    windows = f"{format_duration(pair.long_ms)} and {format_duration(pair.short_ms)}"
    return f"{rule.limit(pair):.3g} in {windows} (burn rate {rule.burn_rate(pair):.3g})"


def _sure(rule: ThresholdRule | BurnRateRule) -> str:
    return f" at {rule.confidence * 100:.4g}% confidence" if rule.confidence else ""


@schema_app.command("export")
def export_schemas(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")],
) -> None:
    """Write the JSON Schema of every message, an AsyncAPI document and two of OpenAPI.

    For example:
      presetwatch schema export ./contracts

    Settings: the topic names in the AsyncAPI document are those of
    PRESETWATCH_EVENTS_TOPIC and its like.
    """
    documents = {
        **json_schemas(),
        "asyncapi.json": asyncapi(_topics(given.settings()), _version()),
        "openapi-gateway.json": gateway_openapi(_version()),
        "openapi-worker.json": worker_openapi(_version()),
    }
    for path in _write(folder, documents):
        write_line(str(path).encode())


def _write(folder: Path, documents: Mapping[str, Any]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in sorted(documents)]
    for path in paths:
        path.write_text(json.dumps(documents[path.name], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return paths


def _topics(settings: Settings) -> Topics:
    return Topics(settings.events_topic, settings.rejected_topic, settings.tallies_topic, settings.alerts_topic)


def _version() -> str:
    try:
        return version("presetwatch")
    except PackageNotFoundError:
        return "0.0.0"  # run from its sources without being installed
