"""Reasons of the user's own: sound ones are found first, unsound ones refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from stream.domain.causes import Causes
from stream.domain.reasons import Party
from stream.domain.user_reasons import UserReason


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"contains": "a", "pattern": "b"},
        {"contains": ""},
        {"pattern": "("},
        {"pattern": "a*"},
        {"pattern": "a{99999999999999999999}"},
        {"contains": "a", "party": "vendor"},
        {"contains": "a", "name": "No Slug"},
    ],
)
def test_a_reason_that_could_not_be_looked_for_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UserReason.model_validate({"name": "mine", "party": "daily"} | keys)


@pytest.mark.parametrize("keys", [{"contains": "KEY expired"}, {"pattern": r"key\s+exp"}])
def test_a_reason_of_the_users_own_goes_before_the_built_in_ones(keys: dict[str, Any]) -> None:
    mine = UserReason.model_validate({"name": "tenant-key", "party": "customer"} | keys)
    cause = Causes([mine]).classify("Error: Failed to transcribe: Key expired")
    assert (cause.reason, cause.party) == ("tenant-key", Party.CUSTOMER)
    assert Causes([mine]).classify("Error: Failed to transcribe").reason == "transcription_failed"
