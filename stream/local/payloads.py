"""The bodies Daily posts for batch jobs, as its documentation and its receivers show them.

Law: healthy oddities only (times in milliseconds or as text, a missing preset, an unknown version): what a careful
reader of the topic must live with, never an absurd time.
"""

import json
from random import Random

from stream.local.draws import Weighted, draw_id, pick, pick_any
from stream.local.error_texts import draw_error
from stream.local.incidents import Kind

Payload = dict[str, object]

PRESETS: Weighted[str] = ((45, "transcript"), (28, "summarize"), (21, "soap-notes"), (6, "action-items"))
_BUCKET: Payload = {"bucket": "acme-recordings", "region": "us-west-2"}
_MEDIA_SOURCES: Weighted[str] = ((5, "uri"), (4, "recordingId"))
_ALL_SOURCES: Weighted[str] = (*_MEDIA_SOURCES, (2, "transcriptUri"))
_LANGUAGES: Weighted[str] = ((5, ""), (8, "en"), (1, "de"), (1, "es"))
_VERSIONS: Weighted[str] = ((600, "1.0.0"), (397, "1.1.0"), (3, "2.0.0"))
_TIME_FORMS: Weighted[str] = ((96, "seconds"), (2, "milliseconds"), (2, "text"))
_UNSPECIFIED: tuple[object, ...] = (None, "")
_EVENT_NAMES = {"finished": ("batch-processor.job-finished", "bp-jf"), "error": ("batch-processor.error", "bp-je")}


def encode(body: object) -> bytes:
    """Encode a body as it goes over the wire."""
    return json.dumps(body, separators=(",", ":")).encode()


def draw_job(rng: Random, preset: str, *, failed: bool, fault: Kind | None) -> Payload:
    """Draw the payload that reports the end of a new job; a few lack their preset."""
    outcome = _draw_failure(rng, preset, fault) if failed else _draw_success(rng, preset)
    if rng.random() < 0.003:
        del outcome["preset"]
    return outcome


def draw_batch_event(rng: Random, job: Payload, sent_at_ms: int, envelope_id: str = "") -> bytes:
    """Write the webhook body about a job, under Daily's documented envelope id or another webhook configuration's."""
    kind, prefix = _EVENT_NAMES[str(job["status"])]
    return encode(
        {
            "version": pick(rng, _VERSIONS),
            "type": kind,
            "id": envelope_id or f"{prefix}-{job['id']}",
            "payload": job,
            "event_ts": _draw_time(rng, sent_at_ms),
        }
    )


def _draw_time(rng: Random, sent_at_ms: int) -> object:
    form = pick(rng, _TIME_FORMS)
    if form == "milliseconds":
        return sent_at_ms
    return sent_at_ms / 1000 if form == "seconds" else str(sent_at_ms / 1000)


def _draw_success(rng: Random, preset: str) -> Payload:
    job = draw_id(rng)
    source = pick(rng, _MEDIA_SOURCES if preset == "transcript" else _ALL_SOURCES)
    given = _draw_input(rng, source)
    return {"id": job, "preset": preset, "status": "finished", "input": given, "output": _list_output(preset, job)}


def _draw_failure(rng: Random, preset: str, fault: Kind | None) -> Payload:
    reason, text = draw_error(rng, preset, fault)
    given = _draw_input(rng, "uri" if reason.startswith("input_") else pick(rng, _MEDIA_SOURCES))
    job: Payload = {"id": draw_id(rng), "preset": preset, "status": "error", "input": given}
    if rng.random() < 0.5:
        job["output"] = {}
    job["error"] = text or pick_any(rng, _UNSPECIFIED)
    if reason == "other" and rng.random() < 0.3:
        job["error"] = {"message": "Invalid job state", "retryable": False}
    if reason == "unspecified" and rng.random() < 0.3:
        del job["error"]
    return job


def _draw_input(rng: Random, source: str) -> Payload:
    name = draw_id(rng)
    address = f"https://media.customer.example/{name}"
    values = {
        "uri": f"{address}.mp4?X-Amz-Expires=3600&X-Amz-Signature={rng.getrandbits(128):032x}",
        "transcriptUri": f"{address}.txt",
        "recordingId": name,
    }
    given: Payload = {"sourceType": source, source: values[source]}
    language = pick(rng, _LANGUAGES)
    return given | {"language": language} if language else given


def _list_output(preset: str, job: str) -> Payload:
    if preset == "transcript":
        return {"transcription": [_store("transcript", job, extension) for extension in ("txt", "srt", "vtt", "json")]}
    section = {"summarize": "summary", "soap-notes": "soap"}.get(preset, "concept")
    return {section: _store(section, job, "txt")}


def _store(section: str, job: str, extension: str) -> Payload:
    return {"format": extension, "s3Config": {**_BUCKET, "key": f"{section}/{job}.{extension}"}}
