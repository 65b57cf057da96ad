"""Taking credentials out of text that leaves the raw topic.

Law: redacting twice changes nothing more, the result is never longer than the text, and no query string, user info,
token or key that is marked as one survives. It would rather take too much than too little.
"""

import re

MAX_CHARS = 4096
"""How much of a text is looked at and kept; Daily's own are below 200 characters."""

# As long as the shortest secret that is looked for, so redacted text never grows past the cap.
_MARK = "***"

_NAMES = (
    r"secret|token|passw(?:or)?d|pwd|api[_-]?key|access[_-]?key|private[_-]?key|key-pair-id"
    r"|signature|\bsig(?![a-z])|credential|hmac"
)
_ASSIGNED = r"[\w-]{0,40}[\"']?\s{0,3}(?:[:=]|%3D)\s{0,3}[\"']?"
_MARKED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(authorization[\"']?\s{0,3}[:=]\s{0,3})[^\r\n]{3,}",
        r"(\b(?:bearer|basic)\s{1,3})[\w.~+/=-]{3,}",
        r"(://|%3A%2F%2F)[^\s/?#\"<>]{3,}(?=@|%40)",  # user:password@host
        r"(\?|%3F|(?<=\S)#)[^\s\"<>]{3,}",  # a query or fragment, also of a URL quoted in a URL
        rf"((?:{_NAMES}){_ASSIGNED})[^\s\"'&,;<>{{}}\[\]()]{{3,}}",
    )
)
_KNOWN_SHAPES = re.compile(
    r"A(?:KI|SI|RO|ID)A[A-Z0-9]{12,}"  # AWS access key ids
    r"|AIza[\w-]{30,}|ya29\.[\w.-]{10,}"  # Google
    r"|gh[pousr]_\w{20,}|xox[a-z]-[\w-]{10,}|sk[-_][\w-]{16,}"  # GitHub, Slack, OpenAI and Stripe
    r"|eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"  # JSON web tokens
)


def redact(text: str) -> str:
    """Return the first 4,096 characters without query strings and credentials."""
    before, after = "", text[:MAX_CHARS]
    # Taking one secret out can uncover another; every round that changes anything leaves fewer characters to take.
    while after != before:
        before, after = after, _redact_once(after)
    return after


def _redact_once(text: str) -> str:
    text = _KNOWN_SHAPES.sub(_MARK, text)
    for pattern in _MARKED:
        text = pattern.sub(rf"\1{_MARK}", text)
    return text
