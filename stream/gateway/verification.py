"""Whether a webhook comes from Daily: its signature over the raw bytes, its age, and the credentials it carries.

Law: pure, total on any headers and bytes, and what is secret is compared in constant time. The signature covers the
timestamp header as it was received, a full stop and the body; only for its age is the timestamp read as a number.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.times import read_time
from stream.gateway.outcomes import Outcome

TIMESTAMP_HEADER = "X-Webhook-Timestamp"
SIGNATURE_HEADER = "X-Webhook-Signature"

PING_BYTES = 256
"""The longest body that can be the ping, which is `{"test":"test"}`, and so the longest that is read unsigned."""

MOST_OF_A_TIME = 40
"""More bytes than a time has."""

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,9})?")
_UNITS_A_MS = ((1e11, 1e-3), (1e14, 1.0), (1e17, 1e3))
"""Below each bound, how many of the unit make a millisecond: seconds, milliseconds, microseconds."""
_NANOSECONDS_A_MS = 1e6


@dataclass(frozen=True, slots=True)
class Claims:
    """What a request's headers say of where it comes from, as received; "" for one that is not there."""

    timestamp: str = ""
    signature: str = ""
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Tells Daily from everyone else."""

    keys: tuple[bytes, ...]
    """Any of them may have signed, so that a secret can be replaced with none in between; none: nothing is signed."""
    credentials: str | None = None
    """The `basicAuth` of the webhook, which must then be sent as well."""
    tolerance_ms: int = 0
    """How old, or ahead, a signature may be; 0 for any age."""

    def doubt(self, claims: Claims, now_ms: int) -> Outcome | None:
        """Say what is wrong with a request by its headers alone; None when that depends on the body."""
        if self.credentials is not None and not self._knows(claims.authorization):
            return Outcome.WRONG_CREDENTIALS
        if not self.keys:
            return None
        if not (claims.timestamp and claims.signature):
            return Outcome.UNSIGNED
        return self._doubt_age(claims.timestamp, now_ms)

    def has_signed(self, claims: Claims, body: bytes) -> bool:
        """Tell whether the body is signed with one of the keys, or need not be."""
        if not self.keys:
            return True
        if _could_go_on(claims.timestamp, body):
            return False
        # aiohttp keeps what is no UTF-8 in a header as surrogates.
        given = claims.signature.encode(errors="surrogateescape")
        signed = _signed(claims.timestamp, body)
        return any(hmac.compare_digest(_signature(key, signed), given) for key in self.keys)

    def _knows(self, authorization: str) -> bool:
        assert self.credentials is not None
        scheme, _, given = authorization.encode(errors="surrogateescape").partition(b" ")
        plain = self.credentials.encode()
        # Daily sends what it was given; a `user:password` may have been meant to be encoded on the way.
        known = [hmac.compare_digest(each, given.strip()) for each in (plain, b64encode(plain))]
        return scheme.lower() == b"basic" and any(known)

    def _doubt_age(self, timestamp: str, now_ms: int) -> Outcome | None:
        if not self.tolerance_ms:
            return None
        at_ms = read_timestamp(timestamp)
        if at_ms is None:
            return Outcome.UNDATED
        return Outcome.STALE if abs(now_ms - at_ms) > self.tolerance_ms else None


def _could_go_on(timestamp: str, body: bytes) -> bool:
    """Tell whether a body may begin with the rest of the time that was signed, which can hold a full stop itself."""
    rest, stop, _ = body[:MOST_OF_A_TIME].partition(b".")
    return bool(stop) and read_timestamp(f"{timestamp}.{rest.decode(errors='replace')}") is not None


def sign(key: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature as Daily makes it: base64 of HMAC-SHA256 over the timestamp, a full stop and the body."""
    return _signature(key, _signed(timestamp, body)).decode()


def _signed(timestamp: str, body: bytes) -> bytes:
    return timestamp.encode(errors="surrogateescape") + b"." + body


def _signature(key: bytes, signed: bytes) -> bytes:
    return b64encode(hmac.digest(key, signed, "sha256"))


def read_timestamp(text: str) -> int | None:
    """Return epoch milliseconds of a timestamp in any unit, or ISO 8601; None for what is no time."""
    if _NUMBER.fullmatch(text):
        return _in_ms(float(text))
    try:
        return read_time(text)
    except (ValueError, OverflowError):
        return None


def _in_ms(number: float) -> int:
    a_ms = next((each for bound, each in _UNITS_A_MS if number < bound), _NANOSECONDS_A_MS)
    return round(number / a_ms)


def read_keys(secrets: str) -> tuple[bytes, ...]:
    """Return the keys of comma-separated secrets as Daily gives them; raises `ValueError`, which holds no secret."""
    return tuple(_read_key(number, text.strip()) for number, text in enumerate(secrets.split(","), 1))


def _read_key(number: int, text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError(f"secret {number} is not base64")
    return key


def is_ping(body: bytes) -> bool:
    """Tell whether this is what Daily posts when a webhook is made or re-activated."""
    if len(body) > PING_BYTES:
        return False
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.keys() == _PING


_PING: Iterable[str] = {"test"}
