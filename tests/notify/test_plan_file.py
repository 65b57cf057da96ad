"""The notify file: sound, or every fault with its line, and never a secret in what is said of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.notify.plan import AlertmanagerChannel, AppriseChannel, Plan, WebhookChannel
from stream.notify.plan_file import load_plan, read_plan
from tests.notify.alerts import ALERTMANAGER, PEOPLE, PROGRAM, WEBHOOK_SECRET

DOCS = Path(__file__).parents[2] / "docs" / "notify.md"


def faults(text: str) -> list[str]:
    found = load_plan(text, "f", {})
    assert not isinstance(found, Plan)
    return [str(fault).removeprefix("f:") for fault in found]


def test_secrets_come_from_the_environment_or_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{WEBHOOK_SECRET}\n")
    text = PROGRAM.replace(WEBHOOK_SECRET, f"${{file:{secret}}}").replace("/hook", "/${HOOK}")
    found = load_plan(text, "f", {"HOOK": "t0ken"})
    assert isinstance(found, Plan)
    [channel] = found.channels
    assert isinstance(channel, WebhookChannel)
    assert channel.secret.get_secret_value() == WEBHOOK_SECRET
    assert channel.url.get_secret_value() == "http://127.0.0.1:1/t0ken"
    assert "t0ken" not in repr(found)
    assert WEBHOOK_SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: holds no [[channel]]: see docs/notify.md for an example"),
        (PEOPLE.replace('"apprise"', '"aprise"'), "1: unknown kind 'aprise': did you mean 'apprise'?"),
        (PEOPLE.replace('kind = "apprise"\n', ""), "1: this channel has no kind: use one of alertmanager,"),
        (PEOPLE.replace("json://", "jason://"), "4: url is none that Apprise knows"),
        (PEOPLE.replace('["chat"]', '["chatt"]'), "7: unknown channel 'chatt': did you mean 'chat'?"),
        (PEOPLE.replace('name = "chat"\n', ""), "1: this channel has no name"),
        (PEOPLE + PEOPLE, "9: name 'chat' is taken by a channel above: names are unique"),
        (PEOPLE + 'severities = ["bad"]', "8: severities[0] must be 'critical', 'warning' or 'info', got \"bad\""),
        (PEOPLE + 'repeat = "soon"', "8: repeat 'soon' is not a duration"),
        (PEOPLE + 'digest = "0s"', "8: digest must be at least 1s, got 0s"),
        (PEOPLE + 'chanels = ["a"]', "8: unknown key 'chanels': did you mean 'channels'?"),
        ("dashbord = 1\n" + PEOPLE, "1: unknown key 'dashbord': did you mean 'dashboard'?"),
        (PROGRAM.replace("http:", "ftp:"), "4: url must begin with http:// or https://"),
        (PROGRAM.replace(WEBHOOK_SECRET, "whsec_"), "5: secret must be base64, as in whsec_"),
        (PROGRAM.replace(f'"{WEBHOOK_SECRET}"', "7"), "5: secret must be text that is not empty"),
        (PROGRAM.replace("/hook", "/${HOOK}"), "4: url refers to ${HOOK}, which is not set in the environment"),
        (PROGRAM.replace("/hook", "/${file:/no/such}"), "4: url refers to ${file:/no/such}, which cannot be read"),
        ("[channel]\nname = 'a'\n", "1: write [[channel]] in double brackets, once for each channel"),
        (ALERTMANAGER.replace('"am"', '"A M"'), "2: name must be 1 to 64 lower-case letters"),
    ],
)
def test_a_fault_is_named_with_its_line_and_what_would_fit(text: str, said: str) -> None:
    assert any(fault.startswith(said) for fault in faults(text)), faults(text)


@pytest.mark.parametrize("wrong", ["kind = 3\n", "nmae = 3\n", "name = 3\n", "give_up_after = 3\n"])
def test_no_fault_quotes_a_secret(wrong: str) -> None:
    key = wrong.partition(" =")[0]
    text = "".join(line for line in PROGRAM.splitlines(keepends=True) if not line.startswith(f"{key} ="))
    text = text.replace("\n\n[[route]]", f"\n{wrong}\n[[route]]").replace("/hook", "/hush")
    assert faults(text)
    assert not [fault for fault in faults(text) if "hush" in fault or WEBHOOK_SECRET in fault]


def test_all_faults_are_named_at_once() -> None:
    found = faults(PEOPLE.replace("json:", "jason:") + 'repeat = "4"\nwhat = 1\n')
    assert [fault.split(":")[0] for fault in found] == ["8", "9"]


@given(st.text())
def test_any_text_is_a_plan_or_faults(text: str) -> None:
    assert load_plan(text, "f", {})


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    [fault] = read_plan(tmp_path / "none.toml", {})
    assert "cannot be read" in str(fault)
    assert "notify file" in str(fault)


def test_the_example_in_the_documentation_is_sound(tmp_path: Path) -> None:
    text = DOCS.read_text().split("```toml\n")[1].split("```")[0]
    secret = tmp_path / "secret"
    secret.write_text(WEBHOOK_SECRET)
    given = {"CHAT_URL": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "MAIL_PASSWORD": "hush"}
    found = load_plan(text.replace("/run/secrets/tickets", str(secret)), "docs/notify.md", given)
    assert isinstance(found, Plan), "\n".join(map(str, found))
    assert {type(each) for each in found.channels} == {AlertmanagerChannel, WebhookChannel, AppriseChannel}
