"""What the doctor says of gateway and notifier: every fault has a remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from stream.cli import notify_checks as checks
from stream.cli.ask import Answer, NoAnswer
from stream.cli.checks import Check, State
from stream.cli.notify_checks import Telling
from stream.notify.plan import Plan
from stream.notify.plan_file import load_plan
from stream.rules_file import Fault
from tests.cli.commands import run

OK, WARN, FAIL = State.OK, State.WARN, State.FAIL
NOBODY = NoAnswer("nothing listens there")
PLAN = load_plan(
    "[[channel]]\nname = 'a'\nkind = 'alertmanager'\nurl = 'http://a'\n[[route]]\nchannels = ['a']\n", "n", {}
)
FAULT = Fault("n.toml", 3, "is wrong")


def judged(check: Check, state: State, what: str) -> None:
    assert check.state is state
    assert what in check.what
    assert bool(check.mend) == (state is not OK)


@pytest.mark.parametrize(
    ("answer", "state", "what"),
    [
        (Answer(200, b'{"ready": true}'), OK, "would store a webhook sent to http://g/webhooks/daily"),
        (Answer(503, b'{"detail":"The broker does not answer."}'), FAIL, "The broker does not answer."),
        (Answer(404, b"nothing"), FAIL, "answers with status 404"),
        (NOBODY, WARN, "nothing answers at http://g/ (nothing listens there)"),
    ],
)
def test_a_gateway_must_be_able_to_store_a_webhook(answer: Answer | NoAnswer, state: State, what: str) -> None:
    judged(checks.check_gateway("http://g/", answer), state, what)


@pytest.mark.parametrize(
    ("found", "state", "what"),
    [
        (PLAN, OK, "n.toml: 1 channels, 1 routes"),
        ((FAULT,), FAIL, "n.toml:3: is wrong"),
        ((FAULT, FAULT), FAIL, "(and 1 more)"),
    ],
)
def test_a_notify_file_must_be_sound(found: Plan | tuple[Fault, ...], state: State, what: str) -> None:
    judged(checks.check_plan(Path("n.toml"), found), state, what)


def health(status: str, *, is_active: bool = True, **failing: str) -> Answer:
    return Answer(200, json.dumps({"status": status, "is_active": is_active, "failing": failing}).encode())


@pytest.mark.parametrize(
    ("answer", "state", "what"),
    [
        (health("ok"), OK, "the one at http://n/ tells"),
        (health("ok", is_active=False), OK, "stands by"),
        (health("degraded", chat="status 500"), WARN, "chat does not take what it is told: status 500"),
        (health("stalled"), FAIL, "stands still"),
        (Answer(200, b"[]"), FAIL, "answers with status 200"),
        (NOBODY, WARN, "nothing answers at http://n/"),
    ],
)
def test_a_notifier_must_run_and_its_channels_take_what_they_are_told(
    answer: Answer | NoAnswer, state: State, what: str
) -> None:
    judged(checks.check_notifier("http://n/", answer), state, what)


def telling(behind: int = 0, undelivered: int = 0, **given: Any) -> Telling:
    return Telling(**{"ends": {0: 5_000, 1: 7}, "committed": {0: 5_000 - behind, 1: 7}, "undelivered": undelivered,
                      "topic": "dead", **given})  # fmt: skip


@pytest.mark.parametrize(
    ("found", "states", "what"),
    [
        (telling(), [OK, OK], "0 alert events"),
        (telling(behind=12), [OK, OK], "12 alert events"),
        (telling(behind=1_000), [WARN, OK], "1,000 alert events"),
        (telling(committed={}), [WARN, OK], "no notifier has ever done any of 5,007 alert events"),
        (telling(ends={}, committed={}), [OK, OK], "0 alert events"),
        (telling(undelivered=3), [OK, WARN], "3 alert events that a channel never took are on dead"),
        ("the broker no longer answers", [WARN], "not looked at: the broker no longer answers"),
    ],
)
def test_what_is_not_told_yet_and_what_never_was_is_said(found: Telling | str, states: list[State], what: str) -> None:
    done = checks.check_told(found)
    assert [check.state for check in done] == states
    assert what in " ".join(check.what for check in done)
    assert [bool(check.mend) for check in done] == [state is not OK for state in states]


def names(**env: str) -> list[str]:
    return [check["name"] for check in json.loads(run("doctor", "--json", env=env).stdout)]


def test_gateway_and_notifier_are_looked_at_where_they_are_in_use(tmp_path: Path) -> None:
    assert not {"gateway", "notifier"} & set(names())
    file = tmp_path / "notify.toml"
    file.write_text("[[chanel]]")
    found = names(PRESETWATCH_NOTIFY=str(file), PRESETWATCH_WEBHOOK_HMAC="c2VjcmV0")
    assert [name for name in found if name not in names()] == ["gateway", "notify-file", "notifier", "notify-lag"]
