r"""Bytes to the JSON object they hold.

Law: total and bounded. Any bytes give an object or the reason why there is none, and every string in the object can be
written as UTF-8 again. What JavaScript may send and strict parsers refuse is read: half an emoji as `\ud83d`, a byte
order mark, NaN.
"""

import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from schemas.rejected import RejectedReason
from stream.domain.redaction import redact

MAX_BYTES = 16 * 2**20
"""Far above what a broker takes by default (1 MiB), and still read within a fraction of a second."""

MAX_DETAIL_CHARS = 200

JsonObject = dict[str, Any]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Steps over whole pairs and over every other escape (a backslash may be one), so that only lone halves are left.
_LONE_SURROGATE = re.compile(
    rb"\\(?:(?P<sound>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[^u])|u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_KINDS = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that its sender got wrong; `detail` is one short sentence without credentials."""

    reason: RejectedReason
    detail: str


def reject(reason: RejectedReason, detail: str) -> Rejected:
    """Return a rejection whose detail is fit to leave the raw topic."""
    return Rejected(reason, redact(detail)[:MAX_DETAIL_CHARS])


def decode(value: bytes) -> JsonObject | Rejected:
    """Return the object that `value` holds; of equal names the last counts."""
    if len(value) > MAX_BYTES:
        return reject(RejectedReason.TOO_LARGE, f"{len(value)} bytes, and no more than {MAX_BYTES} are read")
    try:
        return _object(from_json(value))
    except ValueError:
        return _decode_leniently(value)


def _decode_leniently(value: bytes) -> JsonObject | Rejected:
    text = value.removeprefix(_BYTE_ORDER_MARK).strip()
    if not text:
        return reject(RejectedReason.EMPTY, "nothing but white space")
    try:
        return _object(from_json(_LONE_SURROGATE.sub(_mend, text)))
    except ValueError as error:
        reason = RejectedReason.TOO_DEEP if "recursion limit" in str(error) else RejectedReason.NOT_JSON
        return reject(reason, f"not readable as JSON: {error}")


def _mend(escape: re.Match[bytes]) -> bytes:
    return escape[0] if escape["sound"] else rb"\ufffd"


def _object(tree: object) -> JsonObject | Rejected:
    if isinstance(tree, dict):
        return tree
    return reject(RejectedReason.NOT_AN_OBJECT, f"{_KINDS[type(tree)]} where an object belongs")
