"""The Faust app of a worker: everything Faust is told, in one place.

Law: an app is built from settings and the broker's partition count alone, and building it connects to nothing.
"""

from pathlib import Path

import faust
from faust.tables import TableManager
from mode import Seconds
from yarl import URL

from stream.clients import LARGEST_REQUEST, credentials, librdkafka_reader
from stream.reader import Reader
from stream.settings import Settings
from stream.transport import ChunkedTransport, Owner

GATHER_MS = 45
"""What people ask for follows within so much time and a little more, if they have asked a moment ago."""

ANSWERS_TOGETHER = 4
"""Where nobody looks and no tick is due, so many of the broker's answers are worked on at once, which at a thousand
events a second takes little more than half as much of a core."""


class TablesFromTheStart(TableManager):
    """Faust's tables, which are all known before it starts."""

    async def sleep(self, seconds: Seconds) -> None:
        """Wait for no table to be declared late, for which Faust has a worker start a second later."""


def build_app(settings: Settings, partitions: int, owner: Owner) -> faust.App:
    """Return the app of one worker; its owner says where each partition is read from."""
    app = faust.App(
        settings.app_id,
        broker=[f"kafka://{address}" for address in settings.bootstrap.split(",")],
        broker_credentials=credentials(settings),
        # A killed worker's partitions move after ten seconds; Faust's default is a minute.
        broker_session_timeout=10.0,
        # How long members go on without knowing that another has joined, and that one waits.
        broker_heartbeat_interval=1.0,
        broker_request_timeout=30.0,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        # Who leads the group gives out the partitions it knows of, and asks for others only this often.
        consumer_metadata_max_age_ms=10_000,
        producer_max_request_size=LARGEST_REQUEST,
        store="memory://",
        TableManager=TablesFromTheStart,
        datadir=Path(settings.data_dir) / "faust",
        table_standby_replicas=0,
        topic_partitions=partitions,
        topic_replication_factor=settings.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        web_bind=settings.web_host,
        web_host=settings.advertised_host,
        web_port=settings.web_port,
        # Faust's own way of putting it together leaves an IPv6 address without its brackets.
        canonical_url=URL.build(scheme="http", host=settings.advertised_host, port=settings.web_port),
        # Faust's own routes show topics, tables and who has which partition; its /metrics would stand in ours' way.
        web_router_enabled=settings.web_faust,
        web_tables_enabled=settings.web_faust,
        web_graph_enabled=False,
        web_stats_enabled=settings.web_faust,
        web_metrics_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )
    connection = librdkafka_reader(settings)
    readers = [
        Reader(settings.events_topic, connection, GATHER_MS, ANSWERS_TOGETHER),
        Reader(settings.rekeyed_topic, connection, GATHER_MS),
        Reader(settings.tallies_topic, connection),
    ]
    app.transport = ChunkedTransport(app, {reader.topic: reader for reader in readers}, owner)
    return app
