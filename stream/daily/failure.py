"""How Daily can fail us, and whose turn it is then.

Law: each failure is one sentence that a person can act on, and none holds a secret.
"""

from collections.abc import Iterable

from stream.domain.redaction import redact

MAX_WORDS_CHARS = 200
_MARK = "***"


class DailyFailed(Exception):
    """Daily did not do what it was asked; the message is a sentence for a person."""


class Refused(DailyFailed):
    """Daily will not do it, however often it is asked."""


class KeyRefused(Refused):
    """Daily does not accept the key."""


class NotFound(Refused):
    """There is no such thing."""


class OutOfReach(DailyFailed):
    """Daily may do it another time.

    `wait_seconds` is how long Daily asks to wait, None if it does not say. `is_undone` tells that nothing was done;
    otherwise nobody knows.
    """

    def __init__(self, sentence: str, *, wait_seconds: float | None = None, is_undone: bool = False) -> None:
        super().__init__(sentence)
        self.wait_seconds = wait_seconds
        self.is_undone = is_undone


def words_of(document: object, secrets: Iterable[str]) -> str:
    """Return what Daily says about an error, as it may be shown."""
    if not isinstance(document, dict):
        return ""
    said = [document[name] for name in ("error", "info") if isinstance(document.get(name), str)]
    return without(secrets, redact(": ".join(said)))[:MAX_WORDS_CHARS]


def without(secrets: Iterable[str], text: str) -> str:
    """Return a text without any of the secrets."""
    for secret in secrets:
        text = text.replace(secret, _MARK) if secret else text
    return text
