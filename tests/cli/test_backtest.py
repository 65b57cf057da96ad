"""`replay` as a back-test: rules files side by side, held against incidents that are known."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.times import format_time
from stream.cli.demo import DEMO_RULES
from stream.local.incidents import plan
from stream.local.traffic import generate
from tests.cli.commands import body, run

SEED, MINUTES = 7, 22
ENV = {"PRESETWATCH_PARTITIONS": "3"}
NERVOUS = """
[[rule]]
name = "one-is-enough"
kind = "threshold"
window = "30s"
error_rate = 0.1
min_jobs = 2
confidence = 0
keep_firing_for = "0s"
presets = ["summarize", "action-items"]

[[rule]]
name = "long-silence"
kind = "silence"
presets = []
after = "1h"
"""


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    file = tmp_path / "bodies.ndjson"
    file.write_bytes(b"".join(one.value + b"\n" for one in generate(SEED, MINUTES)))
    return file


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.ndjson"
    known = [
        {
            "name": one.name,
            "preset": one.preset or "*",
            "start": format_time(one.starts_at_ms),
            "end": format_time(one.ends_at_ms),
        }
        for one in plan(SEED, MINUTES)
    ]
    file.write_text("\n".join(map(json.dumps, known)))
    return file


@pytest.fixture(autouse=True)
def in_a_folder_with_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo.toml").write_bytes(DEMO_RULES.read_bytes())
    Path("nervous.toml").write_text(NERVOUS)


TWO = ("--rules", "demo.toml", "--rules", "nervous.toml")
GOLDEN = Path(__file__).with_name("backtest.golden.txt")


def test_the_summary_of_the_demos_traffic_is_as_it_was(bodies: Path, labels: Path) -> None:
    done = run("replay", str(bodies), *TWO, "--labels", str(labels), env=ENV)
    assert done.exit_code == 0
    assert [line.rstrip() for line in done.stdout.splitlines()] == GOLDEN.read_text("utf-8").splitlines()
    assert "jobs counted" in done.stderr


def test_json_holds_what_the_tables_hold_and_each_episode(bodies: Path, labels: Path) -> None:
    done = run("replay", str(bodies), *TWO, "--labels", str(labels), "--json", env=ENV)
    found = json.loads(done.stdout)
    demo, nervous = found["rules"]
    assert (demo["file"], demo["found"], demo["false_alarms"], nervous["file"]) == ("demo.toml", 4, 0, "nervous.toml")
    assert demo["episodes"] == len(demo["list"]) == sum(each["episodes"] for each in demo["by_rule"].values())
    assert {one["delay_seconds"]["demo.toml"] is not None for one in found["incidents"]} == {True}
    assert found["records"]["jobs"] > 1_000
    assert "fired" not in found["records"]


def test_the_episodes_of_a_file_are_those_of_its_plain_replay(bodies: Path) -> None:
    alerts = [
        json.loads(line) for line in run("replay", str(bodies), "--rules", "demo.toml", env=ENV).stdout.splitlines()
    ]
    both = json.loads(run("replay", str(bodies), *TWO, "--json", env=ENV).stdout)
    fired = [(one["at"], one["rule"], one["preset"]) for one in alerts if one["kind"] == "fired"]
    assert sorted((one["fired_at"], one["rule"], one["preset"]) for one in both["rules"][0]["list"]) == sorted(fired)


def test_an_incident_of_another_time_is_left_out_and_not_missed(bodies: Path, labels: Path) -> None:
    with labels.open("a") as file:
        file.write('\n{"preset": "*", "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}')
        file.write('\n{"preset": "*", "start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z"}')
    done = run("replay", str(bodies), *TWO, "--labels", str(labels), env=ENV)
    assert [line.rstrip() for line in done.stdout.splitlines()] == GOLDEN.read_text("utf-8").splitlines()
    assert "2 labelled incidents left out, before the first job or after the last." in done.stderr


def test_without_labels_nothing_is_said_of_false_alarms(bodies: Path) -> None:
    done = run("replay", str(bodies), *TWO, env=ENV)
    assert "false" not in done.stdout
    assert json.loads(run("replay", str(bodies), *TWO, "--json", env=ENV).stdout)["rules"][0]["false_alarms"] is None


def test_files_with_reasons_of_their_own_are_tried_on_jobs_read_their_way() -> None:
    rule = '[[rule]]\nname = "boom"\nkind = "consecutive"\nerrors = 2\nreasons = ["boom"]\n'
    Path("own.toml").write_text(f'{rule}\n[[reason]]\nname = "boom"\nparty = "daily"\ncontains = "boom"\n')
    Path("plain.toml").write_text(rule.replace('reasons = ["boom"]\n', ""))
    Path("other.toml").write_text(rule.replace("boom", "timeout"))
    lines = b"\n".join(body(f"j{n}", failed=True, at=1_767_603_600.0 + n) for n in range(3))
    rules = ("--rules", "own.toml", "--rules", "plain.toml", "--rules", "other.toml")
    found: dict[str, Any] = json.loads(run("replay", "-", *rules, "--json", given=lines).stdout)
    assert [each["episodes"] for each in found["rules"]] == [1, 1, 0]


def test_rules_that_look_back_further_than_there_are_jobs_are_named(bodies: Path) -> None:
    budget = '[[rule]]\nname = "budget"\nkind = "burn_rate"\nobjective = 0.99\nperiod = "28d"\n'
    Path("budget.toml").write_text(budget)
    done = run("replay", str(bodies), "--rules", "demo.toml", "--rules", "budget.toml", "--json", env=ENV)
    assert "The first job known is of 2026-" in done.stderr
    assert "so these rules saw less than they look back on: budget until 2026-" in done.stderr
    assert "until" not in run("replay", str(bodies), "--rules", "nervous.toml", "--report", "page.html", env=ENV).stderr


def test_no_jobs_at_all_are_no_episodes_and_make_a_page_all_the_same() -> None:
    done = run("replay", "-", "--report", "page.html", "--json", given=b"")
    assert done.exit_code == 0
    assert (json.loads(done.stdout)["from"], json.loads(done.stdout)["rules"][0]["episodes"]) == (None, 0)
    assert "There were no jobs." in Path("page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "give either FILE, or a range of the events topic"),
        (["-", "--from", "7d"], 2, "give either FILE, or a range of the events topic"),
        (["--from", "yesterday"], 1, "--from yesterday is neither a time nor a duration before now"),
        (["--from", "1h", "--to", "2h"], 1, "--from 1h is not before --to 2h"),
        (["-", "--rules", "nervous.toml", "--rules", "nervous.toml"], 1, "One rules file is given twice"),
        (["-", "--labels", "none.toml"], 1, "none.toml: cannot be read"),
        (["-", "--warm-up", "1d"], 2, "--warm-up is the time before --from"),
        (["--from", "7d", "--warm-up", "long"], 1, "--warm-up: 'long' is not a duration"),
        (["--from", "7d"], 3, "The broker at 127.0.0.1:1 does not answer"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], code: int, sentence: str) -> None:
    done = run("replay", *arguments, given=b"")
    assert (done.exit_code, done.stdout) == (code, "")
    assert sentence in " ".join(done.stderr.replace("│", " ").split())


def test_a_page_that_cannot_be_written_is_named() -> None:
    done = run("replay", "-", "--report", "no/such/folder.html", given=b"")
    assert done.exit_code == 1
    assert done.stderr.startswith("no/such/folder.html cannot be used (No such file or directory)")
