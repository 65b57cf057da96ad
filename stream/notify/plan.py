"""Who is told what and when, as a notify file says it.

Law: a plan that exists can be followed, so nothing downstream checks a bound again. The first route that matches an
alert decides, unless it says `continue`; a channel is told by the first route that names it, and so never twice.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator
from standardwebhooks import Webhook

from schemas.alert import AlertEvent
from stream.domain.duration import DurationMs, format_duration, parse_duration
from stream.domain.rule_fields import Frozen, Severity, Slug, Texts

DAY_MS = parse_duration("24h")
SHORTEST_MS = 1_000


def _at_least_a_second(ms: int) -> int:
    if ms < SHORTEST_MS:
        raise ValueError(f"must be at least {format_duration(SHORTEST_MS)}, got {format_duration(ms)}")
    return ms


def _web_address(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url


Secret = Annotated[SecretStr, Field(strict=False, min_length=1)]
WebAddress = Annotated[Secret, AfterValidator(_web_address)]
PeriodMs = Annotated[DurationMs, AfterValidator(_at_least_a_second)]


class _Channel(Frozen):
    name: Slug
    give_up_after_ms: DurationMs = Field("1h", alias="give_up_after", validate_default=True)
    """How long a message is tried before it becomes a dead letter; milliseconds."""


class AlertmanagerChannel(_Channel):
    """A Prometheus Alertmanager: told of every alert that fires, again and again, until it has resolved."""

    kind: Literal["alertmanager"] = "alertmanager"
    url: WebAddress
    token: Secret | None = None
    refresh_ms: PeriodMs = Field("1m", alias="refresh", validate_default=True)


class WebhookChannel(_Channel):
    """A program: sent each transition once, signed by the Standard Webhooks convention."""

    kind: Literal["webhook"] = "webhook"
    url: WebAddress
    secret: Secret

    @field_validator("secret")
    @classmethod
    def _signs(cls, secret: SecretStr) -> SecretStr:
        try:
            Webhook(secret.get_secret_value())
        except Exception:  # noqa: BLE001  # whatever the library finds wrong, it may quote the secret
            raise ValueError("must be base64, as in whsec_ and what `openssl rand -base64 24` says") from None
        return secret


class AppriseChannel(_Channel):
    """People, by whatever way an Apprise URL names: e-mail, Slack, PagerDuty and so on."""

    kind: Literal["apprise"] = "apprise"
    url: Secret


Channel = AlertmanagerChannel | WebhookChannel | AppriseChannel
AnyChannel = Annotated[Channel, Field(discriminator="kind")]


class Route(Frozen):
    """Which alerts go to which channels. All but `channels`, `continue` and the globs matters to people only."""

    severities: Annotated[tuple[Severity, ...], Field(strict=False)] = ("critical", "warning", "info")
    rules: Texts = ("*",)
    presets: Texts = ("*",)
    channels: Texts
    goes_on: bool = Field(False, alias="continue")
    group_window_ms: DurationMs = Field("30s", alias="group_window", validate_default=True)
    repeat_ms: DurationMs = Field("4h", alias="repeat", validate_default=True)
    resolved: bool = True
    digest_ms: PeriodMs | None = Field(None, alias="digest")
    digest_at_ms: DurationMs = Field("0s", alias="digest_at", validate_default=True)

    def matches(self, event: AlertEvent) -> bool:
        """Tell whether an alert is one of this route's."""
        is_its_preset = any(fnmatchcase(event.preset, glob) for glob in self.presets)
        return is_its_preset and self.hears(event.rule, event.severity)

    def hears(self, rule: str, severity: str) -> bool:
        """Tell whether this route is for a rule's alerts, whatever their preset."""
        return severity in self.severities and any(fnmatchcase(rule, glob) for glob in self.rules)

    def due_at(self, arrived_at: int) -> int:
        """Return when what arrived at some instant is to be told: after the group window, or with the next digest."""
        if self.digest_ms is None:
            return arrived_at + self.group_window_ms
        since = arrived_at - self.digest_at_ms
        return self.digest_at_ms + (since // self.digest_ms + 1) * self.digest_ms


class Plan(Frozen):
    """A notify file."""

    channels: Annotated[tuple[AnyChannel, ...], Field(strict=False, alias="channel")] = ()
    routes: Annotated[tuple[Route, ...], Field(strict=False, alias="route")] = ()
    dashboard: str | None = None
    stale_after_ms: DurationMs = Field("24h", alias="stale_after", validate_default=True)
    """What is over for so long, and was never told, is told no more; milliseconds."""

    def routes_of(self, event: AlertEvent) -> Iterator[Route]:
        """Yield the routes of an alert, in the file's order."""
        for route in self.routes:
            if route.matches(event):
                yield route
                if not route.goes_on:
                    return

    def route_to(self, channel: str, event: AlertEvent) -> Route | None:
        """Return the route by which a channel hears of an alert, or None where it does not."""
        return next((route for route in self.routes_of(event) if channel in route.channels), None)
