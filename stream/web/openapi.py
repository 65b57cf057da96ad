"""The OpenAPI 3.1 document of a worker's HTTP API.

Law: every path that is served for programs stands here, and every answer fits what stands here for it. What only the
dashboard reads may change with it, and is described no further than that.
"""

from typing import Any

from pydantic import BaseModel

from schemas.alert import AlertEvent
from schemas.rate import Rate
from stream.web.problems import PROBLEM_SCHEMA

Document = dict[str, Any]
_JSON, _PROBLEM = "application/json", "application/problem+json"
_TEXT: Document = {"type": "string"}
_TIME: Document = {"type": "string", "format": "date-time"}
_OBJECT: Document = {"type": "object"}


def openapi(version: str) -> Document:
    """Return the document of this release."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "presetwatch worker",
            "version": version,
            "description": "Error rates of Daily batch-processor jobs by preset, and alerts on them.",
        },
        "security": [{}, {"token": []}],
        "paths": {path: {"get": operation} for path, operation in _operations().items()},
        "components": {
            "schemas": {**_described(Rate), **_described(AlertEvent), "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operations() -> dict[str, Document]:
    window, rate = _duration("window", "The newest stretch of event time.", "5m"), _ref("Rate")
    series = (
        _duration("span", "How far back.", "1h"),
        _duration("step", "From point to point.", "1m"),
        _duration("window", "What each point covers; the step if it is left out.", None),
    )
    return {
        "/api/rates": _operation("rates", "Every preset's rate.", _held(window=_TEXT, rates=_list(rate)), window),
        "/api/rates/{preset}": _of_preset("rate", "One preset's rate; * is the topic as a whole.", rate, window),
        "/api/rates/{preset}/series": _of_preset(
            "series",
            "One preset's rates over time, and the limits of its rules.",
            _held(preset=_TEXT, points=_list(rate), thresholds=_list(_OBJECT)),
            *series,
        ),
        "/api/presets": _operation(
            "presets", "The presets that are known.", _held(presets=_list(_held(preset=_TEXT, last_seen=_TIME)))
        ),
        "/api/alerts": _operation(
            "alerts",
            "Alerts, newest first; those that fire or have resolved are alert events.",
            _held(alerts=_list(_alert())),
            _parameter("state", "One of firing, pending, resolved, or several with commas between.", _TEXT),
        ),
        "/api/rules": _operation("rules", "The rules in force, and why the file is not if it is not.", _rules()),
        "/api/about": _operation("about", "What runs here, by which settings.", _OBJECT),
        "/api/ingest": _operation("ingest", "How what comes in fares.", _OBJECT),
        "/api/overview": _operation("overview", "What the dashboard shows.", _OBJECT, window),
        "/api/stream": _stream(window),
        "/healthz": _operation("healthz", "Whether the worker makes progress.", _health(), failing=_health()),
        "/readyz": _operation("readyz", "Whether it has recovered what it owns.", _held(status=_TEXT)),
        "/metrics": _text("metrics", "Metrics for Prometheus.", "text/plain"),
        "/openapi.json": _operation("openapi", "This document.", _OBJECT),
    }


def _rules() -> Document:
    refused = _held(line={"type": ["integer", "null"]}, fault=_TEXT)
    return _held(rules_version=_TEXT, rules_since=_TIME, rules_refused=_list(refused), rules=_list(_OBJECT))


def _operation(
    name: str, summary: str, answer: Document, *parameters: Document, failing: Document | None = None
) -> Document:
    later = _response("Not now: ask again in a second.", _PROBLEM, _ref("Problem"))
    later["headers"] = {"Retry-After": {"description": "Seconds.", "schema": _TEXT}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": _response(summary, _JSON, answer),
            "503": later if failing is None else _response("A restart may help.", _JSON, failing),
            "default": _response("A problem (RFC 9457).", _PROBLEM, _ref("Problem")),
        },
    }


def _of_preset(name: str, summary: str, answer: Document, *parameters: Document) -> Document:
    preset = {"name": "preset", "in": "path", "required": True, "schema": _TEXT}
    operation = _operation(name, summary, answer, preset, *parameters)
    operation["responses"]["404"] = _response("No job of this preset is known.", _PROBLEM, _ref("Problem"))
    return operation


def _text(name: str, summary: str, media: str) -> Document:
    operation = _operation(name, summary, _OBJECT)
    operation["responses"]["200"] = _response(summary, media, _TEXT)
    return operation


def _stream(window: Document) -> Document:
    operation = _text("stream", "What changes of the overview, as server-sent events.", "text/event-stream")
    return operation | {"parameters": [window]}


def _response(description: str, media: str, schema: Document) -> Document:
    return {"description": description, "content": {media: {"schema": schema}}}


def _duration(name: str, description: str, default: str | None) -> Document:
    given = {"default": default} if default else {}
    return _parameter(name, f"{description} A duration, such as 90s, 5m, 1h.", {**_TEXT, **given})


def _parameter(name: str, description: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _held(**properties: Document) -> Document:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: Document) -> Document:
    return {"type": "array", "items": of}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _alert() -> Document:
    return _held(
        state={"enum": ["firing", "pending", "resolved"]}, rule=_TEXT, preset=_TEXT, group=_OBJECT, severity=_TEXT
    )


def _health() -> Document:
    fault = _held(name=_TEXT, detail=_TEXT)
    return _held(status={"enum": ["ok", "degraded", "failing"]}, faults=_list(fault))


def _described(model: type[BaseModel]) -> Document:
    schema = model.model_json_schema(by_alias=True, mode="serialization", ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}
