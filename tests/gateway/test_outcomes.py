"""What Daily is told: 200 for what is stored, a documented status for everything else, and a sentence to act on."""

import pytest

from stream.gateway.openapi import WEBHOOKS_PATH, openapi
from stream.gateway.outcomes import Outcome

DOCUMENTED = openapi("1")["paths"][WEBHOOKS_PATH]["post"]["responses"]


def test_200_is_said_of_what_is_stored_and_of_the_ping_alone() -> None:
    assert {outcome for outcome in Outcome if outcome.status == 200} == {Outcome.STORED, Outcome.PING}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_documented_status_and_a_sentence(outcome: Outcome) -> None:
    assert str(int(outcome.status)) in DOCUMENTED
    assert outcome.detail


def test_whatever_may_be_mended_by_waiting_is_503() -> None:
    waiting = {Outcome.CROWDED, Outcome.UNANSWERED, Outcome.REFUSED, Outcome.DEFECT}
    assert {outcome for outcome in Outcome if outcome.status == 503} == waiting
