"""`rules check` and `schema export`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.asyncapi import Topics, asyncapi
from schemas.export import json_schemas
from stream.cli.check import condition
from stream.domain.burn_rate_rule import BurnRateRule
from stream.domain.rules import ConsecutiveRule, Rule, SilenceRule, ThresholdRule
from stream.domain.shift_rule import ShiftRule
from stream.rules_file import default_rules_path
from tests.cli.commands import run

FAULTY = """\
[[rule]]
name = "a"
kind = "threshold"
severity = "crit"

[[rule]]
name = "b"
kind = "silence"
after = 300
"""


def test_a_sound_file_is_shown_as_a_table() -> None:
    done = run("rules", "check", str(default_rules_path()))
    assert done.exit_code == 0
    assert "high-error-rate" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("rules, all sound.")


def test_every_fault_is_named_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(FAULTY)
    done = run("rules", "check", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    assert [line.split(" ")[0] for line in done.stderr.splitlines()] == [f"{file}:4:", f"{file}:9:"]


@pytest.mark.parametrize("source", ["settings", "built in"])
def test_without_a_file_the_rules_that_apply_are_checked(tmp_path: Path, source: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[rule]]\nname = "quiet"\nkind = "silence"\n')
    path = file if source == "settings" else default_rules_path()
    done = run("rules", "check", env={"PRESETWATCH_RULES": str(file) if source == "settings" else ""})
    assert done.stdout.splitlines()[-1].startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (SilenceRule(name="a"), "no job for 30m"),
        (ConsecutiveRule(name="a", errors=5), "5 errors in a row"),
        (ConsecutiveRule.model_validate({"name": "a", "parties": ["daily"]}), "5 errors (daily only) in a row"),
        (
            ConsecutiveRule.model_validate({"name": "a", "group_by": ["preset", "reason"], "source_types": ["uri"]}),
            "5 errors of one reason among jobs from uri in a row",
        ),
        (
            ThresholdRule.model_validate({"name": "a", "confidence": 0.999}),
            "errors above 10.0% at 99.9% confidence in 5m of at least 20 jobs",
        ),
        (ThresholdRule(name="a"), "errors above 10.0% at 95% confidence in 5m of at least 20 jobs"),
        (
            ThresholdRule.model_validate({"name": "a", "confidence": 0, "for": "1m", "window": "1h"}),
            "errors above 10.0% in 1h of at least 20 jobs, for 1m",
        ),
        (
            BurnRateRule.model_validate({"name": "a", "period": "30d", "objective": 0.999, "confidence": 0}),
            "errors above 0.0144 in 1h and 5m (burn rate 14.4) or 0.006 in 6h and 30m (burn rate 6)",
        ),
        (
            ShiftRule.model_validate({"name": "a"}),
            "errors have risen from what is usual to 0.1 or so; by mistake once in 90d",
        ),
        (
            ShiftRule.model_validate({"name": "a", "baseline": 0.02, "parties": ["daily"], "for": "1m"}),
            "errors (daily only) have risen from 0.02 to 0.1 or so; by mistake once in 90d, for 1m",
        ),
    ],
)
def test_a_rule_is_said_in_a_few_words(rule: Rule, words: str) -> None:
    assert condition(rule) == words


def test_every_message_and_the_asyncapi_document_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "for it"
    done = run("schema", "export", str(folder), env={"PRESETWATCH_ALERTS_TOPIC": "my-alerts"})
    written = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [str(folder / name) for name in sorted(written)]
    assert {name: written[name] for name in json_schemas()} == json_schemas()
    assert written.keys() - json_schemas().keys() == {"asyncapi.json", "openapi-gateway.json", "openapi-worker.json"}
    assert written["asyncapi.json"]["channels"]["alerts"]["address"] == "my-alerts"
    for name in json_schemas():
        Draft202012Validator.check_schema(written[name])


def test_a_folder_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("schema", "export", str(tmp_path / "file"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{tmp_path / 'file'} cannot be used (File exists)")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from references(child)


def resolve(document: Any, pointer: str) -> Any:
    for part in pointer.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi(Topics(), "1.2.3")
    found = set(references(document))
    files = {reference.removeprefix("./") for reference in found if not reference.startswith("#")}
    assert files <= set(json_schemas())
    assert all(isinstance(resolve(document, reference), dict) for reference in found if reference.startswith("#"))


def test_the_asyncapi_document_has_every_topic_with_the_type_of_its_key() -> None:
    document = asyncapi(Topics("e", "r", "t", "a"), "1.2.3")
    assert (document["asyncapi"], document["info"]["version"]) == ("3.0.0", "1.2.3")
    assert [channel["address"] for channel in document["channels"].values()] == [
        "e",
        "r",
        "t",
        "a",
        "a.notify.undelivered",
    ]
    for message in document["components"]["messages"].values():
        assert message["bindings"]["kafka"]["key"]["type"] == "string"


SAID_IN_VAIN = """\
[[rule]]
name = "a"
kind = "threshold"
annotations = { summary = "{preset}: {reason}, {errors}" }

[[rule]]
name = "b"
kind = "threshold"
group_by = ["preset", "reason"]
annotations = { summary = "{reason}" }

[[rule.overrides]]
presets = ["c"]
[rule.overrides.annotations]
summary = "{{reason}} {budget_left}"

[[rule]]
name = "d"
kind = "silence"
annotations = { summary = "{reason}" }

[[rule]]
name = "e"
kind = "burn_rate"

[[rule]]
name = "f"
kind = "shift"
"""


def test_a_name_that_a_rule_has_no_value_for_is_warned_of_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(SAID_IN_VAIN)
    done = run("rules", "check", str(file))
    assert (done.exit_code, done.stdout.splitlines()[-1].split(", ", 1)[1]) == (0, "5 rules, all sound.")
    assert done.stderr.splitlines() == [
        (
            f"{file}:4: warning: annotations.summary of 'a' holds {{reason}}, which reads n/a: "
            'add group_by = ["preset", "reason"], or leave it out'
        ),
        (
            f"{file}:15: warning: annotations.summary of 'b' holds {{budget_left}}, which reads n/a: "
            "only burn_rate rules know it, so leave it out"
        ),
        (
            f"{file}:20: warning: annotations.summary of 'd' holds {{reason}}, which reads n/a: "
            "only rules with group_by know it, and silence has no reason, so leave it out"
        ),
    ]


def test_of_rules_that_say_what_they_know_there_is_no_warning() -> None:
    assert run("rules", "check", str(default_rules_path())).stderr == ""
