"""What the gateway tells Prometheus.

Law: every metric is declared once, here, and is there from the start, at zero; no label takes values that a sender
makes up.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stream.gateway.door import Door
from stream.gateway.outcomes import Outcome
from stream.gateway.outgoing import Outgoing
from stream.gateway.upstream import Upstream
from stream.meters import Meters
from stream.web.metrics import VERSION

PREFIX = "presetwatch_gateway_"
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds."""


def answering(registry: CollectorRegistry) -> Histogram:
    """Return the histogram of how long answers take."""
    says = "From a webhook's headers to its answer."
    return Histogram(f"{PREFIX}answer_seconds", says, buckets=BOUNDS, registry=registry)


class Gauge(NamedTuple):
    """A value as it stands: its name without the prefix, what it says, and where it is read."""

    name: str
    says: str
    read: Callable[["Gateway"], float]


class Gateway(NamedTuple):
    """The parts that have something to tell."""

    door: Door
    outgoing: Outgoing
    upstream: Upstream
    meters: Meters


GAUGES = (
    Gauge("ready", "1 while the broker answers and has the events topic.", lambda of: of.upstream.fault is None),
    Gauge("connections", "Connections open.", lambda of: len(of.door.connections)),
    Gauge("waiting_records", "Bodies that the broker has not acknowledged yet.", lambda of: of.outgoing.records),
    Gauge("waiting_bytes", "How large those are together.", lambda of: of.outgoing.size),
)


class Metrics(Collector):
    """Everything but the histogram."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        webhooks = CounterMetricFamily(f"{PREFIX}webhooks", "Webhooks by what became of them.", labels=("outcome",))
        for outcome in Outcome:
            webhooks.add_metric((outcome.value,), self._gateway.meters[outcome])
        yield webhooks
        says = "Connections turned away because there were too many."
        yield CounterMetricFamily(f"{PREFIX}turned_away", says, value=self._gateway.door.turned_away)
        says = "Connections, idle or owing a request, closed to make room for others."
        yield CounterMetricFamily(f"{PREFIX}made_room", says, value=self._gateway.door.made_room)
        says = "Requests that are not of HTTP, or have larger headers than are read."
        yield CounterMetricFamily(f"{PREFIX}malformed", says, value=self._gateway.door.malformed)
        for gauge in GAUGES:
            yield GaugeMetricFamily(PREFIX + gauge.name, gauge.says, value=gauge.read(self._gateway))
        build = GaugeMetricFamily(f"{PREFIX}build_info", "1, labelled with the version that runs.", labels=("version",))
        build.add_metric((VERSION,), 1)
        yield build


def register(registry: CollectorRegistry, gateway: Gateway) -> None:
    """Add everything a gateway tells, the cost of its process included."""
    registry.register(Metrics(gateway))
    ProcessCollector(registry=registry)
