"""What failed jobs of the demo say went wrong: Daily's nested prose, with at least one text for every reason.

Law: a text is made of Daily's documented pieces joined by ": "; a fault gives only causes that fit it, so a customer's
forbidden downloads and an outage at Daily stay tellable apart.
"""

from random import Random

from stream.local.draws import Weighted, draw_id, pick, pick_any
from stream.local.incidents import Kind

CAUSES: dict[str, tuple[str, ...]] = {
    "input_forbidden": ("Error: Failed to download: 403 Forbidden", "Error: Failed to download: 401 Unauthorized"),
    "input_not_found": ("Error: Failed to download: 404 Not Found", "Error: Failed to download: 410 Gone"),
    "input_unreachable": (
        "Error: Failed to download: 503 Service Unavailable",
        "Error: Failed to download: getaddrinfo ENOTFOUND media.customer.example",
        "Error: Failed to download: connect ECONNREFUSED 203.0.113.7:443",
    ),
    "invalid_media": (
        "Error: Failed to transcribe. May be invalid audio or silent file",
        "Error: Unsupported media format",
    ),
    "rate_limited": ("Error: Request failed with status code 429", "Error: Rate limit exceeded"),
    "timeout": ("TimeoutError: Job timed out after 3600 seconds",),
    "storage_denied": ("Error: Failed to upload output to s3: AccessDenied: Access Denied",),
    "upstream_error": ("Error: Request failed with status code 503", "UpstreamError: 502 Bad Gateway"),
    "download_failed": ("Error: Failed to download",),
    "transcription_failed": ("Error: Failed to transcribe",),
    "summary_failed": ("Error: Failed to summarize",),
    "unspecified": ("",),
    "other": ("Error: Unexpected end of JSON input", "Error: Invalid job state"),
}
_STAGES = {
    "transcript": "Transcript generation job failed: BatchProcessorTranscriptError",
    "summarize": "Summary generation job failed: BatchProcessorSummaryError",
    "soap-notes": "SOAP notes generation job failed: BatchProcessorSoapError",
}
_OTHER_STAGE = "Job failed: BatchProcessorError"
# What is built on a transcript reports the transcript's failure inside its own, as in Daily's documented example.
_TRANSCRIPT_STAGE = "BatchProcessorTranscriptError: transcript job failed"
_TRANSCRIPT_REASONS = frozenset(
    (
        "input_forbidden",
        "input_not_found",
        "input_unreachable",
        "invalid_media",
        "download_failed",
        "transcription_failed",
    )
)
_STAGELESS = frozenset(("unspecified", "other"))
_EVERY_DAY: Weighted[str] = tuple((3 if reason in _TRANSCRIPT_REASONS else 2, reason) for reason in CAUSES)
_WORSENING: Weighted[str] = ((4, "timeout"), (3, "upstream_error"), (2, "rate_limited"), (1, "transcription_failed"))


def draw_error(rng: Random, preset: str, fault: Kind | None) -> tuple[str, str]:
    """Draw the reason and the text of a failure that this fault (None: a good day) brings; "" for `unspecified`."""
    reason = _draw_reason(rng, preset, fault)
    cause = CAUSES[reason][0] if fault == "customer_burst" else pick_any(rng, CAUSES[reason])
    if reason in _STAGELESS or rng.random() < 0.1:
        return reason, cause
    return reason, f"{_name_stage(preset, reason)}: {_add_address(rng, cause)}"


def _draw_reason(rng: Random, preset: str, fault: Kind | None) -> str:
    if fault == "outage":
        return "upstream_error"
    if fault == "customer_burst":
        return "input_forbidden"
    reason = pick(rng, _EVERY_DAY if fault is None else _WORSENING)
    return "transcription_failed" if (preset, reason) == ("transcript", "summary_failed") else reason


def _name_stage(preset: str, reason: str) -> str:
    stage = _STAGES.get(preset, _OTHER_STAGE)
    if reason not in _TRANSCRIPT_REASONS or preset == "transcript":
        return stage
    return f"{stage.partition(': ')[0]}: {_TRANSCRIPT_STAGE}"


def _add_address(rng: Random, cause: str) -> str:
    """Quote the address that failed in some texts, with the presigned query that must never reach an alert."""
    if not cause.startswith("Error: Failed to download: 4") or rng.random() < 0.8:
        return cause
    address = f"https://media.customer.example/{draw_id(rng)}.mp4?X-Amz-Signature={rng.getrandbits(64):016x}"
    return cause.replace("download:", f"download {address}:")
