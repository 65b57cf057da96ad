"""Settings: read once, checked at once, in the words of the environment; a secret is never shown."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stream.domain.duration import format_duration
from stream.settings import DEFAULT_BOOTSTRAP, PREFIX, Settings, read_settings

SECRETS = ("kafka_password", "web_token", "webhook_hmac", "webhook_basic_auth", "daily_api_key")
DURATIONS = ("pane", "allowed_lateness", "idle_after", "dedupe_horizon", "webhook_tolerance")
README = Path(__file__).parents[1] / "README.md"


def settings(**given: Any) -> Settings:
    return read_settings(**{"_env_file": None, **given})


def from_file(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / ".env"
    file.write_text(text)
    return settings(_env_file=file)


@pytest.mark.parametrize(
    ("text", "ms"), [("1s", 1_000), ("10s", 10_000), ("1m", 60_000), ("1m30s", 90_000), ("1h", 3_600_000)]
)
def test_a_duration_is_text_with_units_and_kept_in_milliseconds(tmp_path: Path, text: str, ms: int) -> None:
    assert from_file(tmp_path, f"PRESETWATCH_PANE={text}").pane == ms


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("text", ["10", "10000", "ten seconds", "10 s", "-10s", "s"])
def test_a_duration_without_a_unit_is_refused_with_an_example(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^{PREFIX}{name.upper()}: '.*' is not a duration: .* as in 10s, 5m"):
        from_file(tmp_path, f"{PREFIX}{name.upper()}={text}")


def readme_defaults() -> Iterator[tuple[str, str]]:
    """Yield the variables of the settings table in the README, in full, with their defaults where one stands."""
    for names, defaults in re.findall(r"^\| (`PRESETWATCH_.*?) \| (.*?) \|", README.read_text(), re.MULTILINE):
        variables = [name if name.startswith(PREFIX) else PREFIX + name[1:] for name in re.findall(r"`(\w+)`", names)]
        values = re.findall(r"`([^`]+)`", defaults)
        yield from zip(variables, values if len(values) == len(variables) else [""] * len(variables), strict=True)


def test_the_variables_and_defaults_of_the_readme_are_those_of_the_settings(tmp_path: Path) -> None:
    told = dict(readme_defaults())
    assert {variable.removeprefix(PREFIX).lower() for variable in told} <= set(Settings.model_fields)
    assert told[PREFIX + "DEDUPE_HORIZON"] == "24h"  # the table is read at all
    assert from_file(tmp_path, "\n".join(f"{variable}={default}" for variable, default in told.items())) == settings()


def test_without_brokers_those_of_this_machine_are_meant() -> None:
    assert settings().bootstrap == DEFAULT_BOOTSTRAP == "127.0.0.1:9092"
    assert settings(kafka_bootstrap="a:1,b:2").bootstrap == "a:1,b:2"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({}, "127.0.0.1"),
        ({"web_host": "10.0.0.7"}, "10.0.0.7"),
        ({"web_host": "0.0.0.0"}, socket.gethostname()),
        ({"web_host": "::"}, socket.gethostname()),
        ({"web_host": "0.0.0.0", "web_advertise": "10.0.0.7"}, "10.0.0.7"),
    ],
)
def test_a_worker_advertises_an_address_at_which_it_can_be_reached(given: dict[str, str], host: str) -> None:
    assert settings(**given).advertised_host == host


@pytest.mark.parametrize(
    "url", ["https://api.daily.co/v1", "http://127.0.0.1:8000/v1", "http://[::1]:1", "http://localhost"]
)
def test_a_key_may_go_where_nobody_listens_in(url: str) -> None:
    assert settings(daily_api_url=url).daily_api_url == url


@pytest.mark.parametrize(
    "url", ["http://api.daily.co/v1", "http://127.0.0.1.example.com", "api.daily.co", "ftp://a", "https://"]
)
def test_a_key_is_not_sent_in_the_clear(url: str) -> None:
    with pytest.raises(ValueError, match=r"^PRESETWATCH_DAILY_API_URL: the API key is sent there"):
        settings(daily_api_url=url)


@pytest.mark.parametrize("proxies", ["proxy.example.com", "10.0.0.0/8, x", "10.0.0.1/8", "*"])
def test_proxies_are_named_by_address(proxies: str) -> None:
    assert settings(web_proxies=" 10.0.0.0/8, fd00::1,").web_proxies
    with pytest.raises(ValueError, match=r"^PRESETWATCH_WEB_PROXIES: .* is neither an address nor a network"):
        settings(web_proxies=proxies)


def test_the_tallies_topic_belongs_to_the_app() -> None:
    assert settings(app_id="other").tallies_topic == "other-tallies"


def test_an_empty_variable_is_as_good_as_none_and_one_of_another_program_is_passed_over(tmp_path: Path) -> None:
    assert from_file(tmp_path, "PRESETWATCH_PANE=\nPRESETWATCH_WEB_TOKEN=\nOTHER_PANE=7s\n") == settings()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(tmp_path: Path, name: str) -> None:
    held = from_file(tmp_path, f"{PREFIX}{name.upper()}=hush-hush")
    assert getattr(held, name).get_secret_value() == "hush-hush"
    for shown in (repr(held), str(held), str(held.model_dump()), held.model_dump_json(), f"{getattr(held, name)}"):
        assert "hush" not in shown


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_shown_by_the_fault_of_another_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="PARTITIONS") as refused:
        from_file(tmp_path, f"{PREFIX}{name.upper()}=hush-hush\n{PREFIX}PARTITIONS=none\n")
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_login_that_lacks_something_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="SASL_SSL with PLAIN needs PRESETWATCH_KAFKA_PASSWORD") as refused:
        settings(kafka_security_protocol="SASL_SSL", kafka_username="me")
    assert "USERNAME" not in str(refused.value)
    login = {"kafka_username": "me", "kafka_password": "hush", "kafka_security_protocol": "SASL_SSL"}
    with pytest.raises(ValueError, match="OAUTHBEARER needs PRESETWATCH_KAFKA_TOKEN_URL"):
        settings(**login, kafka_sasl_mechanism="OAUTHBEARER")
    assert settings(**login).kafka_username == "me"


@pytest.mark.parametrize(
    ("given", "is_open"),
    [
        ({}, False),
        ({"web_host": "::1"}, False),
        ({"web_host": "0.0.0.0"}, True),
        ({"web_host": "10.1.2.3"}, True),
        ({"web_host": "0.0.0.0", "web_token": "hush"}, False),
        ({"web_host": "0.0.0.0", "web_public": True}, False),
    ],
)
def test_a_worker_is_open_to_strangers_only_if_told_so(given: dict[str, Any], is_open: bool) -> None:
    assert settings(**given).is_open_to_strangers is is_open


def test_settings_do_not_change_while_a_process_runs() -> None:
    held = settings()
    with pytest.raises(ValidationError, match="frozen"):
        held.pane = 1_000  # type: ignore[misc]  # the very thing that is refused
    assert held == settings()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("partitions", "none", "valid integer"),
        ("partitions", "0", "greater than or equal to 1"),
        ("partitions", "1025", "less than or equal to 1024"),
        ("replication", "0", "greater than or equal to 1"),
        ("max_presets", "0", "greater than or equal to 1"),
        ("web_port", "0", "greater than or equal to 1"),
        ("gateway_port", "70000", "less than or equal to 65535"),
        ("app_id", "two words", "should match pattern"),
        ("app_id", "a" * 201, "should match pattern"),
        ("web_advertise", "http://worker-1", "should match pattern"),
        ("web_advertise", "worker-1:6066", "should match pattern"),
        ("log_level", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("log_format", "xml", "'console' or 'json'"),
        ("kafka_security_protocol", "TLS", "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ("kafka_sasl_mechanism", "GSSAPI", "'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512' or 'OAUTHBEARER'"),
        ("pane", "999ms", "greater than or equal to"),
        ("pane", "2h", "less than or equal to"),
        ("allowed_lateness", "61m", "less than or equal to"),
        ("idle_after", "99ms", "greater than or equal to"),
        ("dedupe_horizon", "59m", "greater than or equal to"),
    ],
)
def test_a_value_that_does_not_fit_is_one_line_with_the_variables_name(
    tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{PREFIX}{name.upper()}: [^\n]*{re.escape(sentence)}[^\n]*$"):
        from_file(tmp_path, f"{PREFIX}{name.upper()}={value}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partitions", "1"),
        ("partitions", "1024"),
        ("web_port", "65535"),
        ("app_id", "a" * 200),
        ("web_advertise", "fd00::7"),
        ("web_advertise", "worker_1.workers"),
        ("pane", "1s"),
        ("pane", "1h"),
        ("allowed_lateness", "0s"),
        ("allowed_lateness", "1h"),
        ("idle_after", "100ms"),
        ("dedupe_horizon", "1h"),
    ],
)
def test_a_value_at_its_bound_fits(tmp_path: Path, name: str, value: str) -> None:
    held = getattr(from_file(tmp_path, f"{PREFIX}{name.upper()}={value}"), name)
    assert (format_duration(held) if name in DURATIONS else str(held)) == value


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("pane", "2h", "1h"),
        ("allowed_lateness", "61m", "1h"),
        ("idle_after", "99ms", "100ms"),
        ("dedupe_horizon", "5m", "1h"),
    ],
)
def test_the_bound_of_a_duration_is_said_as_a_duration(tmp_path: Path, name: str, value: str, bound: str) -> None:
    with pytest.raises(ValueError, match=rf"{PREFIX}{name.upper()}: .*\b{bound}\b"):
        from_file(tmp_path, f"{PREFIX}{name.upper()}={value}")


@pytest.mark.parametrize("pane", ["7s", "11s", "35m"])
def test_a_pane_that_does_not_divide_an_hour_is_refused_with_some_that_do(pane: str) -> None:
    with pytest.raises(ValueError, match=r"^settings: PANE must divide an hour evenly: use 1s, 5s, 10s"):
        settings(pane=pane)


def test_all_faults_are_named_at_once_one_a_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PARTITIONS") as refused:
        from_file(tmp_path, "PRESETWATCH_PARTITIONS=none\nPRESETWATCH_PANE=10\nPRESETWATCH_LOG_LEVEL=loud\n")
    lines = str(refused.value).split("\n")
    assert [line.partition(":")[0] for line in lines] == [PREFIX + name for name in ("PARTITIONS", "PANE", "LOG_LEVEL")]
