"""The gateway's OpenAPI 3.1 document.

Law: a request that reaches a path gets one of the statuses that stand here for it, and no other. What is not of HTTP at
all, or has larger headers than are read, is answered with 400 whatever its path.
"""

from typing import Any

from stream.gateway.outcomes import Outcome
from stream.gateway.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from stream.web.problems import PROBLEM_SCHEMA

Document = dict[str, Any]
WEBHOOKS_PATH = "/webhooks/daily"
_TEXT, _JSON, _PROBLEM = "text/plain", "application/json", "application/problem+json"


def openapi(version: str) -> Document:
    """Return the document of this release."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "presetwatch gateway",
            "version": version,
            "description": "Takes in Daily's webhooks and puts them on the events topic.",
        },
        "paths": {
            WEBHOOKS_PATH: {"post": _webhook()},
            "/healthz": {"get": _get("healthz", "How the gateway is.", _JSON)},
            "/readyz": {"get": _get("readyz", "Whether a webhook could be stored now.", _JSON, 503)},
            "/metrics": {"get": _get("metrics", "Metrics for Prometheus.", _TEXT)},
            "/openapi.json": {"get": _get("openapi", "This document.", _JSON)},
        },
        "components": {"schemas": {"Problem": PROBLEM_SCHEMA}},
    }


def _webhook() -> Document:
    return {
        "operationId": "receiveWebhook",
        "summary": "Take in a webhook: 200 once the broker has the body, or for Daily's ping, which is dropped.",
        "parameters": [
            _header(TIMESTAMP_HEADER, "When it was signed, in epoch seconds, milliseconds or microseconds."),
            _header(SIGNATURE_HEADER, "base64(HMAC-SHA256(secret, timestamp header + '.' + body))."),
        ],
        "requestBody": {"required": True, "content": {_JSON: {"schema": {}}}},
        "responses": {
            "200": _response("Stored, or the ping.", _TEXT),
            "400": _problem_response(Outcome.CUT_SHORT.detail),
            "401": _problem_response("The signature is missing, wrong or stale, or the credentials are wrong."),
            "413": _problem_response(Outcome.TOO_LARGE.detail),
            "503": _retry("The broker has not acknowledged the body in time, or too much is waiting for it."),
        },
    }


def _header(name: str, description: str) -> Document:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _get(name: str, summary: str, media: str, *failing: int) -> Document:
    responses = {"200": _response(summary, media)} | {str(each): _retry("Not now.") for each in failing}
    return {"operationId": name, "summary": summary, "responses": responses}


def _response(description: str, media: str) -> Document:
    return {"description": description, "content": {media: {"schema": {} if media == _JSON else {"type": "string"}}}}


def _problem_response(description: str) -> Document:
    return {
        "description": description,
        "content": {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _retry(description: str) -> Document:
    return _problem_response(description) | {
        "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    }
