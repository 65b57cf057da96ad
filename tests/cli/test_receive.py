"""`gateway` before it listens: it must be able to tell Daily from anyone else, and a port must be free."""

import socket

from tests.cli.commands import run
from tests.webhooks import SECRET


def test_a_gateway_without_a_secret_does_not_start_and_says_how_to_get_one() -> None:
    ended = run("gateway", env={"PRESETWATCH_WEBHOOK_HMAC": "", "PRESETWATCH_WEBHOOK_BASIC_AUTH": ""})
    assert ended.exit_code == 1
    assert "PRESETWATCH_WEBHOOK_HMAC" in ended.stderr
    assert "openssl rand -base64 32" in ended.stderr


def test_a_secret_that_is_not_base64_is_named_by_its_place_and_not_shown() -> None:
    ended = run("gateway", env={"PRESETWATCH_WEBHOOK_HMAC": f"{SECRET},hush!"})
    assert (ended.exit_code, "secret 2 is not base64" in ended.stderr) == (1, True)
    assert "hush" not in ended.stderr
    assert SECRET not in ended.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        ended = run("gateway", env={"PRESETWATCH_WEBHOOK_HMAC": SECRET, "PRESETWATCH_GATEWAY_PORT": port})
    assert ended.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "PRESETWATCH_GATEWAY_PORT" in ended.stderr
