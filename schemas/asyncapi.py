"""The AsyncAPI 3.0 document: which topics there are, what is on them, and who writes and who reads.

Law: it refers to the exported JSON Schemas beside it and describes no message twice. Topics have the names given, which
are settings of each installation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON_SCHEMA = "application/schema+json;version=2020-12"
BINDING_VERSION = "0.5.0"
_JOB_ID = (
    "The job id of a batch event, else the id of the webhook's envelope; UTF-8. None where there is neither. "
    "Of an id of more than 200 characters the first 180, a tilde and a digest."
)
_PRESET = "The preset, UTF-8; * for the topic as a whole."

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of the topics."""

    events: str = "batch-processor-events"
    rejected: str = "batch-processor-events.rejected"
    tallies: str = "presetwatch-tallies"
    alerts: str = "preset-alerts"

    @property
    def undelivered(self) -> str:
        """Where a notifier puts what a channel did not take."""
        return f"{self.alerts}.notify.undelivered"


def asyncapi(topics: Topics, version: str) -> Document:
    """Return the document of this release, with schemas referred to by the file names of `json_schemas`."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "presetwatch",
            "version": version,
            "description": "Error rates of Daily batch-processor jobs by preset, and alerts on them.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": _channel(topics.events, "Webhook bodies, byte for byte.", ("jobFailed", "jobFinished")),
            "rejected": _channel(topics.rejected, "Records that could not be counted, as received.", ("rejected",)),
            "tallies": _channel(topics.tallies, "Internal: may change with any release.", ("tally",)),
            "alerts": _channel(topics.alerts, "One record for each transition of an alert.", ("alert",)),
            "undelivered": _channel(topics.undelivered, "Alerts that some channel did not take.", ("undelivered",)),
        },
        "operations": {
            "takeInWebhooks": _operation("send", "events"),
            "readEvents": _operation("receive", "events"),
            "park": _operation("send", "rejected"),
            "publishTallies": _operation("send", "tallies"),
            "mergeTallies": _operation("receive", "tallies"),
            "tellOfAlerts": _operation("send", "alerts"),
            "notify": _operation("receive", "alerts"),
            "buryAlerts": _operation("send", "undelivered"),
        },
        "components": {"messages": _messages()},
    }


def _channel(topic: str, description: str, messages: tuple[str, ...]) -> Document:
    return {
        "address": topic,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": BINDING_VERSION}},
    }


def _operation(action: str, channel: str) -> Document:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _messages() -> Document:
    return {
        "jobFailed": {**_message("A job failed", "batch-processor-error", _JOB_ID), "headers": _EVENT_HEADERS},
        "jobFinished": {
            **_message("A job finished", "batch-processor-job-finished", _JOB_ID),
            "headers": _EVENT_HEADERS,
        },
        "rejected": {
            "title": "A record that could not be counted",
            "contentType": "application/octet-stream",
            "headers": _schema("rejected-headers"),
            **_keyed("As received."),
        },
        "tally": {"title": "Counts of one preset, or time alone", "payload": {"type": "object"}, **_keyed(_PRESET)},
        "alert": {
            **_message("An alert fired or resolved", "alert", _PRESET),
            "headers": {"type": "object", "required": list(_ALERT_HEADERS), "properties": dict(_ALERT_HEADERS)},
        },
        "undelivered": {
            **_message("An alert that a channel of a notifier did not take", "alert", _PRESET),
            "headers": {
                "type": "object",
                "required": ["channel", "reason", "tries"],
                "properties": {name: {"type": "string"} for name in ("channel", "reason", "tries")},
            },
        },
    }


def _message(title: str, schema: str, key: str) -> Document:
    return {"title": title, "payload": _schema(schema), **_keyed(key)}


def _schema(name: str) -> Document:
    return {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": f"./{name}.schema.json"}}


def _keyed(description: str) -> Document:
    key = {"type": "string", "description": description}
    return {"bindings": {"kafka": {"key": key, "bindingVersion": BINDING_VERSION}}}


_EVENT_HEADERS: Document = {
    "type": "object",
    "properties": {
        "received-at": {"type": "string", "description": "When the gateway took it in, epoch milliseconds, decimal."},
        "content-encoding": {"type": "string", "description": "How the body was compressed when it came, if it was."},
        "reconciled-at": {
            "type": "string",
            "description": "When it was made from Daily's list, epoch milliseconds.",
        },
        "event-time": {"enum": ["estimated", "unknown"], "description": "What the event_ts of a reconciled job is."},
    },
}

_ALERT_HEADERS: Mapping[str, Document] = {
    "ce_specversion": {"type": "string", "const": "1.0"},
    "ce_id": {"type": "string", "description": "The alert event's id: drop what you know, and see each once."},
    "ce_type": {"type": "string", "enum": ["dev.presetwatch.alert.fired", "dev.presetwatch.alert.resolved"]},
    "ce_source": {"type": "string", "format": "uri-reference"},
    "ce_time": {"type": "string", "format": "date-time"},
    "content-type": {"type": "string", "const": "application/json"},
    "lag-seconds": {"type": "string", "description": "Wall clock minus event time when it was sent, decimal."},
}
