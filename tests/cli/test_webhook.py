"""The webhook commands against a server that stands in for Daily: what they do there, and what they never show."""

import json
import os
import signal
import stat
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from stream.cli.kept_secret import keep_secret
from stream.local.loopback import free_port
from stream.settings import Settings
from tests.cli.commands import run
from tests.daily.stub import KEY, DailyStub, Fault, serving

URL = "https://hooks.example.com/webhooks/daily"
BOTH = ["batch-processor.job-finished", "batch-processor.error"]
HMAC = "b3VycyBhbmQgbm9ib2R5IGVsc2Uncw=="


@pytest.fixture
def daily() -> Iterator[DailyStub]:
    with serving() as stub:
        yield stub


def hook(uuid: str = "hook-1", state: Any = "ACTIVE", **given: Any) -> dict[str, Any]:
    return {"uuid": uuid, "url": URL, "state": state, "failedCount": 0, "eventTypes": BOTH, "hmac": HMAC, **given}


def test_a_webhook_is_made_for_both_events_with_a_secret_that_is_shown_once(daily: DailyStub) -> None:
    done = run("webhook", "create", URL, env=daily.env())
    assert done.exit_code == 0, done.stderr
    [made] = daily.webhooks
    assert (made["eventTypes"], made["retryType"], made["url"]) == (BOTH, "exponential", URL)
    assert done.stdout == f"PRESETWATCH_WEBHOOK_HMAC={made['hmac']}\n"
    assert len(b64decode(made["hmac"], validate=True)) == 32
    assert made["hmac"] not in done.stderr
    assert "basicAuth" not in made


def test_the_secret_that_the_gateway_has_is_used_and_not_shown(daily: DailyStub) -> None:
    env = daily.env(PRESETWATCH_WEBHOOK_HMAC=f"{HMAC}, b2xk", PRESETWATCH_WEBHOOK_BASIC_AUTH="hush-hush")
    done = run("webhook", "create", URL, "--retry", "circuit-breaker", "--json", env=env)
    assert done.exit_code == 0, done.stderr
    [made] = daily.webhooks
    assert (made["hmac"], made["basicAuth"], made["retryType"]) == (HMAC, "hush-hush", "circuit-breaker")
    assert json.loads(done.stdout)["uuid"] == "hook-1"
    assert not any(secret in done.output for secret in (HMAC, "hush-hush", KEY))
    assert HMAC in run("webhook", "list", "--show-secret", env=daily.env()).stdout


def test_the_secret_that_up_keeps_is_used_and_not_shown(daily: DailyStub, tmp_path: Path) -> None:
    file = keep_secret(Settings(data_dir=tmp_path))
    done = run("webhook", "create", URL, env=daily.env(PRESETWATCH_DATA_DIR=str(tmp_path)))
    assert (done.exit_code, done.stdout) == (0, "")
    assert file is not None
    assert file.read_text() == f"PRESETWATCH_WEBHOOK_HMAC={daily.webhooks[0]['hmac']}\n"


def test_a_secret_file_is_new_its_owners_alone_and_holds_what_daily_has(daily: DailyStub, tmp_path: Path) -> None:
    file = tmp_path / "secret.env"
    done = run("webhook", "create", URL, "--secret-file", str(file), "--json", env=daily.env())
    assert done.exit_code == 0, done.stderr
    assert file.read_text() == f"PRESETWATCH_WEBHOOK_HMAC={daily.webhooks[0]['hmac']}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert daily.webhooks[0]["hmac"] not in done.output
    again = run("webhook", "create", f"{URL}/2", "--secret-file", str(file), env=daily.env())
    assert (again.exit_code, len(daily.webhooks)) == (1, 1)
    assert "exists and is left as it is" in again.stderr


def test_no_file_is_left_of_a_secret_that_daily_has_not_taken(daily: DailyStub, tmp_path: Path) -> None:
    daily.answers_pings = False
    file = tmp_path / "secret.env"
    done = run("webhook", "create", URL, "--secret-file", str(file), env=daily.env())
    assert (done.exit_code, done.stdout, file.exists()) == (1, "", False)
    assert "did not return 200" in done.stderr
    assert "hmac was ***" in done.stderr
    assert "must lead to the /webhooks/daily of a gateway that runs" in done.stderr


def test_a_secret_that_daily_may_have_taken_is_kept(daily: DailyStub, tmp_path: Path) -> None:
    def fail_once_it_is_made() -> None:
        daily.faults = [Fault(200, []), Fault(500)]

    fail_once_it_is_made()
    file = tmp_path / "secret.env"
    done = run("webhook", "create", URL, "--secret-file", str(file), env=daily.env())
    assert (done.exit_code, file.exists()) == (3, True)
    assert "may have been made: see `presetwatch webhook list`" in done.stderr


def test_json_without_a_place_for_a_new_secret_is_refused_before_anything_is_made(daily: DailyStub) -> None:
    done = run("webhook", "create", URL, "--json", env=daily.env())
    assert (done.exit_code, daily.requests) == (1, [])
    shown = run("webhook", "create", URL, "--json", "--show-secret", env=daily.env())
    assert json.loads(shown.stdout)["hmac"] == daily.webhooks[0]["hmac"]


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        ([URL], {"PRESETWATCH_WEBHOOK_HMAC": "not base64!"}, "PRESETWATCH_WEBHOOK_HMAC does not begin with a secret"),
        (["hooks.example.com"], {}, "as in https://"),
        (["https://[::1"], {}, "as in https://"),
        ([URL], {"PRESETWATCH_DAILY_API_KEY": ""}, "PRESETWATCH_DAILY_API_KEY is not set"),
        ([URL], {"PRESETWATCH_DAILY_API_KEY": "wrong-key-1234"}, "Daily does not accept the key"),
        ([URL], {"PRESETWATCH_DAILY_API_URL": "http://example.com/v1"}, "must begin with https://"),
    ],
)
def test_what_is_wrong_is_one_sentence_without_a_secret(
    daily: DailyStub, arguments: list[str], env: dict[str, str], said: str
) -> None:
    done = run("webhook", "create", *arguments, env=daily.env(**env))
    assert (done.exit_code, done.stdout, daily.webhooks) == (1, "", [])
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(value in done.stderr for name, value in env.items() if value and not name.endswith("URL"))


@pytest.mark.parametrize("same", [URL, URL.replace("https://hooks", "HTTPS://Hooks"), URL.replace(".com", ".com:443")])
def test_an_address_that_has_a_webhook_gets_no_second_one_however_it_is_written(daily: DailyStub, same: str) -> None:
    daily.webhooks = [hook("odd", url="https://[::1"), hook(state="FAILED")]
    done = run("webhook", "create", same, env=daily.env())
    assert (done.exit_code, len(daily.webhooks)) == (1, 2)
    assert "`presetwatch webhook reactivate hook-1`" in done.stderr


def test_the_list_shows_states_and_counts_and_no_secret(daily: DailyStub) -> None:
    daily.webhooks = [
        hook(failedCount=2, url="https://u:pw123@hooks.example.com/x?token=t0k3n"),
        hook("hook-2", 0, failedCount=3, eventTypes=BOTH[:1], lastMomentPushed=1_767_603_600),
        {},
    ]
    shown, told = run("webhook", "list", env=daily.env()), run("webhook", "list", "--json", env=daily.env())
    assert (shown.exit_code, told.exit_code) == (0, 0)
    assert "Daily sends nothing to hook-2 any more" in shown.stderr
    assert all(
        text in shown.stdout for text in ("ACTIVE", "FAILED", "2026-01-05T09:00:00Z", "no batch-processor.error")
    )
    assert [each["failedCount"] for each in json.loads(told.stdout)] == [2, 3, None]
    assert not any(secret in one.output for one in (shown, told) for secret in (HMAC, KEY, "pw123", "t0k3n"))


def test_only_what_has_failed_and_is_about_jobs_is_turned_on_again(daily: DailyStub) -> None:
    daily.webhooks = [hook("a"), hook("b", "FAILED"), hook("c", "FAILED", eventTypes=["meeting.started"])]
    done = run("webhook", "reactivate", env=daily.env())
    assert done.exit_code == 0, done.stderr
    assert [each["state"] for each in daily.webhooks] == ["ACTIVE", "ACTIVE", "FAILED"]
    assert daily.requests[-1].path == "/v1/webhooks/b"
    assert daily.requests[-1].body == {"url": URL}
    assert "No webhook about jobs has failed" in run("webhook", "reactivate", env=daily.env()).stderr
    run("webhook", "reactivate", "c", env=daily.env())
    assert daily.webhooks[2]["state"] == "ACTIVE"


def test_a_webhook_whose_address_does_not_answer_stays_off_and_that_is_said(daily: DailyStub) -> None:
    daily.webhooks, daily.answers_pings = [hook(state="FAILED")], False
    done = run("webhook", "reactivate", env=daily.env())
    assert (done.exit_code, daily.webhooks[0]["state"]) == (1, "FAILED")
    assert "did not return 200" in done.stderr
    assert "`presetwatch doctor` looks at the gateway" in done.stderr


def test_a_webhook_that_cannot_be_turned_on_keeps_no_other_off(daily: DailyStub) -> None:
    daily.webhooks = [hook("a", "FAILED"), hook("b", "FAILED"), hook("c", "FAILED")]
    daily.faults = [Fault(400, {"error": "no answer"}, path=f"/v1/webhooks/{each}") for each in "ac"]
    done = run("webhook", "reactivate", env=daily.env())
    assert (done.exit_code, [each["state"] for each in daily.webhooks]) == (1, ["FAILED", "ACTIVE", "FAILED"])
    assert all(f"Daily refuses POST /v1/webhooks/{each} (400" in done.stderr for each in "ac")
    assert "Webhook b is on again" in done.stderr


def test_a_webhook_that_is_not_there_is_named(daily: DailyStub) -> None:
    assert "There is no webhook nope" in run("webhook", "reactivate", "nope", env=daily.env()).stderr
    deleted = run("webhook", "delete", "nope", "--yes", env=daily.env())
    assert (deleted.exit_code, deleted.stderr) == (
        1,
        "There is no webhook nope: `presetwatch webhook list` shows those there are.\n",
    )


def test_deleting_asks_first(daily: DailyStub) -> None:
    daily.webhooks = [hook()]
    assert run("webhook", "delete", "hook-1", env=daily.env(), given=b"n\n").exit_code == 1
    assert len(daily.webhooks) == 1
    assert run("webhook", "delete", "hook-1", "--yes", env=daily.env()).exit_code == 0
    assert daily.webhooks == []


def test_daily_out_of_reach_is_exit_code_3() -> None:
    with serving() as gone:
        env = gone.env()
        gone.faults = [Fault(503, headers={"Retry-After": "0"})] * 9
        assert run("webhook", "list", env=env).exit_code == 3


def test_a_watch_turns_on_what_fails_tells_prometheus_and_ends_when_told_to(daily: DailyStub) -> None:
    daily.webhooks, port = [hook(state="FAILED")], free_port(27_000 + os.getpid() % 2_000)
    command = [sys.executable, "-m", "stream", "webhook", "reactivate", "--watch", "--metrics-port", str(port)]
    with subprocess.Popen(command, env={**os.environ, **daily.env()}, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"every 1m" in process.stderr.readline()
        assert b"is on again" in process.stderr.readline()
        with urlopen(f"http://127.0.0.1:{port}/metrics") as metrics:
            told = metrics.read().decode()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
    assert (process.returncode, said) == (0, b"")
    assert 'presetwatch_daily_webhook_reactivations_total{outcome="done",uuid="hook-1"} 1.0' in told
    assert daily.webhooks[0]["state"] == "ACTIVE"


@pytest.mark.parametrize("arguments", [["hook-1", "--watch"], ["--watch", "--every", "5"], ["--metrics-port", "0"]])
def test_a_watch_that_makes_no_sense_is_wrong_usage(daily: DailyStub, arguments: list[str]) -> None:
    assert run("webhook", "reactivate", *arguments, env=daily.env()).exit_code == 2


@pytest.mark.parametrize(
    ("webhooks", "state", "said"),
    [
        ([hook()], "ok", "1 tell of batch jobs"),
        ([hook(), hook("b", "FAILED")], "fail", "Daily has given up on b"),
        ([hook("b", "FAILED", eventTypes=["meeting.started"])], "warn", "no webhook that tells of batch jobs"),
        ([hook(eventTypes=BOTH[:1])], "warn", "hook-1 does not tell of batch-processor.error"),
        ([hook(state="STOPPED")], "warn", "hook-1 is STOPPED"),
        ([], "warn", "no webhook that tells of batch jobs"),
    ],
)
def test_the_doctor_sees_how_the_webhooks_are(
    daily: DailyStub, webhooks: list[dict[str, Any]], state: str, said: str
) -> None:
    daily.webhooks = webhooks
    check = json.loads(run("doctor", "--json", env=daily.env()).stdout)[-1]
    assert (check["name"], check["state"]) == ("webhooks", state)
    assert said in check["what"]
    assert ("`presetwatch webhook" in check["mend"]) == (state != "ok")


def test_the_doctor_says_when_the_key_is_refused_and_asks_nothing_without_one(daily: DailyStub) -> None:
    refused = json.loads(run("doctor", "--json", env=daily.env(PRESETWATCH_DAILY_API_KEY="wrong")).stdout)[-1]
    assert (refused["name"], refused["state"]) == ("webhooks", "fail")
    keyless = run("doctor", "--json", env=daily.env(PRESETWATCH_DAILY_API_KEY="")).stdout
    assert "webhooks" not in [check["name"] for check in json.loads(keyless)]


@pytest.mark.parametrize(
    ("secrets", "told", "state"),
    [
        ("b3Vycw==", "b3Vycw==", "ok"),
        ("b2xk, b3Vycw==", "b3Vycw==", "ok"),
        ("b2xk", "b3Vycw==", "warn"),
        ("b2xk", None, "ok"),
        ("", "b3Vycw==", "ok"),
    ],
)
def test_the_doctor_sees_a_webhook_whose_secret_no_gateway_knows(
    daily: DailyStub, secrets: str, told: str | None, state: str
) -> None:
    daily.webhooks = [hook(hmac=told)]
    said = run("doctor", "--json", env=daily.env(PRESETWATCH_WEBHOOK_HMAC=secrets)).stdout
    check = json.loads(said)[-1]
    assert (check["name"], check["state"], bool(check["mend"])) == ("webhooks", state, state == "warn")
    assert "b3Vycw" not in said
    assert "b2xk" not in said
