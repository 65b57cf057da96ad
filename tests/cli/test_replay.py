"""`replay`: what the topic would get, on stdout, and what became of the lines, on stderr."""

import json
from collections import Counter
from pathlib import Path

import pytest

from stream.cli.demo import DEMO_RULES
from stream.cli.metered import Summary
from stream.cli.reference import number_records
from stream.domain.causes import Causes
from stream.domain.replay import Replay
from stream.domain.rules import RuleSet
from stream.local.traffic import generate
from stream.policies import counting_policy, deciding_policy
from stream.rules_file import read
from stream.settings import Settings
from tests.cli.commands import body, run

SETTINGS = Settings(_env_file=None, partitions=3)


def expect(minutes: int) -> bytes:
    rules = read(DEMO_RULES, SETTINGS.pane)
    assert isinstance(rules, RuleSet)
    causes = Causes(rules.reasons)
    replay = Replay(counting_policy(SETTINGS, rules), deciding_policy(SETTINGS, rules, causes, 3), causes)
    return b"".join(event.to_json() + b"\n" for event in replay.run(number_records(generate(7, minutes), 3)))


def test_stdout_has_the_bytes_that_the_topic_would_get(tmp_path: Path) -> None:
    file = tmp_path / "bodies.ndjson"
    file.write_bytes(b"".join(one.value + b"\n" for one in generate(7, 6)))
    done = run("replay", str(file), "--rules", str(DEMO_RULES), env={"PRESETWATCH_PARTITIONS": "3"})
    assert (done.exit_code, done.stdout_bytes) == (0, expect(6))
    assert done.stdout_bytes.count(b"\n") == 4


def test_a_dash_reads_stdin_and_the_summary_counts_every_line() -> None:
    lines = [body("a"), body("a"), body("b", failed=True), b"junk", b'{"test":"test"}', b"", b"[]"]
    done = run("replay", "-", "--json", given=b"\n".join(lines))
    assert (done.exit_code, done.stdout) == (0, "")
    assert json.loads(done.stderr) == {
        "jobs": 2,
        "duplicates": 1,
        "conflicts": 0,
        "late": 0,
        "expired": 0,
        "ignored": {"ping": 1},
        "rejected": {"not_json": 1, "not_an_object": 1},
        "fired": 0,
        "resolved": 0,
    }


def test_a_person_is_told_in_words_what_became_of_the_lines() -> None:
    meters = Counter(
        {"counted": 1200, "duplicates": 3, "ignored:ping:": 1, "ignored:other_type:x": 2, "rejected:empty": 4}
    )
    assert Summary(meters, Counter(fired=2, resolved=1)).as_text() == (
        "1,200 jobs counted, 3 repetitions dropped, 3 other records ignored, 4 rejected (empty 4); "
        "2 alerts fired, 1 resolved."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-file"], "no-such-file cannot be read (No such file or directory)"),
        (["-", "--rules", "no-rules.toml"], "no-rules.toml: cannot be read"),
    ],
)
def test_a_file_that_is_not_there_is_the_users_mistake(arguments: list[str], sentence: str) -> None:
    done = run("replay", *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(sentence)
