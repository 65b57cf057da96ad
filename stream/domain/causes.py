"""Why a job failed: the cause that its error text names.

Law: any text gives a cause, the same text always the same one, and reason, party and both stages are closed sets
(the user's own reasons included).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from stream.domain.error_text import MAX_TEXT_CHARS, ErrorText, read_error_text
from stream.domain.reasons import DEFAULT_RULES, Party, ReasonRule
from stream.domain.redaction import redact

__all__ = ["DEFAULT_RULES", "Cause", "Causes", "OwnReason", "Party", "ReasonRule", "redact"]

REMEMBERED_TEXTS = 1024
"""At most 4 MiB of text; few jobs fail, and those that do mostly fail alike."""


class OwnReason(Protocol):
    """A reason of the user's own; `party` is the name of a `Party`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def party(self) -> str: ...  # noqa: D102
    def matches(self, text: str, /) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Cause:
    """What an error text says; empty strings and None where it says nothing."""

    stage: str
    """The outermost stage that failed."""
    root_stage: str
    """The innermost stage that failed."""
    exception: str
    http_status: int | None
    reason: str
    party: Party
    fingerprint: str
    """Equal for texts that differ only in ids, URLs, times and long numbers."""


class Causes:
    """Reads error texts, with the user's own reasons ahead of the default table."""

    def __init__(self, own: Iterable[OwnReason] = ()) -> None:
        self._own = tuple(own)
        self._parties = {rule.name: rule.party for rule in DEFAULT_RULES}
        self._parties |= {reason.name: Party(reason.party) for reason in reversed(self._own)}
        self._remembered = lru_cache(REMEMBERED_TEXTS)(self._read)

    def classify(self, text: str) -> Cause:
        """Return the cause that an error text names; "" names `unspecified`."""
        return self._remembered(text[:MAX_TEXT_CHARS])

    def party_of(self, reason: str) -> Party:
        """Return the party a reason points at: `unknown` also for a reason that no rule gives."""
        return self._parties.get(reason, Party.UNKNOWN)

    def _read(self, text: str) -> Cause:
        error = read_error_text(text)
        reason = self._reason(text, error)
        return Cause(
            stage=error.stage,
            root_stage=error.root_stage,
            exception=error.exception,
            http_status=error.http_status,
            reason=reason,
            party=self.party_of(reason),
            fingerprint=error.fingerprint,
        )

    def _reason(self, text: str, error: ErrorText) -> str:
        own = (reason.name for reason in self._own if reason.matches(text))
        default = (rule.name for rule in DEFAULT_RULES if rule.applies(error))
        return next(own, None) or next(default)
