"""Tells of each preset alert once.

The broker, the topic and the database of what has been told come from the environment, see below. An alert event may
come again, after a crash of presetwatch or of this program; its id tells. So ids are kept, and an offset is committed
only once its alert has been told: what is cut short comes again, and nothing is passed over.

Needs aiokafka.
"""

import asyncio
import json
import os
import sqlite3
from contextlib import closing, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer

BOOTSTRAP = os.environ.get("PRESETWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:9092")
TOPIC = os.environ.get("PRESETWATCH_ALERTS_TOPIC", "preset-alerts")
GROUP = os.environ.get("GROUP", "tell")
TOLD = os.environ.get("TOLD", "told.db")


def tell(alert: dict[str, Any]) -> None:
    """Say what has happened; put what you want to be done about it here."""
    rate = "no jobs" if alert["error_rate"] is None else f"{alert['error_rate']:.1%} of {alert['total']} jobs failed"
    print(f"{alert['at']} {alert['kind']} {alert['severity']}: {alert['preset']} ({alert['rule']}), {rate}", flush=True)


def tell_once(told: sqlite3.Connection, alert: dict[str, Any]) -> None:
    """Tell of an alert unless it was told already."""
    # If telling fails, the id is not kept. If we die between telling and keeping it, the alert is told twice.
    with told:
        if told.execute("INSERT OR IGNORE INTO told VALUES (?)", (alert["id"],)).rowcount:
            tell(alert)


async def main() -> None:
    """Read alerts for ever."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=BOOTSTRAP, group_id=GROUP, auto_offset_reset="earliest", enable_auto_commit=False
    )
    with closing(sqlite3.connect(TOLD)) as told:
        told.execute("CREATE TABLE IF NOT EXISTS told (id TEXT PRIMARY KEY) WITHOUT ROWID")
        async with consumer:
            async for record in consumer:
                tell_once(told, json.loads(record.value))
                await consumer.commit()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
