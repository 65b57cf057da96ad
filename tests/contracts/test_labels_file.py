"""The labels file: TOML or NDJSON gives the same incidents, and every mistake is named with its line."""

from pathlib import Path

import pytest

from schemas.times import read_time
from stream.domain.episodes import Incident
from stream.labels_file import read

TOML = """
[[incident]]
name = "summaries down"
preset = "summarize"
start = 2024-03-25T21:30:00Z
end = "2024-03-25T22:10:00+00:00"

[[incident]]
preset = "tr*"
start = 2024-03-25T20:00:00
end = 2024-03-25T23:00:00+01:00
"""
NDJSON = """
{"preset": "summarize", "start": "2024-03-25T21:30:00Z", "end": "2024-03-25T22:10:00Z", "name": "summaries down"}

{"preset": "tr*", "start": "2024-03-25T20:00:00Z", "end": "2024-03-25T22:00:00Z"}
"""


def at(text: str) -> int:
    return read_time(f"2024-03-25T{text}Z")


def write(tmp_path: Path, text: str, name: str = "labels.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.ndjson", NDJSON)])
def test_both_forms_give_the_same_incidents_by_their_start(tmp_path: Path, name: str, text: str) -> None:
    assert read(write(tmp_path, text, name)) == (
        Incident("tr*", at("20:00:00"), at("22:00:00")),
        Incident("summarize", at("21:30:00"), at("22:10:00"), "summaries down"),
    )


PRESET = '[[incident]]\npreset = "a"\n'
START, END = "start = 2024-03-25T21:30:00Z\n", "end = 2024-03-25T22:10:00Z\n"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (PRESET + START, [":1: this incident has no end"]),
        (PRESET + START + 'end = "soon"\n', [":4: end must be a time such as 2024-03-25T21:33:30Z, got 'soon'"]),
        (PRESET + START + "end = 5\n", [":4: end must be a time such as 2024-03-25T21:33:30Z, got '5'"]),
        (PRESET + START.replace("21", "23") + END, [":1: end must be after start"]),
        (
            PRESET + "strat = 1\n" + END,
            [":1: this incident has no start", ":3: unknown key 'strat': did you mean 'start'?"],
        ),
        ("[[incident]]\npreset = 7\n" + START + END, [":2: preset must be text, got 7"]),
        ("[[incidents]]\n", [":1: unknown key or table 'incidents': a labels file holds [[incident]] tables only"]),
        ("[incident]\npreset = 'a'\n" + START, [":1: this incident has no end"]),
        ("incident = [3]\n", [":1: this incident must be a table, got 3"]),
        ("", [': holds no incident: write [[incident]] with preset = "summarize", start = 2024-03-25T21:30:00Z, ']),
        ("a = \n", [":1: no TOML value"]),
    ],
)
def test_every_mistake_is_named_with_its_line(tmp_path: Path, text: str, sentences: list[str]) -> None:
    faults = sorted(str(fault) for fault in read(write(tmp_path, text)))
    assert len(faults) == len(sentences)
    for fault, sentence in zip(faults, sentences, strict=True):
        assert fault.startswith(str(tmp_path / "labels.toml") + sentence)


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (fault,) = read(write(tmp_path, NDJSON + "junk\n", "labels.ndjson"))
    assert str(fault).endswith("labels.ndjson:5: is not JSON: write one object a line, or name the file .toml")


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (fault,) = read(tmp_path / "none.toml")
    assert "cannot be read (No such file or directory): name a labels file that exists" in str(fault)
