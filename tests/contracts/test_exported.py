"""What `presetwatch schema export` writes: the published documents, valid, and true of every example that is shown.

A change here is a change of contract: it needs a version and a note, not only a new golden file.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from stream.daily.reconciled import headers_of as headers_of_reconciled
from stream.gateway.outgoing import RECEIVED_AT
from tests.cli.commands import alert, run

REPOSITORY = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "schemas"
OPENAPI = {"openapi-gateway.json", "openapi-worker.json"}
SCHEMAS = {
    "presetwatch.alert/1": "alert.schema.json",
    "batch-processor.error": "batch-processor-error.schema.json",
    "batch-processor.job-finished": "batch-processor-job-finished.schema.json",
}
"""The schema of a message, by what the message says it is."""

JUDGE = """
const { Parser, fromFile } = require('@asyncapi/parser')
fromFile(new Parser(), process.argv[1]).parse().then(({ document, diagnostics }) =>
  console.log(JSON.stringify({ read: !!document, faults: diagnostics.filter(each => each.severity < 2) })))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all documents are."""
    written = tmp_path_factory.mktemp("exported")
    assert run("schema", "export", str(written)).exit_code == 0
    return written


def read(folder: Path) -> dict[str, Any]:
    """Return the documents of a folder, without the version of the program."""
    documents = {path.name: json.loads(path.read_bytes()) for path in folder.iterdir()}
    for document in documents.values():
        document.get("info", {}).pop("version", None)
    return documents


def test_what_is_exported_is_what_is_published(folder: Path) -> None:
    assert read(folder) == read(GOLDEN)


@pytest.mark.parametrize("name", sorted(OPENAPI))
def test_an_exported_openapi_document_is_valid(folder: Path, name: str) -> None:
    validate(json.loads((folder / name).read_bytes()))


def test_asyncapis_own_parser_finds_nothing_wrong(folder: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("needs Node.js, for the parser of AsyncAPI")
    installed = os.environ.get("NODE_PATH") or subprocess.check_output([npm, "root", "--global"], text=True).strip()
    if not (Path(installed) / "@asyncapi" / "parser").exists():
        pytest.skip("needs the parser of AsyncAPI: 'npm install --global @asyncapi/parser'")
    command = [node, "-e", JUDGE, str(folder / "asyncapi.json")]
    done = subprocess.run(command, env={**os.environ, "NODE_PATH": installed}, capture_output=True, check=True)
    assert json.loads(done.stdout) == {"read": True, "faults": []}


def headers_of(folder: Path, message: str) -> dict[str, Any]:
    """Return the schema of a message's headers."""
    document = json.loads((folder / "asyncapi.json").read_bytes())
    found: dict[str, Any] = document["components"]["messages"][message]["headers"]
    return found


def test_the_headers_of_an_alert_are_those_that_are_published(folder: Path) -> None:
    sent = dict(alert().cloudevent_headers()) | {"lag-seconds": b"0.25"}
    schema = headers_of(folder, "alert")
    Draft202012Validator(schema).validate({name: value.decode() for name, value in sent.items()})
    assert set(schema["properties"]) == set(schema["required"]) == set(sent)


def test_the_headers_of_an_event_are_those_that_are_published(folder: Path) -> None:
    reconciled = [headers_of_reconciled(at_ms, 1_767_603_600_000) for at_ms in (None, 1)]
    for headers in reconciled:
        schema = headers_of(folder, "jobFailed")
        Draft202012Validator(schema).validate({name: value.decode() for name, value in headers})
        assert set(schema["properties"]) == {RECEIVED_AT, "content-encoding", *dict(headers)}


def shown() -> Iterator[dict[str, Any]]:
    """Yield every message that stands whole in the documentation."""
    for path in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))):
        text = path.read_text()
        for found in re.findall(r"^```json\n(.*?)^```|^echo '(\{.*\})'", text, re.MULTILINE | re.DOTALL):
            for line in filter(None, found):
                yield json.loads(line)


def test_every_example_in_the_documentation_fits_its_schema(folder: Path) -> None:
    messages = list(shown())
    assert len(messages) >= 2
    for message in messages:
        schema = json.loads((folder / SCHEMAS[message.get("schema") or message["type"]]).read_bytes())
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(message)
