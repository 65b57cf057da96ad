"""Everything else that shares the topic in practice: Daily's other event types, its ping, and junk.

Law: other types never stop, and their ids are drawn so that the partitions of a topic (of 1, 2, 4 or 8) take turns:
each partition's clock moves on every few seconds even while the batch webhook is silent.
"""

from random import Random

from stream.domain.routing import partition_of
from stream.local.draws import Weighted, draw_between, draw_id, pick, pick_any
from stream.local.payloads import Payload, draw_batch_event, draw_job, encode

PING = b'{"test":"test"}'
_TURNS = 8
_ROOMS = ("standup", "clinic-4", "clinic-7", "sales-demo", "all-hands")
_TYPES: Weighted[str] = (
    (30, "participant.joined"),
    (30, "participant.left"),
    (10, "meeting.started"),
    (10, "meeting.ended"),
    (6, "recording.started"),
    (6, "recording.ready-to-download"),
    (2, "recording.error"),
    (3, "transcript.started"),
    (3, "transcript.ready-to-download"),
    (2, "transcript.error"),
    (2, "streaming.started"),
    (1, "streaming.error"),
    (2, "dialin.connected"),
    (1, "dialout.answered"),
)


def draw_other_event(rng: Random, turn: int, sent_at_ms: int) -> bytes:
    """Draw the body of an event that is none of the batch processor's, for the partition whose turn it is."""
    kind = pick(rng, _TYPES)
    seconds = sent_at_ms / 1000
    payload = _draw_payload(rng, kind, seconds)
    envelope_id = _draw_id_for(rng, turn % _TURNS)
    return encode({"version": "1.0.0", "type": kind, "id": envelope_id, "payload": payload, "event_ts": seconds})


def draw_junk(rng: Random, sent_at_ms: int) -> bytes:
    """Draw bytes that are no webhook body: empty, not JSON, not an object, cut short, or binary."""
    whole = draw_batch_event(rng, draw_job(rng, "transcript", failed=False, fault=None), sent_at_ms)
    cut = whole[: draw_between(rng, 20, len(whole) - 1)]
    binary = rng.getrandbits(8 * 48).to_bytes(48, "big")
    return pick_any(rng, (b"", b"{not json", b"[]", cut, binary))


def _draw_id_for(rng: Random, partition: int) -> str:
    while True:
        envelope_id = draw_id(rng)
        if partition_of(envelope_id.encode(), b"", _TURNS) == partition:
            return envelope_id


def _draw_payload(rng: Random, kind: str, seconds: float) -> Payload:
    room = pick_any(rng, _ROOMS)
    subject, _, event = kind.partition(".")
    if event == "error":
        return {"id": draw_id(rng), "room": room, "error": f"{subject} failed: 500 Internal Server Error"}
    if subject == "participant":
        return {"room": room, "session_id": draw_id(rng), "user_id": draw_id(rng), "joined_at": seconds, "owner": False}
    if subject == "meeting":
        return {"room": room, "meeting_id": draw_id(rng), "start_ts": seconds}
    if kind == "recording.ready-to-download":
        return {"room_name": room, "recording_id": draw_id(rng), "status": "finished", "duration": 1800}
    return {"id": draw_id(rng), "room": room}
