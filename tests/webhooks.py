"""Webhook bodies as Daily sends them, and the Kafka records they come in, made from what a test is about."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import new as new_hmac
from typing import Any

from stream.domain.replay import Replayed

T0_MS = 1_767_603_600_000
"""2026-01-05T09:00:00Z: the start of an hour, and so of a pane of any length."""

FORBIDDEN = "Error: Failed to download: 403 Forbidden"
"""An error of the customer's: `input_forbidden`."""
TIMEOUT = "Summary generation job failed: Error: request timed out"
"""An error of Daily's: `timeout`."""
STRANGE = "the hamster has left its wheel"
"""An error of nobody knows whom: `other`."""


def body(job: str, preset: str, at_ms: int, error: str | None = None, source: str = "uri") -> bytes:
    """Return the body that tells of a job's end: failed with an error, finished without one."""
    kind = "job-finished" if error is None else "error"
    payload: dict[str, Any] = {"id": job, "preset": preset, "status": "finished" if error is None else "error"}
    payload |= {"input": {"sourceType": source, source: "https://example.com/a.mp4"}, "output": {}}
    payload |= {} if error is None else {"error": error}
    return _event(f"batch-processor.{kind}", f"bp-{job}", payload, at_ms)


def meeting(at_ms: int) -> bytes:
    """Return an event that is none of our business but for its time."""
    return _event("meeting.started", f"m-{at_ms}", {"room": "lobby"}, at_ms)


def _event(kind: str, envelope: str, payload: dict[str, Any], at_ms: int) -> bytes:
    event = {"version": "1.0.0", "type": kind, "id": envelope, "payload": payload, "event_ts": at_ms / 1000}
    return json.dumps(event).encode()


def log_of(values: Iterable[tuple[int, bytes | None]], partition: int = 0) -> list[Replayed]:
    """Return one partition's records, from (Kafka timestamp, value)."""
    return [Replayed(partition, offset, at_ms, None, value) for offset, (at_ms, value) in enumerate(values)]


SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""Of the vector that Daily's receivers agree on."""
OTHER_SECRET = b64encode(b"another secret, not Daily's").decode()

Headers = dict[str, str]


def signed(body: bytes, secret: str = SECRET, timestamp: str | None = None) -> Headers:
    """Return the headers of a body as Daily signs it; made apart from the code that checks them."""
    at = str(time.time_ns() // 10**6) if timestamp is None else timestamp
    digest = new_hmac(b64decode(secret), at.encode() + b"." + body, sha256).digest()
    return {"X-Webhook-Timestamp": at, "X-Webhook-Signature": b64encode(digest).decode()}


def _with_signature(body: bytes, change: Callable[[str, bytes], str]) -> Headers:
    right = signed(body)
    return {**right, "X-Webhook-Signature": change(right["X-Webhook-Timestamp"], body)}


def _hex(at: str, body: bytes) -> str:
    return new_hmac(b64decode(SECRET), at.encode() + b"." + body, sha256).hexdigest()


def _with_the_secret_undecoded(at: str, body: bytes) -> str:
    return b64encode(new_hmac(SECRET.encode(), at.encode() + b"." + body, sha256).digest()).decode()


def _of_the_body_alone(_: str, body: bytes) -> str:
    return b64encode(new_hmac(b64decode(SECRET), body, sha256).digest()).decode()


WRONGLY_SIGNED: dict[str, Callable[[bytes], Headers]] = {
    "not at all": lambda _: {},
    "without a timestamp": lambda body: {"X-Webhook-Signature": signed(body)["X-Webhook-Signature"]},
    "without a signature": lambda body: {"X-Webhook-Timestamp": signed(body)["X-Webhook-Timestamp"]},
    "with another secret": lambda body: signed(body, OTHER_SECRET),
    "with the secret undecoded": lambda body: _with_signature(body, _with_the_secret_undecoded),
    "in hexadecimal": lambda body: _with_signature(body, _hex),
    "with a prefix": lambda body: _with_signature(body, lambda at, each: "sha256=" + _right(at, each)),
    "cut short": lambda body: _with_signature(body, lambda at, each: _right(at, each)[:-1]),
    "with letters beyond ASCII": lambda body: _with_signature(body, lambda at, each: _right(at, each) + "\udcff"),
    "over the body alone": lambda body: _with_signature(body, _of_the_body_alone),
    "over another body": lambda body: signed(body + b" "),
    "at another time": lambda body: signed(body) | {"X-Webhook-Timestamp": str(time.time_ns() // 10**6 - 1_000)},
    "too long ago": lambda body: signed(body, timestamp="1711402402539"),
    "in the far future": lambda body: signed(body, timestamp="4102444800"),
    "at no time": lambda body: signed(body, timestamp="yesterday"),
}
"""Every mistake that receivers of Daily's webhooks trip over, and forgeries."""


def _right(at: str, body: bytes) -> str:
    return signed(body, timestamp=at)["X-Webhook-Signature"]
