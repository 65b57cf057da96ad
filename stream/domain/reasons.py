"""The ordered table that turns an error text into a reason, and the party that each reason points at.

Law: the first row that applies decides, and the last always does. Names are a closed set and the party is a function
of the name, so nothing that counts by reason can grow with what Daily writes.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from stream.domain.error_text import ErrorText


class Party(StrEnum):
    """Who can mend it: the customer whose input it was, Daily, or nobody knows."""

    CUSTOMER = "customer"
    DAILY = "daily"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """One row: applies to a text with one of its wordings, statuses or stages, and with `during` if named."""

    name: str
    party: Party
    says: re.Pattern[str] | None = None
    statuses: Container[int | None] = ()
    stages: Container[str] = ()
    during: re.Pattern[str] | None = None

    def applies(self, error: ErrorText) -> bool:
        """Whether this row gives the reason of an error."""
        if self.during and not self.during.search(error.prose):
            return False
        known = error.http_status in self.statuses or error.root_stage in self.stages
        return known or bool(self.says and self.says.search(error.prose))


def _any_of(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(wordings))


_READING = _any_of(
    r"\bdownload",
    r"\bretriev",
    r"\bfetch(?:ing)?\b(?! failed)",  # Node's "fetch failed" may be any call, not only that for the input
    r"\b(?:get|head) ?object\b",
    r"\b(?:open|read|load|access)(?:ing)? (?:the )?(?:input|source|ur[il])\b",
)
_WRITING = _any_of(
    r"\bupload(?:ing)?\b", r"\b(?:writ|sav|stor)(?:e|ing)\b", r"\bput ?object\b", r"\bcreate ?multipart|\bassume ?role"
)
_REFUSED_BY_STORAGE = (r"access ?denied", r"invalid ?access ?key", r"signature ?does ?not ?match")
_DENIED = (
    *_REFUSED_BY_STORAGE,
    r"forbidden|unauthori[sz]ed|not authori[sz]ed|permission|authentication ?failed",
    r"expired ?token|token (?:has |is )?expired|request has expired",
)
_ABSENT = r"(?:not found|does(?: not|n't) exist)\b"
_INPUT_ABSENT = _any_of(r"no ?such ?key", r"\b(?:recording|input)\b.{0,60}?" + _ABSENT)
_TOO_MANY = _any_of(r"rate[- ]?limit", r"too ?many ?requests", r"throttl", r"slow ?down", r"quota")
_TIMED_OUT = (r"timeout|\btime[ds]?[ -]?out\b", r"etimedout|econnaborted", r"deadline exceeded", r"\baborterror\b")
_UNREACHABLE = (
    *_TIMED_OUT,
    r"econn(?:refused|reset)|enotfound|eai_again|ehostunreach|enetunreach|\bepipe\b|socket hang ?up",
    r"connection (?:refused|reset|closed|error|terminated)|network|unreachable|getaddrinfo|fetch failed",
    r"\b(?:dns|ssl|tls)\b|certificate",
    r"internal (?:server )?error|bad gateway|service (?:is )?(?:temporarily )?unavailable|upstream|overloaded",
)
_BAD_MEDIA = _any_of(
    r"invalid (?:or \w{1,30} )?(?:audio|video|media|file|format|data found)",
    r"unsupported (?:\w{1,30} )?(?:audio|video|media|file|format|codec|container|mime|content)",
    r"not an? (?:valid )?(?:audio|video|media)",
    r"(?:decode|demux|probe|remux) (?:the )?(?:audio|video|media|file|input|stream)",
    r"\bsilen(?:t|ce)\b|no (?:audio|speech|sound)\b|corrupt|moov atom",
    r"(?:empty|zero[- ]length) (?:audio|video|media|file|transcript)",
)
_SERVER_ERRORS = range(500, 600)
# What a language model writes from a transcript shares one reason; the root stage tells them apart.
_WRITTEN_STAGES = ("summary", "soap-notes", "concepts")

DEFAULT_RULES = (
    ReasonRule("unspecified", Party.UNKNOWN, re.compile(r"\A(?:undefined|null|\[object object\])?\Z")),
    ReasonRule("storage_denied", Party.UNKNOWN, _any_of(*_DENIED, r"no ?such ?bucket"), (401, 403), during=_WRITING),
    ReasonRule("input_forbidden", Party.CUSTOMER, _any_of(*_DENIED), (401, 403), during=_READING),
    ReasonRule("input_not_found", Party.CUSTOMER, _any_of(_ABSENT, r"\bgone\b|no such"), (404, 410), during=_READING),
    ReasonRule("input_not_found", Party.CUSTOMER, _INPUT_ABSENT),
    ReasonRule("input_unreachable", Party.CUSTOMER, _any_of(*_UNREACHABLE), _SERVER_ERRORS, during=_READING),
    ReasonRule("invalid_media", Party.CUSTOMER, _BAD_MEDIA, (415,)),
    ReasonRule("rate_limited", Party.DAILY, _TOO_MANY, (429,)),
    ReasonRule("timeout", Party.DAILY, _any_of(*_TIMED_OUT), (408, 504)),
    ReasonRule("storage_denied", Party.UNKNOWN, _any_of(*_REFUSED_BY_STORAGE)),
    ReasonRule("upstream_error", Party.DAILY, _any_of(*_UNREACHABLE), _SERVER_ERRORS),
    ReasonRule("download_failed", Party.DAILY, _READING),
    ReasonRule("transcription_failed", Party.DAILY, stages=("transcript",)),
    ReasonRule("summary_failed", Party.DAILY, stages=_WRITTEN_STAGES),
    ReasonRule("transcription_failed", Party.DAILY, re.compile(r"\btranscri")),
    ReasonRule("summary_failed", Party.DAILY, re.compile(r"\b(?:summar|soap)")),
    ReasonRule("other", Party.UNKNOWN, re.compile("")),
)
