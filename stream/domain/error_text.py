"""What Daily's error prose says: parts joined by ": ", outermost first, free words within.

Law: any text is read at once, and the same text always says the same. Only the first 4 KiB and 16 parts are read;
what lies in URLs and ids is never taken for anything else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

MAX_TEXT_CHARS = 4096
MAX_PARTS = 16

STAGES = {
    "transcript": ("transcript", "transcripts", "transcription", "transcribe"),
    "summary": ("summary", "summaries", "summarize", "summarise", "summarization", "summarisation"),
    "soap-notes": ("soap", "soap-note", "soap-notes"),
    "concepts": ("concept", "concepts"),
}
"""Every stage by the names it goes under; any other is `other`, and none at all is the empty string."""

_STAGE_BY_NAME = {name: stage for stage, names in STAGES.items() for name in names}
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,15}://\S*(?<![:,.;)\]])", re.IGNORECASE)
_STACK_TRACE = re.compile(r"\n[ \t]{1,16}at ")
_CLASS_NAME = re.compile(
    r"(?:[A-Za-z_]\w{0,40}\.){0,8}([A-Z]\w{0,60}(?:Error|Exception)|(?:[A-Z][a-z0-9]{1,30}){2,8})",
)
_HTTP_STATUS = re.compile(
    # told to be one: status code 404, "statusCode":404, HTTP/1.1 404, returned a 404
    r"\b(?:\w{0,20}(?:code|status|error)|https?(?:/[\d.]{1,3})?|response"
    r"|(?:returned|received|got|responded with|failed with)(?: an?)?)"
    r"[\"'\s:=(\[]{1,4}([45]\d\d)(?![\w-]|\.\w|\s?(?:ms|s|sec|seconds|[kmg]b|k?hz|fps)\b)"
    # with its phrase: 404 Not Found
    r"|(?<![\w./:=-])([45]\d\d)[\"')\]\s:,-]{1,4}(?:(?:client|server|http) error|forbidden|unauthori[sz]ed|not found"
    r"|gone|bad (?:request|gateway)|too many|internal|service|gateway|request|conflict|payload|unsupported"
    r"|unprocessable|payment|method|slow down|precondition|access)"
    # in brackets, or with nothing else in its part
    r"|[(\[]([45]\d\d)[)\]]|^\W{0,3}(?P<alone>[45]\d\d)\W{0,3}$",
    re.IGNORECASE,
)
_NAMES_A_NUMBER = re.compile(r"\b(?:id|key|number|line|port|count|size|length|offset)\W{0,3}$", re.IGNORECASE)
_VARYING = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:z|[+-]\d\d:?\d\d)?)?"  # times
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?"  # addresses
    r"|\b(?=[a-z_-]{0,40}\d)[\w-]{16,}|\b(?=[a-f]{0,40}\d)[0-9a-f]{8,}(?!\w)"  # ids
    r"|\d{4,}(?:\.\d+)?"
)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One text, read: `prose` is all of it in lower case without URLs; empty strings and None where it says nothing."""

    prose: str
    stage: str
    root_stage: str
    exception: str
    http_status: int | None
    fingerprint: str


def read_error_text(text: str) -> ErrorText:
    """Return what an error text says."""
    parts = _split(text[:MAX_TEXT_CHARS])
    stages = [stage for part in parts if (stage := _stage(part))] or [""]
    classes = [found[1] for part in parts if (found := _CLASS_NAME.fullmatch(part))] or [""]
    prose = " ".join(": ".join(parts).lower().split())
    return ErrorText(prose, stages[0], stages[-1], classes[-1], _http_status(parts), _fingerprint(parts))


def _split(text: str) -> list[str]:
    told = _STACK_TRACE.split(text, maxsplit=1)[0]
    parts = re.split(r":\s+", _URL.sub("<url>", told), maxsplit=MAX_PARTS - 1)
    stripped = (part.strip(" \t\r\n:") for part in parts)
    return [part for part in stripped if part and part.lower() != "error"]


def _stage(part: str) -> str:
    before, found, _ = part.lower().partition(" job failed")
    words = before.removesuffix(" generation").split()[-2:]
    if not found or not words:
        return ""
    return _STAGE_BY_NAME.get("-".join(words)) or _STAGE_BY_NAME.get(words[-1], "other")


def _http_status(parts: Sequence[str]) -> int | None:
    found = _HTTP_STATUS.search(parts[-1]) if parts else None
    if not found or (found["alone"] and _NAMES_A_NUMBER.search(parts[-2] if len(parts) > 1 else "")):
        return None
    return int(found[found.lastindex or 0])


def _fingerprint(parts: Sequence[str]) -> str:
    innermost = _VARYING.sub("#", ": ".join(parts[-2:]).lower())
    told = " ".join(innermost.split()).encode("utf-8", "replace")
    return blake2b(told, digest_size=6).hexdigest()
