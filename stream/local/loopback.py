"""Ports on this machine's loopback address: which are free, and which Kafka answers there."""

import asyncio
import socket

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

HOST = "127.0.0.1"


def free_port(wanted: int) -> int:
    """Find the first free port from `wanted` on.

    Not one that the system picks: it also gives those to outgoing connections, and a client that keeps trying such a
    port while nothing listens there ends up connected to itself, holding the port.
    """
    return next(port for port in range(wanted, wanted + 1000) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: a port in TIME_WAIT is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(bootstrap: str) -> bool:
    """Whether a Kafka at this address names a broker; it must be called outside a running event loop."""
    return cluster_at(bootstrap) is not None


def cluster_at(bootstrap: str) -> str | None:
    """Return the id of the cluster at this address once it names a broker; call it outside a running event loop."""
    host, port = bootstrap.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return None
    return asyncio.run(_cluster_at(bootstrap))


async def _cluster_at(bootstrap: str) -> str | None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except KafkaError:
        return None
    else:
        return str(cluster["cluster_id"]) if cluster["brokers"] else None
    finally:
        await admin.close()
