"""JSON Schema (2020-12) of every public message, for consumers that are not written in Python.

Law: what we write is described exactly. What Daily writes is described as documented, but for what it is known to vary;
a reader does best to take a part of any other shape as absent, as the models do.
"""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from schemas.alert import AlertEvent
from schemas.daily import ErrorEvent, FinishedEvent
from schemas.rate import Rate
from schemas.rejected import RejectedHeaders

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Message(NamedTuple):
    """One exported message: the identity of its schema, and whether we read it or write it."""

    schema_id: str
    model: type[BaseModel]
    mode: Literal["validation", "serialization"]


MESSAGES = {
    "alert.schema.json": Message("presetwatch:alert/1", AlertEvent, "serialization"),
    "rate.schema.json": Message("presetwatch:rate/1", Rate, "serialization"),
    "rejected-headers.schema.json": Message("presetwatch:rejected-headers/1", RejectedHeaders, "serialization"),
    "batch-processor-error.schema.json": Message("presetwatch:daily/error/1", ErrorEvent, "validation"),
    "batch-processor-job-finished.schema.json": Message("presetwatch:daily/finished/1", FinishedEvent, "validation"),
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of every message, by file name."""
    return {filename: _schema(message) for filename, message in MESSAGES.items()}


def _schema(message: Message) -> dict[str, Any]:
    described = message.model.model_json_schema(by_alias=True, mode=message.mode)
    return {"$schema": DIALECT, "$id": message.schema_id, **described}
