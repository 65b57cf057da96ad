"""What a gateway tells Prometheus: there from the start, and each with a line on what to do when it moves."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream.gateway.door import Door
from stream.gateway.metrics import Gateway, answering, register
from stream.gateway.outcomes import Outcome
from stream.gateway.outgoing import Outgoing
from stream.gateway.receiver import Receiver
from stream.gateway.upstream import Upstream
from stream.gateway.verification import Verifier
from stream.settings import Settings

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
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


async def test_every_metric_has_a_line_on_what_to_do_when_it_moves(registry: CollectorRegistry) -> None:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    told = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    ours = {name for name in told if name.startswith("presetwatch_") and not name.endswith("_created")}
    assert set(re.findall(r"`(presetwatch_gateway_[a-z_]+)`", OPERATIONS.read_text())) == ours
