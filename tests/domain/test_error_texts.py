"""The demo's error texts: every reason occurs, and the product reads each as it was meant."""

from collections import Counter

import pytest

from stream.domain.causes import Causes
from stream.local.draws import pick, seed_random
from stream.local.error_texts import CAUSES, draw_error
from stream.local.incidents import Kind

SEED = 7


def test_every_reason_has_texts_and_a_good_day_draws_each_of_them() -> None:
    rng = seed_random(SEED, "test")
    drawn = [draw_error(rng, "summarize", None) for _ in range(5000)]
    assert {reason for reason, _ in drawn} == set(CAUSES)
    for causes in CAUSES.values():
        assert all(any(text.endswith(cause.rpartition(": ")[2]) for _, text in drawn) for cause in causes)


@pytest.mark.parametrize("preset", ["transcript", "summarize", "soap-notes"])
@pytest.mark.parametrize("fault", [None, "outage", "slow_rise", "customer_burst"])
def test_the_product_reads_from_every_text_the_reason_it_was_written_for(preset: str, fault: Kind | None) -> None:
    rng, causes = seed_random(SEED, "test"), Causes()
    drawn = {draw_error(rng, preset, fault) for _ in range(1000)}
    assert [(causes.classify(text).reason, text) for _, text in drawn] == list(drawn)


def test_picking_follows_the_weights() -> None:
    rng = seed_random(SEED, "test")
    drawn = Counter(pick(rng, ((3, "often"), (1, "seldom"), (0, "never"))) for _ in range(4000))
    assert 2800 < drawn["often"] < 3200
    assert drawn["never"] == 0
