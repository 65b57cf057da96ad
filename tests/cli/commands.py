"""Running commands in this process, and the webhook bodies and alert events that tests are about."""

import json
from collections.abc import Mapping
from typing import Any

from typer.testing import CliRunner, Result

from schemas.alert import AlertEvent
from stream.cli import app

NOWHERE = {"PRESETWATCH_KAFKA_BOOTSTRAP": "127.0.0.1:1", "PRESETWATCH_WEB_PORT": "1", "PRESETWATCH_RULES": ""}
"""Settings with which neither a broker nor a worker is ever reached."""


def run(*arguments: str, env: Mapping[str, str] | None = None, given: bytes | None = None) -> Result:
    """Run a command and return how it ended and what it said."""
    return CliRunner().invoke(app, arguments, input=given, env={**NOWHERE, **(env or {})}, prog_name="presetwatch")


def body(job: str, *, failed: bool = False, at: float = 1_767_603_600.0, preset: str = "summarize") -> bytes:
    """Return a webhook body about a job that ended at some epoch second."""
    kind, status = ("error", "error") if failed else ("job-finished", "finished")
    payload = {"id": job, "preset": preset, "status": status, **({"error": "boom"} if failed else {})}
    event = {"version": "1.0.0", "type": f"batch-processor.{kind}", "id": f"e-{job}", "payload": payload}
    return json.dumps({**event, "event_ts": at}).encode()


def alert(at_ms: int = 1_767_603_800_000, **given: Any) -> AlertEvent:
    """Return an alert event with some of its fields as given."""
    fields = {
        "id": f"e{at_ms}-1",
        "episode": f"e{at_ms}",
        "sequence": 1,
        "kind": "fired",
        "rule": "high-error-rate",
        "rule_kind": "threshold",
        "severity": "critical",
        "preset": "summarize",
        "at": at_ms,
        "started_at": at_ms,
        "window_start": at_ms - 300_000,
        "window_end": at_ms,
        "errors": 14,
        "finished": 46,
        "total": 60,
        "error_rate": 0.233333,
        "error_rate_low": 0.144,
        "error_rate_high": 0.354,
        "threshold": 0.1,
        "reasons": {"input_forbidden": 12, "other": 2},
    }
    return AlertEvent.model_validate({**fields, **given})
