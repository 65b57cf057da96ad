"""A Prometheus Alertmanager, by its API v2.

Law: an alert's labels are a function of rule, preset, group and severity, and so the same whenever it is sent. What
fires is sent with an end that lies a few refreshes ahead, so that it resolves by itself only when nobody refreshes it
any more.
Source: prometheus/alertmanager, api/v2/openapi.yaml.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from schemas.alert import AlertEvent, AlertKind
from schemas.times import format_time
from stream.notify.channels.http import Poster
from stream.notify.channels.outcome import Outcome
from stream.notify.message import describe
from stream.notify.news import Delivery
from stream.notify.plan import AlertmanagerChannel

REFRESHES_MISSED = 4
"""As many as Prometheus allows for."""


class Alertmanager:
    """Sends to one Alertmanager."""

    def __init__(self, channel: AlertmanagerChannel, dashboard: str | None = None) -> None:
        self._channel = channel
        self._dashboard = dashboard
        self._poster = Poster()

    async def send(self, delivery: Delivery, now: int) -> Outcome:
        """Post alerts, those that fire and those that have resolved."""
        events = [*(item.event for item in delivery.news), *(receipt.event for receipt in delivery.again)]
        alerts = [as_alert(event, now, self._channel.refresh_ms, self._dashboard) for event in events]
        url = self._channel.url.get_secret_value().rstrip("/") + "/api/v2/alerts"
        token = self._channel.token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        return await self._poster.post(url, json.dumps(alerts).encode(), headers)

    async def close(self) -> None:
        """Close connections."""
        await self._poster.close()


def as_alert(event: AlertEvent, now: int, refresh_ms: int, dashboard: str | None) -> dict[str, Any]:
    """Return an alert as the API has it, sent at some instant."""
    is_over = event.kind is AlertKind.RESOLVED
    ends_at = min(event.at, now) if is_over else now + REFRESHES_MISSED * refresh_ms
    ours = {"alertname": event.rule, "preset": event.preset, "severity": event.severity, "rule_kind": event.rule_kind}
    ours |= _labels(event.group)
    return {
        "labels": _labels(event.labels) | ours,
        "annotations": {"description": describe(event)} | _labels(event.annotations),
        "startsAt": format_time(min(event.started_at, ends_at)),
        "endsAt": format_time(ends_at),
        **({"generatorURL": dashboard} if dashboard else {}),
    }


def _labels(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts under names that an Alertmanager takes."""
    return {_name(name): text for name, text in texts.items() if text}


def _name(name: str) -> str:
    fit = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return fit if re.match(r"[A-Za-z_]", fit) else f"_{fit}"
