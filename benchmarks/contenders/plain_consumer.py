"""A hand-written consumer: confluent-kafka, a JSON decoder of choice, a dictionary. No deduplication, no changelog, no
recovery: what is left of the job when all that is hard about it is left out.
"""

import json
import os
import sys
import time
from typing import Any

import msgspec
import orjson
from confluent_kafka import Consumer, Producer

from benchmarks.events import WINDOW_MS


class Payload(msgspec.Struct):
    preset: str


class Body(msgspec.Struct):
    type: str
    payload: Payload
    event_ts: float


DECODERS: dict[str, Any] = {
    "msgspec": msgspec.json.Decoder(Body).decode,
    "orjson": lambda value: msgspec.convert(orjson.loads(value), Body),
}


def main() -> None:
    decode, wanted = DECODERS[sys.argv[1]], int(os.environ["EVENTS"])
    bootstrap = {"bootstrap.servers": os.environ["BOOTSTRAP"]}
    consumer = Consumer(
        {
            **bootstrap,
            "group.id": os.environ["RUN"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,
        }
    )
    producer = Producer({**bootstrap, "linger.ms": 5})
    consumer.subscribe([os.environ["EVENTS_TOPIC"]])
    counts: dict[tuple[str, int, int], list[int]] = {}
    dirty: set[tuple[str, int, int]] = set()
    done, flushed_at = 0, time.monotonic()
    while done < wanted:
        messages = [message for message in consumer.consume(5_000, 0.2) if not message.error()]
        if messages and not done:
            print("FIRST", flush=True)
        for message in messages:
            event = decode(message.value())
            key = event.payload.preset, int(event.event_ts * 1000) // WINDOW_MS * WINDOW_MS, message.partition()
            counts.setdefault(key, [0, 0])[event.type == "batch-processor.error"] += 1
            dirty.add(key)
        done += len(messages)
        if time.monotonic() - flushed_at > 1 or done >= wanted:
            flush(producer, {key: counts[key] for key in dirty})
            consumer.commit(asynchronous=True)
            dirty.clear()
            flushed_at = time.monotonic()
    print("LAST", flush=True)
    consumer.close()


def flush(producer: Producer, changed: dict[tuple[str, int, int], list[int]]) -> None:
    for (preset, start, partition), (finished, error) in changed.items():
        said = {"preset": preset, "window_start": start, "partition": partition, "finished": finished, "error": error}
        producer.produce(os.environ["OUT_TOPIC"], json.dumps(said), f"{preset}|{start}|{partition}")
    producer.flush()


if __name__ == "__main__":
    main()
