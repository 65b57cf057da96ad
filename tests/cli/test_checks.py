"""What the doctor says: every fault has a remedy, and the exit code says whose turn it is."""

from pathlib import Path
from typing import Any

import pytest

from stream.cli import checks
from stream.cli.ask import Answer, NoAnswer
from stream.cli.checks import Check, Cluster, State
from stream.cli.doctor import verdict
from stream.cli.output import ExitCode
from stream.domain.rules import RuleSet
from stream.rules_file import Fault, default_rules_path, read
from stream.settings import Settings
from stream.topics import wanted
from tests.cli.commands import run

OK, WARN, FAIL = State.OK, State.WARN, State.FAIL


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


SETTINGS = settings()
SIZES = dict.fromkeys(wanted(SETTINGS), 4)


@pytest.mark.parametrize(
    ("sizes", "state", "what"),
    [
        (SIZES, OK, "all there, 4 partitions"),
        ({**SIZES, SETTINGS.rejected_topic: 1}, OK, "all there, 4 partitions"),
        ({name: 4 for name in SIZES if name != SETTINGS.alerts_topic}, WARN, "missing: preset-alerts"),
        ({}, WARN, "missing: batch-processor-events, "),
        (
            {**SIZES, SETTINGS.tallies_topic: 8},
            FAIL,
            "presetwatch-tallies has 8 partitions, batch-processor-events has 4",
        ),
        ({**SIZES, "presetwatch-journal-changelog": 2}, FAIL, "presetwatch-journal-changelog has 2 partitions"),
    ],
)
def test_topics_must_exist_and_be_copartitioned(sizes: dict[str, int], state: State, what: str) -> None:
    check = checks.check_topics(SETTINGS, sizes)
    assert check.state is state
    assert check.what.startswith(what)
    assert bool(check.mend) == (state is not OK)


@pytest.mark.parametrize(
    ("ends", "committed", "state", "what"),
    [
        ({0: 10, 1: 5}, {0: 10, 1: 5}, OK, "0 records behind"),
        ({0: 10, 1: 5}, {0: 8, 1: 5}, OK, "2 records behind (partition 0: 2)"),
        ({0: 10_000, 1: 5}, {1: 5}, WARN, "10,000 records behind (partition 0: 10,000)"),
        ({0: 10, 1: 5}, {}, WARN, "presetwatch has read none of 15 records"),
        ({0: 0, 1: 0}, {}, OK, "0 records behind"),
        ({}, {}, OK, "0 records behind"),
    ],
)
def test_a_standing_lag_is_a_warning(ends: dict[int, int], committed: dict[int, int], state: State, what: str) -> None:
    check = checks.check_lag(SETTINGS, Cluster(SIZES, ends, committed))
    assert (check.state, check.what) == (state, what)


CORRUPT, MEND = "The journal j[1] cannot be used: it ends early. It does", "Set X to a new name."
UNUSABLE = f"{CORRUPT}. {MEND}"


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([], Check("state", OK, "a worker can count on from what is stored")),
        ([UNUSABLE], Check("state", FAIL, CORRUPT, MEND)),
        ([UNUSABLE, "another"], Check("state", FAIL, f"{CORRUPT} (and 1 more)", MEND)),
        (
            "the topics are not as they must be",
            Check(
                "state",
                WARN,
                "not looked at: the topics are not as they must be",
                "Mend what stands above and ask again.",
            ),
        ),
    ],
)
def test_state_is_sound_or_says_what_is_wrong_and_what_to_do(faults: list[str] | str, expected: Check) -> None:
    assert checks.check_state(faults) == expected


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(200, b'{"status":"ready"}'), OK),
        (Answer(503, b'{"detail":"This worker is still recovering."}'), WARN),
        (Answer(404, b"not found"), FAIL),
        (NoAnswer("nothing listens there"), FAIL),
    ],
)
def test_a_worker_must_answer_and_may_still_recover(answer: Answer | NoAnswer, state: State) -> None:
    check = checks.check_worker("http://127.0.0.1:6066/", answer)
    assert check.state is state
    assert bool(check.mend) == (state is not OK)


@pytest.mark.parametrize(
    ("found", "state", "what"),
    [
        (read(default_rules_path(), 10_000), OK, "f: "),
        ((Fault("f", 3, "is wrong"),), FAIL, "f:3: is wrong"),
        ((Fault("f", 3, "is wrong"), Fault("f", 4, "too")), FAIL, "f:3: is wrong (and 1 more)"),
    ],
)
def test_rules_must_be_sound(found: RuleSet | tuple[Fault, ...], state: State, what: str) -> None:
    check = checks.check_rules("f", found)
    assert check.state is state
    assert check.what.startswith(what)


@pytest.mark.parametrize(
    ("given", "state"), [({}, WARN), ({"webhook_hmac": "c2VjcmV0"}, OK), ({"webhook_basic_auth": "s"}, OK)]
)
def test_no_secret_is_a_warning_and_a_secret_is_never_shown(given: dict[str, str], state: State) -> None:
    check = checks.check_secret(settings(**given))
    assert check.state is state
    assert not any(secret in str(check) for secret in given.values() if len(secret) > 1)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ({"broker": OK, "worker": OK}, ExitCode.DONE),
        ({"broker": OK, "lag": WARN}, ExitCode.DONE),
        ({"broker": OK, "worker": FAIL}, ExitCode.WRONG),
        ({"broker": FAIL, "worker": FAIL}, ExitCode.OUT_OF_REACH),
        ({"settings": FAIL}, ExitCode.WRONG),
    ],
)
def test_the_exit_code_says_whose_turn_it_is(states: dict[str, State], code: ExitCode) -> None:
    assert verdict([Check(name, state, "") for name, state in states.items()]) is code


def test_the_doctor_looks_at_all_it_can_without_a_broker() -> None:
    done = run("doctor")
    assert done.exit_code == 3
    assert "✗" in done.stdout
    assert all(name in done.stdout for name in ("settings", "broker", "rules", "worker", "secret", "→ Start it with"))


def test_settings_that_do_not_fit_are_the_doctors_only_finding(tmp_path: Path) -> None:
    done = run("doctor", "--json", env={"PRESETWATCH_PANE": "7s", "PRESETWATCH_DATA_DIR": str(tmp_path)})
    assert done.exit_code == 1
    assert done.stdout.count('"name"') == 1
    assert "PANE must divide an hour evenly" in done.stdout
