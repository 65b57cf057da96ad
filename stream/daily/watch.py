"""Turning webhooks on again that Daily has given up on, and telling Prometheus of it.

Law: only webhooks about jobs are touched, others belong to somebody else. A round that fails changes nothing about the
next one, unless the key is refused, which no waiting mends.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from stream.daily.client import Daily
from stream.daily.failure import DailyFailed, KeyRefused
from stream.daily.wire import Webhook

PREFIX = "presetwatch_daily_webhook"


class WatchMeters:
    """What Prometheus is told of the webhooks about jobs, by their uuids."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failed = Gauge(f"{PREFIX}_failed", "1 if Daily has given up on it.", ["uuid"], registry=registry)
        says = "Deliveries that failed in a row."
        self.failures = Gauge(f"{PREFIX}_failed_deliveries", says, ["uuid"], registry=registry)
        says = "Attempts to turn it on again: done or failed."
        self.reactivations = Counter(f"{PREFIX}_reactivations", says, ["uuid", "outcome"], registry=registry)
        says = "When Daily last said how its webhooks are, in epoch seconds."
        self.seen_at = Gauge(f"{PREFIX}s_seen_at_seconds", says, registry=registry)

    def see(self, webhooks: Iterable[Webhook]) -> None:
        """Take note of how the webhooks are; those that are gone are forgotten."""
        self.failed.clear()
        self.failures.clear()
        for webhook in webhooks:
            self.failed.labels(webhook.uuid).set(webhook.has_failed)
            self.failures.labels(webhook.uuid).set(webhook.failed_count or 0)
        self.seen_at.set_to_current_time()


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks after the webhooks about jobs."""

    daily: Daily
    meters: WatchMeters
    say: Callable[[str], None]

    async def look(self) -> None:
        """Turn on what has failed; raises `KeyRefused`."""
        try:
            webhooks = [webhook for webhook in await self.daily.webhooks() if webhook.is_about_jobs]
        except KeyRefused:
            raise
        except DailyFailed as failed:
            self.say(str(failed))
            return
        self.meters.see(webhooks)
        for webhook in webhooks:
            if webhook.has_failed:
                await self._turn_on(webhook)

    async def _turn_on(self, webhook: Webhook) -> None:
        try:
            await self.daily.reactivate(webhook)
        except KeyRefused:
            raise
        except DailyFailed as failed:
            self.meters.reactivations.labels(webhook.uuid, "failed").inc()
            self.say(f"Webhook {webhook.uuid} has failed and could not be turned on again. {failed}")
            return
        self.meters.reactivations.labels(webhook.uuid, "done").inc()
        self.say(
            f"Webhook {webhook.uuid} had failed and is on again. What Daily did not send meanwhile it will not send: "
            f"`presetwatch reconcile` fetches it."
        )
