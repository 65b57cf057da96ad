"""Baselines that take days to learn and budgets that reach back for weeks survive restarts and any cut of the log."""

from random import Random

import pytest

from schemas.alert import AlertEvent
from stream.domain.panes import HOUR_MS
from stream.domain.rules import RuleSet
from tests.laws.crashes import Counter, Decider
from tests.laws.logs import Log, canonical, counting_policy, deciding_policy, new_replay
from tests.webhooks import T0_MS, TIMEOUT, body, log_of

RULES = RuleSet.model_validate(
    {
        "rules": (
            {"name": "worse", "kind": "shift", "baseline": "learn", "detect": 0.2, "keep_firing_for": "0s"},
            {"name": "leak", "kind": "burn_rate", "objective": 0.9, "pairs": [{"long": "30h", "budget": 0.06}]},
        )
    }
)
RISES_MS, FALLS_MS, ENDS_MS = 40 * HOUR_MS, 52 * HOUR_MS, 60 * HOUR_MS


def history() -> Log:
    """Return some days of 20 jobs an hour of which 3 % fail, and 40 % for half a day."""
    random = Random(11)
    values = []
    for number, after_ms in enumerate(range(0, ENDS_MS, HOUR_MS // 20)):
        share = 0.4 if RISES_MS <= after_ms < FALLS_MS else 0.03
        error = TIMEOUT if random.random() < share else None
        values.append((T0_MS + after_ms, body(f"{number}", "summarize", T0_MS + after_ms, error)))
    return log_of(values)


def told(log: Log) -> list[AlertEvent]:
    """Return what is said by a reader that takes the whole log at once."""
    replay = new_replay(RULES, 1)
    return [*replay.take(0, log), *replay.finish()]


def test_a_rise_above_what_was_learned_is_noticed_and_dated_and_so_is_the_budget_that_it_spends() -> None:
    events = told(history())
    assert [(event.rule, event.kind.value) for event in events] == [
        ("worse", "fired"),
        ("leak", "fired"),
        ("worse", "resolved"),
        ("leak", "resolved"),
    ]
    worse, leak, better, _ = events
    assert abs(worse.window_start - T0_MS - RISES_MS) < HOUR_MS
    assert worse.at - T0_MS - RISES_MS < 2 * HOUR_MS
    assert (worse.error_rate or 0) > 0.3
    assert worse.annotations["summary"].startswith("summarize is worse than its usual 4.15%: 6 of 10 ")
    assert leak.window_end - leak.window_start >= 30 * HOUR_MS
    assert "of the budget is left" in leak.annotations["summary"]
    assert abs(better.window_start - T0_MS - FALLS_MS) < HOUR_MS


@pytest.mark.parametrize("seed", [1, 2])
def test_restarts_and_cuts_in_days_of_learning_do_not_change_a_byte(seed: int) -> None:
    log, random = history(), Random(seed)
    counter = Counter(0, counting_policy(RULES))
    decider = Decider(deciding_policy(RULES, 1), counter.published)
    while counter.state.position < len(log):
        counter.read(log, random.choice([1, 30, 200]), None)
        decider.read(len(counter.published))
        if random.random() < 0.3:
            decider.save()
        if random.random() < 0.1:
            decider.recover()
    counter.wait(T0_MS + ENDS_MS + 10_000, None)
    decider.read(len(counter.published))
    once = {event.id: event for event in decider.said}
    assert canonical(list(once.values())) == canonical(told(log))
