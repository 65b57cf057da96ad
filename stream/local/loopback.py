"""Ports on this machine's loopback address: which are free, and whether a Kafka answers there."""

import asyncio
import socket

from aiokafka.client import AIOKafkaClient
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
    host, port = bootstrap.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return asyncio.run(_names_a_broker(bootstrap))


async def _names_a_broker(bootstrap: str) -> bool:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        await client.bootstrap()
    except KafkaError:
        return False
    else:
        return bool(client.cluster.brokers())
    finally:
        await client.close()
