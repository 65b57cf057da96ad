"""What a worker tells Prometheus.

Law: every metric is declared once, in `COUNTERS`, `GAUGES` or `HISTOGRAMS`, with its meaning; what is counted is there
from the start, at zero; and no label takes values that a sender could add to without limit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from importlib.metadata import version
from time import time
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.alert import AlertKind
from schemas.rejected import RejectedReason
from stream.domain.event_time import TimeQuality
from stream.domain.health import Name
from stream.domain.parse import IgnoredReason
from stream.health import Health
from stream.meters import Latencies
from stream.pipeline import Pipeline

PREFIX = "presetwatch_"
VERSION = version("presetwatch")

Values = Mapping[tuple[str, ...], float]
"""Values by what their labels say."""

Read = Callable[[Pipeline], Values]


class Declared(NamedTuple):
    """A metric: its name without the prefix, what it says, its labels, and where its values come from."""

    name: str
    says: str
    labels: tuple[str, ...]
    read: Read


def _one(read: Callable[[Pipeline], float]) -> Read:
    return lambda pipeline: {(): read(pipeline)}


def _counted(name: str) -> Read:
    return _one(lambda pipeline: pipeline.counting.meters[name])


def _by(prefix: str, known: Iterable[StrEnum]) -> Read:
    """Read what the meters hold under a prefix by what follows; what is known is there at zero."""
    start: dict[tuple[str, ...], float] = {(str(each),): 0.0 for each in known}
    return lambda pipeline: start | {(name,): n for name, n in pipeline.counting.meters.under(f"{prefix}:").items()}


def _dropped(pipeline: Pipeline) -> Values:
    meters = pipeline.counting.meters
    return {("duplicate",): meters["duplicates"], ("conflict",): meters["conflicts"], ("expired",): meters["expired"]}


def _ignored(pipeline: Pipeline) -> Values:
    start: dict[tuple[str, ...], float] = {(str(reason), ""): 0.0 for reason in IgnoredReason}
    found = pipeline.counting.meters.under("ignored:")
    return start | {tuple(name.partition(":")[::2]): count for name, count in found.items()}


def _alerts(pipeline: Pipeline) -> Values:
    return {(kind.value,): pipeline.deciding.meters[f"alerts:{kind}"] for kind in AlertKind}


def _reloads(pipeline: Pipeline) -> Values:
    return {("applied",): pipeline.reloading.reloads, ("refused",): pipeline.reloading.refusals}


def _foreign_writes(pipeline: Pipeline) -> Values:
    return {("journal",): pipeline.counting.meters["superseded"], ("state",): pipeline.deciding.meters["foreign_rows"]}


def _watermark_lag(pipeline: Pipeline) -> Values:
    deciding = pipeline.deciding
    clocks = {each: deciding.clock_ms(each) for each in deciding.owned}
    return {(str(each),): time() - clock / 1000 for each, clock in clocks.items() if clock is not None}


def _of_partitions(read: Callable[[Pipeline, int], float]) -> Read:
    return lambda pipeline: {(str(each),): read(pipeline, each) for each in pipeline.counting.owned}


PARTITION = ("partition",)

COUNTERS = (
    Declared("records_read", "Records read from the events topic.", (), _counted("read")),
    Declared("jobs_counted", "Jobs counted, each once.", (), _counted("counted")),
    Declared("jobs_dropped", "Jobs not counted: heard of before, or too old to tell.", ("reason",), _dropped),
    Declared("jobs_late", "Jobs counted after the watermark had passed them.", (), _counted("late")),
    Declared("records_rejected", "Records parked on the rejected topic.", ("reason",), _by("rejected", RejectedReason)),
    Declared("records_ignored", "Records that are no batch-processor events.", ("reason", "type"), _ignored),
    Declared(
        "records_forwarded", "Records sent to the partition that is home to their job.", (), _counted("forwarded")
    ),
    Declared("records_lost", "Records that the log had dropped before they were read.", (), _counted("lost")),
    Declared("event_times", "Events by what their event_ts was worth.", ("quality",), _by("time", TimeQuality)),
    Declared("alert_events", "Alert events sent and acknowledged.", ("kind",), _alerts),
    Declared("foreign_writes", "Rows found to be written by a worker that was replaced.", ("to",), _foreign_writes),
    Declared(
        "foreign_tallies",
        "Records on the tallies topic that are none.",
        (),
        _one(lambda pipeline: pipeline.deciding.meters["foreign_tallies"]),
    ),
    Declared("rules_reloads", "Changes of the rules file.", ("outcome",), _reloads),
    Declared("recoveries", "Partitions taken over.", (), _one(lambda pipeline: pipeline.recoveries)),
    Declared("rebalances", "Rebalances of the group.", (), _one(lambda pipeline: pipeline.app.rebalancing_count)),
)

GAUGES = (
    Declared("build_info", "1, labelled with the version that runs.", ("version",), lambda _: {(VERSION,): 1}),
    Declared(
        "rules_info",
        "1, labelled with the version of the rules in force.",
        ("version",),
        lambda pipeline: {(pipeline.reloading.rules.version,): 1},
    ),
    Declared(
        "rules_refused",
        "1 while the rules file is not in force because something is wrong with it.",
        (),
        _one(lambda pipeline: bool(pipeline.reloading.refused)),
    ),
    Declared("ready", "1 once joined and recovered.", (), _one(lambda pipeline: pipeline.is_ready())),
    Declared("watermark_lag_seconds", "Now less the time that has been decided to.", PARTITION, _watermark_lag),
    Declared(
        "journal_records",
        "Records in the journal.",
        PARTITION,
        _of_partitions(lambda pipeline, each: pipeline.counting.journal_size(each).records),
    ),
    Declared(
        "journal_bytes",
        "Bytes in the journal.",
        PARTITION,
        _of_partitions(lambda pipeline, each: pipeline.counting.journal_size(each).size),
    ),
    Declared(
        "remembered_jobs",
        "Jobs remembered, so that they count once.",
        PARTITION,
        _of_partitions(lambda pipeline, each: pipeline.counting.remembered(each)),
    ),
)

EVENT_TO_COUNT = "event_to_count_seconds"
TICK_TO_ALERT = "tick_to_alert_seconds"


class Metrics(Collector):
    """A worker's metrics."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        pipeline = self._health.pipeline
        for each in COUNTERS:
            yield _filled(CounterMetricFamily(PREFIX + each.name, each.says, labels=each.labels), each.read(pipeline))
        for each in GAUGES:
            yield _filled(GaugeMetricFamily(PREFIX + each.name, each.says, labels=each.labels), each.read(pipeline))
        yield self._lag()
        yield self._faults()
        says = "From a record's own timestamp until it is counted and its counts are published."
        yield _histogram(EVENT_TO_COUNT, says, pipeline.counting.waits)
        yield _histogram(TICK_TO_ALERT, "From a tick of event time until its alert is sent.", pipeline.deciding.waits)

    def _lag(self) -> Metric:
        ends = self._health.ends
        lag: dict[tuple[str, ...], float] = {
            (place.topic, str(place.partition)): max(0, ends.get(place, position) - position)
            for place, position in self._health.pipeline.positions().items()
        }
        says = "Records written and not worked on yet, as of a few seconds ago."
        return _filled(GaugeMetricFamily(f"{PREFIX}consumer_lag_records", says, labels=("topic", "partition")), lag)

    def _faults(self) -> Metric:
        found = {fault.name for fault in self._health.faults}
        says = "1 while something is wrong, by the name that /healthz gives it."
        family = GaugeMetricFamily(f"{PREFIX}fault", says, labels=("name",))
        return _filled(family, {(name.value,): name in found for name in Name})


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(name: str, says: str, latencies: Latencies) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, says)
    family.add_metric((), latencies.cumulative(), latencies.seconds)
    return family


def registry(health: Health) -> CollectorRegistry:
    """Return everything a worker tells, the cost of its process included."""
    found = CollectorRegistry()
    found.register(Metrics(health))
    ProcessCollector(registry=found)
    return found
