"""State rows: what is restored from them answers and decides as what they were taken from, or is refused."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.domain import queries, rows
from stream.domain.deciding import Board
from stream.domain.hours import day_of
from stream.domain.packing import PackedTally
from stream.domain.rules import RuleSet
from tests.laws.crashes import Counter, Decider
from tests.laws.logs import CUTS, PANE_MS, Story, canonical, counting_policy, deciding_policy, rule_sets, stories
from tests.laws.test_exact_deciding import publish
from tests.webhooks import FORBIDDEN, T0_MS, TIMEOUT, body, log_of

Tables = tuple[dict[bytes, bytes], dict[bytes, bytes]]
"""The rows of `rates` and of `alerts`."""

ALL_STATES = frozenset({"firing", "pending", "resolved"})
RULES = RuleSet.model_validate(
    {
        "rules": (
            {"name": "rate", "kind": "threshold", "window": "1m", "min_jobs": 1, "confidence": 0},
            {"name": "run", "kind": "consecutive", "errors": 3, "for": "1m"},
        )
    }
)


def answers(board: Board) -> object:
    """Return everything that people may ask of a board."""
    window = queries.last_window(board, 10 * PANE_MS)
    names = queries.known_presets(board)
    return (
        [queries.describe_preset(board, name) for name in names],
        [queries.rate_in(board, name, window) for name in (*names, queries.internal_name("*"))],
        [queries.series(board, name, 60 * PANE_MS, 6 * PANE_MS) for name in names],
        sorted(queries.alerts(board, ALL_STATES), key=repr),
    )


def all_rows(board: Board, position: int) -> Tables:
    """Return both tables as they are when every row of a board has been written."""
    blocks = {(name, board.policy.block_of(start)) for name, preset in board.presets.items() for start in preset.panes}
    rates = {rows.block_key(*block): rows.block_row(board, *block) or b"" for block in blocks}
    days = {(name, day_of(hour)) for name, preset in board.presets.items() for hour in preset.hours.past}
    rates |= {rows.day_key(*day): rows.day_row(board, *day) or b"" for day in days}
    alerts = {rows.preset_key(name): rows.preset_row(preset) or b"" for name, preset in board.presets.items()}
    return rates, alerts | {rows.CLOCK_KEY: rows.clock_row(board, position)}


def fold(told: list[Story], places: set[int], rules: RuleSet) -> Decider:
    return Decider(deciding_policy(rules, len(told)), publish(told, places, rules, Random(0)))


@given(stories(), CUTS, rule_sets(), st.integers(0, 30))
def test_a_board_restored_from_its_rows_answers_and_decides_as_the_one_they_came_from(
    told: list[Story], places: set[int], rules: RuleSet, messages: int
) -> None:
    kept, restored = fold(told, places, rules), fold(told, places, rules)
    for decider in (kept, restored):
        decider.read(messages)
    restored.rates, restored.alerts = all_rows(kept.board, kept.position)
    restored.recover()
    assert restored.position == kept.position
    assert answers(restored.board) == answers(kept.board)
    for decider in (kept, restored):
        decider.read(len(decider.topic))
    assert canonical(restored.said) == canonical(kept.said)
    assert answers(restored.board) == answers(kept.board)


@given(stories(), CUTS, rule_sets())
def test_restoring_a_board_twice_writes_the_rows_of_restoring_it_once(
    told: list[Story], places: set[int], rules: RuleSet
) -> None:
    decider = fold(told, places, rules)
    decider.read(len(decider.topic))
    written = []
    for _ in range(3):
        written.append(all_rows(decider.board, decider.position))
        decider.rates, decider.alerts = written[-1]
        decider.recover()
    # The first time a preset takes note of ticks that were passed over as nothing could change at them.
    assert written[1] == written[2]
    assert written[0][0] == written[1][0]


def test_windows_reach_back_to_jobs_from_before_a_restart() -> None:
    # jobs    xxx .......... | restart | x
    # panes  |0              |         |1
    rules = RuleSet.model_validate({"rules": ({"name": "rate", "kind": "threshold", "window": "1m", "min_jobs": 4},)})
    counter = Counter(0, counting_policy(rules))
    decider = Decider(deciding_policy(rules, 1), counter.published)
    times = [T0_MS, T0_MS + 1, T0_MS + 2, T0_MS + PANE_MS]
    log = log_of((at_ms, body(f"{at_ms}", "summarize", at_ms, FORBIDDEN)) for at_ms in times)
    for jobs, decided_ms in ((3, T0_MS + PANE_MS), (1, T0_MS + 2 * PANE_MS)):
        counter.read(log, jobs, None)
        counter.wait(decided_ms, None)
        decider.read(len(counter.published))
        decider.rates, decider.alerts = all_rows(decider.board, decider.position)
        decider.recover()
    assert [(event.kind, event.errors, event.total) for event in decider.said] == [("fired", 4, 4)]


def test_without_rows_a_board_is_new_and_reads_from_the_start() -> None:
    board, position = rows.restore(deciding_policy(RULES, 1), True, {}, {})
    assert (board.presets, board.tick_ms, position) == ({}, None, 0)


def test_nothing_is_left_of_a_preset_and_a_block_that_are_gone() -> None:
    board = Board(deciding_policy(RULES, 1))
    assert rows.preset_row(board.presets.get("summarize")) is None
    assert rows.block_row(board, "summarize", T0_MS) is None
    board.preset("summarize")
    assert rows.block_row(board, "summarize", T0_MS) is None


@given(st.text(), st.text(), st.integers(0, 10**13), st.integers(0, 10**13))
def test_no_two_blocks_share_a_key(one: str, other: str, start: int, end: int) -> None:
    assert (json.loads(rows.block_key(one, start))) == [one, start]
    assert (rows.block_key(one, start) == rows.block_key(other, end)) == ((one, start) == (other, end))


def stored() -> Tables:
    """Return the tables of a board on which one alert fires and another is pending."""
    counter = Counter(0, counting_policy(RULES))
    failed = [(T0_MS + n, body(f"{n}", "summarize", T0_MS + n, FORBIDDEN)) for n in range(3)]
    counter.read(log_of(failed), len(failed), None)
    counter.wait(T0_MS + 2 * PANE_MS, None)
    decider = Decider(deciding_policy(RULES, 1), counter.published)
    decider.read(len(counter.published))
    assert {(one["rule"], one["state"]) for one in queries.alerts(decider.board, ALL_STATES)} == {
        ("rate", "firing"),
        ("run", "pending"),
    }
    return all_rows(decider.board, decider.position)


RATES, ALERTS = stored()
[BLOCK] = (key for key in RATES if b"summarize" in key)
PRESET = rows.preset_key("summarize")
SENTENCE = r"a row of the rates or alerts table cannot be read: \S+"


def edited(row: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(row) | fields).encode()


def with_failures(failures: object) -> bytes:
    """Return the block with something else in the place of its first pane's failures."""
    block = json.loads(RATES[BLOCK])
    block["panes"][0]["counts"]["failures"] = failures
    return json.dumps(block).encode()


def test_the_tables_of_the_tests_below_are_readable() -> None:
    board, position = rows.restore(deciding_policy(RULES, 1), True, RATES, ALERTS)
    assert queries.known_presets(board) == ["summarize"]
    assert position > 0


@pytest.mark.parametrize(
    ("rates", "alerts"),
    [
        pytest.param({BLOCK: b""}, {}, id="an empty block"),
        pytest.param({BLOCK: b"null"}, {}, id="a block that is null"),
        pytest.param({BLOCK: RATES[BLOCK][:-1]}, {}, id="a block cut short"),
        pytest.param({BLOCK: edited(RATES[BLOCK], panes=[{"source": 0}])}, {}, id="a pane without its counts"),
        pytest.param({BLOCK: with_failures(7)}, {}, id="a pane whose failures are a number"),
        pytest.param({b"summarize": RATES[BLOCK]}, {}, id="a block under a key that is no JSON"),
        pytest.param({b"5": RATES[BLOCK]}, {}, id="a block under a number"),
        pytest.param({}, {PRESET: b"[]"}, id="a preset that is a list"),
        pytest.param({}, {PRESET: edited(ALERTS[PRESET], alerts={"run": {"phase": "asleep"}})}, id="an unknown phase"),
        pytest.param({}, {PRESET: edited(ALERTS[PRESET], fired={"rate": {}})}, id="an alert event without its fields"),
        pytest.param({}, {rows.PRESET_PREFIX + b"\xff": ALERTS[PRESET]}, id="a preset that is not UTF-8"),
        pytest.param({}, {rows.CLOCK_KEY: b"\x00"}, id="a clock that is no JSON"),
        pytest.param({}, {rows.CLOCK_KEY: edited(ALERTS[rows.CLOCK_KEY], position="far")}, id="a position in words"),
    ],
)
def test_a_row_that_cannot_be_read_is_said_in_a_sentence(rates: dict[bytes, bytes], alerts: dict[bytes, bytes]) -> None:
    with pytest.raises(rows.Unreadable, match=SENTENCE):
        rows.restore(deciding_policy(RULES, 1), True, RATES | rates, ALERTS | alerts)


@pytest.mark.parametrize("key", [b"[]", b"{}"])
def test_a_block_under_a_key_that_names_no_preset_is_said_in_a_sentence(key: bytes) -> None:
    with pytest.raises(rows.Unreadable, match=SENTENCE):
        rows.restore(deciding_policy(RULES, 1), True, {key: RATES[BLOCK]}, {})


def test_an_alert_whose_rule_is_gone_resolves_for_that_reason() -> None:
    rules = RuleSet.model_validate({"rules": (RULES.rules[1].model_dump(by_alias=True),)})
    board, _ = rows.restore(deciding_policy(rules, 1), True, RATES, ALERTS)
    board.merge(PackedTally(source_partition=0, offset=2, watermark_ms=T0_MS + 3 * PANE_MS))
    assert [(event.rule, event.resolve_reason) for event in board.decide()] == [("rate", "rule_removed")]
    assert queries.alerts(board, frozenset({"firing"})) == []


def passing(board: Board, panes: int) -> list[tuple[str, str | None]]:
    """Let time pass, and return what is said of it."""
    board.merge(PackedTally(source_partition=0, offset=panes, watermark_ms=T0_MS + panes * PANE_MS))
    return [(event.rule, event.resolve_reason) for event in board.decide()]


def test_an_alert_of_a_release_that_did_not_note_what_rules_mean_goes_on() -> None:
    older = {key: edited(row, meanings={}) if key == PRESET else row for key, row in ALERTS.items()}
    board, _ = rows.restore(deciding_policy(RULES, 1), True, RATES, older)
    assert passing(board, 3) == []
    assert [alert["rule"] for alert in queries.alerts(board, frozenset({"firing"}))] == ["rate"]


def test_a_silence_that_began_before_its_rule_did_is_noticed() -> None:
    board, _ = rows.restore(deciding_policy(RULES, 1), True, RATES, ALERTS)
    passing(board, 600)
    quiet = {"name": "quiet", "kind": "silence", "presets": (), "after": "10m"}
    rules = (*(rule.model_dump(by_alias=True) for rule in RULES.rules), quiet)
    list(board.adopt(deciding_policy(RuleSet.model_validate({"rules": rules}), 1)))
    assert passing(board, 601) == [("quiet", None)]


def test_state_of_another_pane_is_refused_with_both_lengths() -> None:
    policy = replace(deciding_policy(RULES, 1), pane_ms=5_000)
    with pytest.raises(rows.Unreadable) as refused:
        rows.restore(policy, True, RATES, ALERTS)
    assert str(refused.value) == "the state was written with PANE=10000 ms, not 5000 ms"


def test_state_of_another_format_is_refused_with_both_formats() -> None:
    newer = edited(ALERTS[rows.CLOCK_KEY], v=2, tick_ms={"of": "another kind"})
    with pytest.raises(rows.Unreadable) as refused:
        rows.restore(deciding_policy(RULES, 1), True, RATES, ALERTS | {rows.CLOCK_KEY: newer})
    assert str(refused.value) == "it has format 2, of another version of presetwatch; this reads 1"


@given(st.sampled_from([BLOCK, PRESET, rows.CLOCK_KEY]), st.data())
def test_any_damage_to_a_row_is_read_or_refused(key: bytes, data: st.DataObject) -> None:
    row = (RATES | ALERTS)[key]
    at = data.draw(st.integers(0, len(row)))
    damaged = row[:at] + data.draw(st.binary(max_size=2)) + row[at + data.draw(st.integers(0, 2)) :]
    rates, alerts = ({key: damaged} if key in table else {} for table in (RATES, ALERTS))
    try:
        board, position = rows.restore(deciding_policy(RULES, 1), True, RATES | rates, ALERTS | alerts)
    except rows.Unreadable:
        return
    passing(board, 3)
    board.change_all()
    assert all(rows.block_row(board, *block) for block in board.changed_blocks)
    assert rows.clock_row(board, position)


def test_a_message_with_a_pane_that_cannot_be_read_changes_nothing() -> None:
    board, _ = rows.restore(deciding_policy(RULES, 1), True, RATES, ALERTS)
    before = rows.clock_row(board, 0), rows.block_row(board, "summarize", json.loads(BLOCK)[1])
    sound, odd = msgspec.Raw(b'{"start_ms":0}'), msgspec.Raw(b'{"start_ms":0,"failures":7}')
    assert not board.merge(PackedTally(0, 99, T0_MS + 10**9, "summarize", (sound, odd)))
    assert (rows.clock_row(board, 0), rows.block_row(board, "summarize", json.loads(BLOCK)[1])) == before


def test_of_a_pane_only_what_is_known_is_kept() -> None:
    board, _ = rows.restore(deciding_policy(RULES, 1), True, {}, {})
    pane = msgspec.Raw(b'{"start_ms":0,"junk":"' + b"x" * 10_000 + b'"}')
    assert board.merge(PackedTally(0, 1, None, "summarize", (pane,)))
    assert len(rows.block_row(board, "summarize", 0) or b"") < 100


def test_state_of_a_release_that_knew_no_source_types_is_read_and_written_again() -> None:
    def older_pane(pane: dict[str, Any]) -> dict[str, Any]:
        counts = {key: value for key, value in pane["counts"].items() if key not in ("sources", "sample_sources")}
        return pane | {"counts": counts}

    block = json.loads(RATES[BLOCK])
    assert all("sources" in pane["counts"] for pane in block["panes"])
    older_block = json.dumps({"panes": [older_pane(pane) for pane in block["panes"]]}).encode()
    row = {key: value for key, value in json.loads(ALERTS[PRESET]).items() if key != "recency_by_source"}
    older = {**ALERTS, PRESET: json.dumps(row).encode()}
    board, position = rows.restore(deciding_policy(RULES, 1), True, {**RATES, BLOCK: older_block}, older)
    assert board.presets["summarize"].recency.failures == {"input_forbidden": (T0_MS, T0_MS + 1, T0_MS + 2)}
    assert board.presets["summarize"].recency_by_source == {}
    rates, alerts = all_rows(board, position)
    again, _ = rows.restore(deciding_policy(RULES, 1), True, rates, alerts)
    assert answers(again) == answers(board)


EACH = {"name": "each", "kind": "threshold", "window": "1m", "min_jobs": 1, "confidence": 0, "error_rate": 0.5}
BY_REASON = {"group_by": ("preset", "reason")}
GROUPED = RuleSet.model_validate({"rules": ({**EACH, **BY_REASON},)})


def grouped_tables(rules: RuleSet = GROUPED) -> Tables:
    """Return the tables of a board on which a rule fires for one reason, and not for another."""
    counter = Counter(0, counting_policy(rules))
    errors = [FORBIDDEN, FORBIDDEN, TIMEOUT]
    failed = [(T0_MS + n, body(f"{n}", "summarize", T0_MS + n, error)) for n, error in enumerate(errors)]
    counter.read(log_of(failed), len(failed), None)
    counter.wait(T0_MS + 2 * PANE_MS, None)
    decider = Decider(deciding_policy(rules, 1), counter.published)
    decider.read(len(counter.published))
    return all_rows(decider.board, decider.position)


@pytest.mark.parametrize(
    ("keys", "ends"),
    [
        pytest.param({"annotations": {"summary": "{reason}"}}, [], id="other words"),
        pytest.param({"reasons": ("input_forbidden", "other")}, [], id="other groups beside it"),
        pytest.param({"reasons": ("other",)}, ["rule_removed"], id="its group is gone"),
        pytest.param({"group_by": ("preset",)}, ["rule_removed"], id="no groups any more"),
        pytest.param({"min_jobs": 2}, ["rule_removed"], id="another meaning"),
        pytest.param({"name": "renamed"}, ["rule_removed"], id="another name"),
    ],
)
def test_the_alert_of_a_group_ends_with_its_group_and_not_before(keys: dict[str, Any], ends: list[str]) -> None:
    rules = RuleSet.model_validate({"rules": ({**EACH, **BY_REASON, **keys},)})
    board, _ = rows.restore(deciding_policy(rules, 1), True, *grouped_tables())
    board.merge(PackedTally(source_partition=0, offset=2, watermark_ms=T0_MS + 3 * PANE_MS))
    ended = [event for event in board.decide() if event.kind == "resolved"]
    assert [event.resolve_reason for event in ended] == ends
    assert [(event.rule, event.group, event.reasons) for event in ended] == [
        ("each", {"reason": "input_forbidden"}, {"input_forbidden": 2}) for _ in ends
    ]


def test_alerts_say_which_group_they_are_of_while_they_are_pending_and_while_they_fire() -> None:
    rules = RuleSet.model_validate({"rules": ({**EACH, **BY_REASON, "for": "30s"},)})
    board, _ = rows.restore(deciding_policy(rules, 1), True, *grouped_tables(rules))
    found: list[tuple[str, dict[str, str]]] = []
    for pane in range(3, 12):
        board.merge(PackedTally(source_partition=0, offset=2, watermark_ms=T0_MS + pane * PANE_MS))
        list(board.decide())
        found += [(one["state"], one["group"]) for one in queries.alerts(board, frozenset({"firing", "pending"}))]
    states = [state for state, group in found if group == {"reason": "input_forbidden"}]
    assert len(states) == len(found)
    assert list(dict.fromkeys(states)) == ["pending", "firing"]
