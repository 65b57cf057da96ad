"""`webhook`: the webhooks that Daily sends a domain's events to, made, shown, turned on again and deleted.

Law: a secret is shown only where it was asked for, or where it is new and would be lost otherwise; it is never part of
an error and never given as an argument, which others on the machine could read.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from yarl import URL

from stream.cli import given
from stream.cli.at_daily import ask_daily
from stream.cli.kept_secret import with_kept
from stream.cli.output import out, say, write_line, wrong
from stream.cli.reactivate import no_webhook, reactivate
from stream.cli.webhook_secret import Secret, secret_for
from stream.cli.webhook_view import as_dict, webhook_table
from stream.daily.client import Daily, NewWebhook
from stream.daily.failure import NotFound, OutOfReach, Refused
from stream.daily.wire import Webhook

webhook_app = typer.Typer(help="Look after the webhooks that Daily sends.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs, without secrets.")]
ShowSecret = Annotated[bool, typer.Option("--show-secret", help="Show the secret that webhooks are signed with.")]


@webhook_app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where Daily is to send events: the gateway's /webhooks/daily.")],
    retry: Annotated[
        Literal["exponential", "circuit-breaker"],
        typer.Option(help="exponential resends for a while; circuit-breaker gives up after three failures in a row."),
    ] = "exponential",
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a new secret to this file, which must not exist yet.")
    ] = None,
    show_secret: ShowSecret = False,
    as_json: AsJson = False,
) -> None:
    """Have Daily send both events about batch jobs to an address.

    Daily pings the address at once and makes no webhook unless it answers
    200, so the gateway must be running. Webhooks are signed with the first
    secret in PRESETWATCH_WEBHOOK_HMAC, or with the one that `presetwatch up`
    keeps in DATA_DIR. Without either a new secret is made and shown this
    once, as the line to put into the gateway's environment, or written to a
    file that only you can read.

    For example:
      presetwatch webhook create https://hooks.example.com/webhooks/daily

    Settings: PRESETWATCH_DAILY_API_KEY, PRESETWATCH_WEBHOOK_HMAC,
    PRESETWATCH_WEBHOOK_BASIC_AUTH.
    """
    settings = with_kept(given.settings())
    _insist_on_address(url)
    secret = secret_for(settings, secret_file)
    if as_json and secret.is_new and not (show_secret or secret_file):
        raise wrong(
            "The new secret would be lost: say with --show-secret that it may be part of the JSON, or where "
            "to write it with --secret-file FILE."
        )
    basic_auth = settings.webhook_basic_auth.get_secret_value() if settings.webhook_basic_auth else None
    new = NewWebhook(url, secret.value, basic_auth, retry)
    ask_daily(settings, lambda daily: _insist_on_new(daily, url))
    with secret.kept_in(secret_file):
        made = ask_daily(settings, lambda daily: _create(daily, new))
    shown = secret if show_secret or (secret.is_new and not secret_file) else None
    _tell_of(made, shown, as_json=as_json)


def _insist_on_address(url: str) -> None:
    try:
        address = URL(url)
        is_address = address.scheme in ("http", "https") and bool(address.host)
    except ValueError:
        is_address = False
    if not is_address:
        raise wrong("The address must be one that Daily can reach, as in https://hooks.example.com/webhooks/daily.")


async def _insist_on_new(daily: Daily, url: str) -> None:
    for webhook in await daily.webhooks():
        if webhook.sends_to(url):
            raise wrong(
                f"Webhook {webhook.uuid} sends to that address already, and a second one would send everything twice: "
                f"`presetwatch webhook reactivate {webhook.uuid}` turns it on, `webhook delete` makes room for another."
            )


async def _create(daily: Daily, new: NewWebhook) -> Webhook:
    try:
        made = await daily.create_webhook(new)
    except OutOfReach as failed:
        if failed.is_undone:
            raise
        raise OutOfReach(f"{failed} The webhook may have been made: see `presetwatch webhook list`.") from None
    if made.hmac and made.hmac.get_secret_value() != new.hmac:
        raise Refused(
            f"Webhook {made.uuid} is made, but Daily signs it with another secret than it was given: "
            f"`presetwatch webhook list --show-secret` shows which, for the gateway's environment."
        )
    return made


def _tell_of(webhook: Webhook, secret: Secret | None, *, as_json: bool) -> None:
    if as_json:
        document = as_dict(webhook) | ({"hmac": secret.value} if secret else {})
        write_line(json.dumps(document).encode())
        return
    say(f"Webhook {webhook.uuid} is made: Daily sends each job's end to it.")
    if secret:
        say("Put this into the gateway's environment:" if secret.is_new else "It is signed with:")
        write_line(secret.as_setting())


@webhook_app.command("list")
def list_webhooks(show_secret: ShowSecret = False, as_json: AsJson = False) -> None:
    """Show all webhooks of the domain: where they send, and whether Daily has given up on them.

    For example:
      presetwatch webhook list
      presetwatch webhook list --json | jq '.[] | select(.state == "FAILED")'

    Settings: PRESETWATCH_DAILY_API_KEY.
    """
    webhooks = ask_daily(given.settings(), Daily.webhooks)
    if as_json:
        write_line(json.dumps([as_dict(each, show_secret=show_secret) for each in webhooks]).encode())
    elif webhooks:
        out().print(webhook_table(webhooks, show_secret=show_secret))
    else:
        say("The domain has no webhooks: `presetwatch webhook create` makes one.")
    if failed := [each for each in webhooks if each.has_failed]:
        say(
            f"Daily sends nothing to {', '.join(str(each.uuid) for each in failed)} any more: see that the address "
            f"answers, then `presetwatch webhook reactivate` and `presetwatch reconcile`."
        )


@webhook_app.command()
def delete(
    uuid: Annotated[str, typer.Argument(help="As `presetwatch webhook list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a webhook: Daily sends nothing to its address any more.

    For example:
      presetwatch webhook delete 1b9b1a09-5c3f-4f7a-8d5e-5f6a7b8c9d0e --yes

    Settings: PRESETWATCH_DAILY_API_KEY.
    """
    settings = given.settings()
    if not yes:
        typer.confirm(f"Delete webhook {uuid} for good?", abort=True, err=True)
    ask_daily(settings, lambda daily: _delete(daily, uuid))
    say(f"Webhook {uuid} is deleted.")


async def _delete(daily: Daily, uuid: str) -> None:
    try:
        await daily.delete_webhook(uuid)
    except NotFound:
        raise no_webhook(uuid) from None


webhook_app.command()(reactivate)
