"""What a notifier says of itself: `/healthz` for whoever supervises it, `/metrics` for Prometheus.

Law: `/healthz` is 503 only when a restart may help. A channel that fails makes it `degraded`, and names the channel and
why; no answer holds a secret.
"""

from collections.abc import Iterator
from time import monotonic

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stream.notify.lane import Lane
from stream.notify.service import Notifier

STANDSTILL_SECONDS = 60.0
PREFIX = "presetwatch_notify_"
COUNTERS = {
    "delivered": "Messages that a channel has taken.",
    "failed": "Attempts that a channel has not taken.",
    "undelivered": "Alert events that became dead letters.",
}


def application(notifier: Notifier) -> web.Application:
    """Return the web application of a notifier."""
    registry = CollectorRegistry()
    registry.register(Metrics(notifier))

    async def healthz(_request: web.Request) -> web.Response:
        found = health(notifier)
        return web.json_response(found, status=503 if found["status"] == "stalled" else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    return app


def health(notifier: Notifier) -> dict[str, object]:
    """Return the state of a notifier in words."""
    session = notifier.session
    failing = dict(session.last_failures) if session else {}
    is_stalled = monotonic() - notifier.polled_at > STANDSTILL_SECONDS
    status = "stalled" if is_stalled else "degraded" if failing else "ok"
    waiting = {name: len(lane.waiting) + len(lane.in_flight) for name, lane in _lanes(notifier).items()}
    return {"status": status, "is_active": session is not None, "waiting": waiting, "failing": failing}


def _lanes(notifier: Notifier) -> dict[str, Lane]:
    return notifier.session.desk.lanes if notifier.session else {}


class Metrics(Collector):
    """A notifier's metrics."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        lanes, meters = _lanes(self._notifier), self._notifier.meters
        active = GaugeMetricFamily(f"{PREFIX}active", "1 for the process that tells, 0 for one that stands by.")
        active.add_metric((), self._notifier.session is not None)
        yield active
        for name, says in COUNTERS.items():
            counter = CounterMetricFamily(PREFIX + name, says, labels=("channel",))
            for channel in self._notifier.plan.channels:
                counter.add_metric((channel.name,), meters[f"{name}:{channel.name}"])
            yield counter
        waiting = GaugeMetricFamily(f"{PREFIX}waiting", "Messages not taken yet.", labels=("channel",))
        firing = GaugeMetricFamily(f"{PREFIX}firing", "Alerts told of that still fire.", labels=("channel",))
        for name, lane in lanes.items():
            waiting.add_metric((name,), len(lane.waiting) + len(lane.in_flight))
            firing.add_metric((name,), sum(1 for _ in lane.firing()))
        yield from (waiting, firing)
