"""Whoever decides much at once still answers others."""

import asyncio

import pytest

from stream.deciding_stage import decided
from stream.domain.deciding import Board
from stream.domain.preset import Stamped
from stream.domain.rules import RuleSet
from stream.domain.tally import Cell, Tally
from tests.laws.logs import PANE_MS, deciding_policy

HOLDS = {"name": "rate", "kind": "threshold", "window": "1h", "min_jobs": 1}


async def test_others_have_their_turns_while_the_end_of_an_old_log_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.domain.deciding.SOME_LOOKS", 1)
    board, panes, turns = Board(deciding_policy(RuleSet.model_validate({"rules": (HOLDS,)}), 1)), 20, 0
    counts = {Cell("uri"): 1}
    for start in range(0, panes * PANE_MS, PANE_MS):
        board.preset("summarize").take(start, 0, Stamped.of(0, Tally(counts, counts, start)))
    board.preset("summarize").due_ms = PANE_MS
    board.clocks.watermarks = {0: 1_000 * PANE_MS}

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(take_turns())
    assert await decided(board) == []
    others.cancel()
    assert board.tick_ms == 1_000 * PANE_MS
    assert turns >= panes
