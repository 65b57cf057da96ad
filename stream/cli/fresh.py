"""A fresh start for a demo: an empty folder for our own broker, unused names on anyone else's.

Law: nothing that was there before is read as if it were the demo's, and on a broker that is not ours nothing is
deleted.
"""

import shutil
from pathlib import Path
from secrets import token_hex

from aiokafka.structs import TopicPartition

from stream.cli.output import out_of_reach, say
from stream.cli.reach import administering, reading, sizes_of_topics
from stream.local.failure import BrokerFailed
from stream.local.lock import hold_lock
from stream.settings import Settings
from stream.topics import wanted

NAMES = ("app_id", "events_topic", "rejected_topic", "alerts_topic")
_LOCK = "lock"


def wipe(folder: Path) -> None:
    """Empty an embedded broker's folder; one that is in use ends the command."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with hold_lock(folder, say):
            for entry in folder.iterdir():
                _delete(entry)
    except BrokerFailed as failed:
        raise out_of_reach(str(failed)) from None


def _delete(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    elif entry.name != _LOCK:
        entry.unlink()


async def fresh_names(settings: Settings) -> dict[str, str]:
    """Return the names to use in place of those of the settings; none while theirs are unused. Raises `KafkaError`."""
    async with administering(settings) as admin, reading(settings) as consumer:
        sizes = await sizes_of_topics(admin)
        topics = [topic for topic in wanted(settings) if topic in sizes]
        partitions = [TopicPartition(topic, partition) for topic in topics for partition in range(sizes[topic])]
        ends = await consumer.end_offsets(partitions) if partitions else {}
    if not any(ends.values()):
        return {}
    suffix = f"-demo-{token_hex(3)}"
    return {name: f"{getattr(settings, name)}{suffix}" for name in NAMES}
