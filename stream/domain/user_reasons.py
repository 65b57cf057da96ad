"""The causes that users add to the built-in ones, to be looked for first in an error text.

Law: an entry that exists can be searched for, and does not match every text.
"""

import re
from typing import Self

from pydantic import field_validator, model_validator

from stream.domain.rule_fields import Frozen, PartyName, Slug, Text


class UserReason(Frozen):
    """A cause of the user's own: plain text it contains or a regular expression it matches; case does not matter."""

    name: Slug
    party: PartyName
    contains: Text | None = None
    pattern: Text | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            matches_all = pattern is not None and re.search(pattern, "", re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        if matches_all:
            raise ValueError("matches every text, which would hide all causes after it")
        return pattern

    @model_validator(mode="after")
    def _looks_for_one_thing(self) -> Self:
        if (self.contains is None) == (self.pattern is None):
            raise ValueError("needs either contains or pattern, and not both")
        return self

    def matches(self, text: str) -> bool:
        """Tell whether an error text has this cause."""
        if self.contains is not None:
            return self.contains.casefold() in text.casefold()
        return re.search(self.pattern or "", text, re.IGNORECASE) is not None
