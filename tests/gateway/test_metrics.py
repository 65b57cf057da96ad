"""What a gateway tells Prometheus: all of it there from the start."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from stream.gateway.door import Door
from stream.gateway.metrics import Gateway, answering, register
from stream.gateway.outcomes import Outcome
from stream.gateway.outgoing import Outgoing
from stream.gateway.receiver import Receiver
from stream.gateway.upstream import Upstream
from stream.gateway.verification import Verifier
from stream.settings import Settings

SETTINGS = Settings(_env_file=None, kafka_bootstrap="127.0.0.1:1")


@pytest.fixture
async def registry() -> AsyncIterator[CollectorRegistry]:
    found, outgoing = CollectorRegistry(), Outgoing(SETTINGS)
    receiver = Receiver(Verifier((b"key",)), outgoing, answering(found))
    receiver.meters[Outcome.STORED] += 3
    register(found, Gateway(Door({}), outgoing, Upstream(SETTINGS), receiver.meters))
    yield found
    outgoing.close()


async def test_every_outcome_is_there_from_the_start(registry: CollectorRegistry) -> None:
    def count(outcome: Outcome) -> float | None:
        return registry.get_sample_value("presetwatch_gateway_webhooks_total", {"outcome": outcome.value})

    assert {outcome: count(outcome) for outcome in Outcome} == dict.fromkeys(Outcome, 0) | {Outcome.STORED: 3}
    assert registry.get_sample_value("presetwatch_gateway_ready") == 0
