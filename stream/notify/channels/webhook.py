"""Another program, by the Standard Webhooks convention.

Law: `webhook-id` is the alert event's id, the same on every attempt, so a receiver that drops known ids takes each
transition once; the signature is over the very bytes sent. Source: standardwebhooks.com, spec/standard-webhooks.md.
"""

import json
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

from schemas.alert import AlertEvent
from schemas.times import format_time
from stream.notify.channels.http import Poster
from stream.notify.channels.outcome import Outcome
from stream.notify.news import Delivery
from stream.notify.plan import WebhookChannel


class Webhook:
    """Sends to one address."""

    def __init__(self, channel: WebhookChannel) -> None:
        self._url = channel.url.get_secret_value()
        self._signer = Signer(channel.secret.get_secret_value())
        self._poster = Poster()

    async def send(self, delivery: Delivery, now: int) -> Outcome:
        """Post the transition of a delivery."""
        [item] = delivery.news
        body = as_body(item.event)
        return await self._poster.post(self._url, body.encode(), self._headers(item.event.id, body, now))

    def _headers(self, message_id: str, body: str, now: int) -> dict[str, str]:
        signature = self._signer.sign(message_id, datetime.fromtimestamp(now // 1000, UTC), body)
        return {"webhook-id": message_id, "webhook-timestamp": str(now // 1000), "webhook-signature": signature}

    async def close(self) -> None:
        """Close connections."""
        await self._poster.close()


def as_body(event: AlertEvent) -> str:
    """Return the body that tells of an alert event."""
    head = {"type": f"presetwatch.alert.{event.kind}", "timestamp": format_time(event.at)}
    return json.dumps({**head, "data": json.loads(event.to_json())}, ensure_ascii=False, separators=(",", ":"))
