"""Webhooks as people and programs read them.

Law: pure; secrets only where they are asked for, and addresses without the credentials they may hold.
"""

from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from stream.cli.alert_view import clock_text
from stream.daily.wire import ACTIVE, FAILED, Webhook
from stream.domain.redaction import redact

_STYLES = {ACTIVE: "green", FAILED: "bold red"}


def as_dict(webhook: Webhook, *, show_secret: bool = False) -> dict[str, Any]:
    """Return a webhook for a program, under Daily's names."""
    secret = {"hmac": webhook.hmac.get_secret_value() if webhook.hmac else None} if show_secret else {}
    return {
        "uuid": webhook.uuid,
        "url": redact(webhook.url or ""),
        "state": webhook.state,
        "failedCount": webhook.failed_count,
        "retryType": webhook.retry_type,
        "eventTypes": list(webhook.event_types),
        "lastMomentPushed": webhook.last_pushed,
        **secret,
    }


def webhook_table(webhooks: Iterable[Webhook], *, show_secret: bool = False) -> Table:
    """Return a table with a row for each webhook."""
    headings = ("uuid", "state", "failed in a row", "last sent", "retry", "batch jobs", "address")
    table = Table(*headings, *(("secret",) if show_secret else ()), box=None, header_style="bold", pad_edge=False)
    for webhook in webhooks:
        secret = [webhook.hmac.get_secret_value() if webhook.hmac else "-"] if show_secret else []
        table.add_row(*_cells(webhook), *map(Text, secret))
    return table


def _cells(webhook: Webhook) -> list[Text]:
    return [
        Text(webhook.uuid or "-"),
        Text(webhook.state or "-", _STYLES.get(webhook.state, "yellow")),
        Text("-" if webhook.failed_count is None else str(webhook.failed_count)),
        Text(_last_pushed(webhook)),
        Text(webhook.retry_type or "-"),
        _subscription(webhook),
        Text(redact(webhook.url or "-")),
    ]


def _last_pushed(webhook: Webhook) -> str:
    at = webhook.last_pushed
    if isinstance(at, (int, float)) and 0 < at < 4e9:
        return clock_text(int(at) * 1000)
    return str(at) if at else "never"


def _subscription(webhook: Webhook) -> Text:
    if not webhook.missing_types:
        return Text("all", "green")
    return Text(f"no {', '.join(webhook.missing_types)}" if webhook.is_about_jobs else "none", "yellow")
