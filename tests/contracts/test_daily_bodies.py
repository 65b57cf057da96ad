"""Bodies as Daily sends them, documented and odd, and beside each what it is read as.

A new body is `golden/daily/NAME.json`, verbatim as received, with its expectation in `NAME.expected.json`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import ErrorEvent, FinishedEvent, json_schemas
from stream.domain.causes import Causes
from stream.domain.parse import parse

BODIES = Path(__file__).parent / "golden" / "daily"
NAMES = sorted(path.name.removesuffix(".expected.json") for path in BODIES.glob("*.expected.json"))
RECORD_MS = 1_711_402_410_000


def expected(name: str) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads((BODIES / f"{name}.expected.json").read_bytes())
    return wanted


NOT_STRICTLY_JSON = {"error-half-an-emoji"}
OF_ODD_SHAPES = {"finished-of-tomorrow", "preset-number"}
JOBS = [name for name in NAMES if expected(name)["read"] == "Outcome"]


def test_every_body_has_an_expectation() -> None:
    assert {path.name.partition(".")[0] for path in BODIES.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_body_of_dailys_is_read_as_expected(name: str) -> None:
    parsed = parse((BODIES / f"{name}.json").read_bytes(), RECORD_MS, Causes())
    assert {"read": type(parsed).__name__, **asdict(parsed)} == expected(name)


def model_of(name: str) -> type[ErrorEvent | FinishedEvent]:
    return ErrorEvent if expected(name)["failed"] else FinishedEvent


@pytest.mark.parametrize("name", [name for name in JOBS if name not in NOT_STRICTLY_JSON])
def test_the_public_models_read_every_job(name: str) -> None:
    event = model_of(name).model_validate_json((BODIES / f"{name}.json").read_bytes())
    assert event.payload.id == expected(name)["job_id"]
    assert (event.payload.preset or "unknown")[:180] == expected(name)["preset"][:180]


@pytest.mark.parametrize("name", [name for name in JOBS if name not in NOT_STRICTLY_JSON | OF_ODD_SHAPES])
def test_a_job_of_documented_shape_fits_the_published_schema(name: str) -> None:
    kind = "error" if expected(name)["failed"] else "job-finished"
    schema = json_schemas()[f"batch-processor-{kind}.schema.json"]
    Draft202012Validator(schema).validate(json.loads((BODIES / f"{name}.json").read_bytes()))


def test_a_finished_job_names_the_files_it_wrote() -> None:
    event = FinishedEvent.model_validate_json((BODIES / "finished-summarize.json").read_bytes())
    output = event.payload.output
    assert output
    assert output.transcription
    assert [file and file.format for file in output.transcription] == ["json", "srt", "txt", "vtt"]
    assert output.summary
    assert output.summary.s3_config
    assert output.summary.s3_config.region == "us-west-2"


def test_a_part_of_an_odd_shape_reads_as_absent_and_leaves_the_rest() -> None:
    event = FinishedEvent.model_validate_json((BODIES / "finished-of-tomorrow.json").read_bytes())
    assert event.payload.output
    assert event.payload.output.summary is None
    assert event.payload.input
    assert event.payload.input.source_type == "stream"
