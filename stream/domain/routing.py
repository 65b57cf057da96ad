"""Which Kafka key a webhook body gets, and which partition that key means.

Law: both are functions of the bytes alone, total on any bytes, so that a replay of a file splits it over partitions
exactly as the producer did. A key is short whatever the bytes, so that a body which a topic takes fits with its key: an
id of more than 200 characters goes by its beginning and a digest, as the job does when it is counted. The hash is
murmur2 as in Kafka's Java client, whose choice other producers share.
"""

import json
from collections.abc import Mapping
from struct import iter_unpack

from stream.domain.naming import bounded_name

BATCH_PREFIX = "batch-processor."
_MASK = 0xFFFFFFFF
MURMUR_MIX = 0x5BD1E995  # Kafka's org.apache.kafka.common.utils.Utils.murmur2, as is the seed
MURMUR_SEED = 0x9747B28C


def record_key(value: bytes) -> bytes | None:
    """Give the job id of a batch event, else the envelope's own id, else None; never raises."""
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, Mapping):
        return None
    return _job_key(body) or text_key(body.get("id"))


def partition_of(key: bytes | None, value: bytes, partitions: int) -> int:
    """Say where, from 0, Kafka's default partitioner puts the key; a record without a key goes by its value."""
    return (murmur2(value if key is None else key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Compute the unsigned 32-bit murmur2 of the bytes, as Kafka does."""
    whole = len(data) & ~3
    digest = MURMUR_SEED ^ len(data)
    for (word,) in iter_unpack("<I", data[:whole]):
        mixed = word * MURMUR_MIX & _MASK
        mixed = (mixed ^ mixed >> 24) * MURMUR_MIX & _MASK
        digest = digest * MURMUR_MIX & _MASK ^ mixed
    if rest := data[whole:]:
        digest = (digest ^ int.from_bytes(rest, "little")) * MURMUR_MIX & _MASK
    digest = (digest ^ digest >> 13) * MURMUR_MIX & _MASK
    return digest ^ digest >> 15


def _job_key(body: Mapping[str, object]) -> bytes | None:
    kind, payload = body.get("type"), body.get("payload")
    if not (isinstance(kind, str) and kind.startswith(BATCH_PREFIX) and isinstance(payload, Mapping)):
        return None
    job = payload.get("id")
    is_number = isinstance(job, int) and not isinstance(job, bool)
    return text_key(str(job) if is_number else job)


def text_key(text: object) -> bytes | None:
    """Return an id as a key, None if it is none."""
    if not isinstance(text, str) or not text:
        return None
    # JSON can spell half of a surrogate pair, which UTF-8 cannot: the escape keeps such an id distinct.
    return bounded_name(text).encode(errors="backslashreplace")
