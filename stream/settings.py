"""The settings of every part, and the only reader of the environment.

Law: settings are read once, checked at once, and never change while a process runs. Durations read as `10s`, `5m`,
`24h`, `3d` and are kept as integer milliseconds.
"""

import os
import socket
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stream.domain.duration import format_duration, parse_duration
from stream.domain.panes import HOUR_MS

PREFIX = "PRESETWATCH_"
DEFAULT_BOOTSTRAP = "127.0.0.1:9092"
Duration = Annotated[int, BeforeValidator(lambda given: given if isinstance(given, int) else parse_duration(given))]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_HOST = r"^([A-Za-z0-9._-]+|[0-9A-Fa-f]*:[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*)$"
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  where one may listen, but where nobody can be reached
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class Settings(BaseSettings):
    """Everything an operator may set, as environment variables with the prefix `PRESETWATCH_` or in a `.env` file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    kafka_bootstrap: str | None = Field(None, description="Brokers as host:port, comma-separated.")
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_sasl_mechanism: SaslMechanism = "PLAIN"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_token_url: str | None = Field(None, description="Where OAUTHBEARER gets its tokens.")
    kafka_token_scope: str | None = None
    kafka_ca_file: Path | None = None
    kafka_cert_file: Path | None = None
    kafka_key_file: Path | None = None

    app_id: str = Field("presetwatch", pattern=r"^[A-Za-z0-9._-]{1,200}$")
    events_topic: str = "batch-processor-events"
    rejected_topic: str = "batch-processor-events.rejected"
    alerts_topic: str = "preset-alerts"
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of topics that do not exist yet.")
    replication: int = Field(1, ge=1, le=10, description="Replicas of topics that do not exist yet.")

    rules: Path | None = Field(None, description="Rules file; the built-in rules without one.")
    pane: Duration = Field(10_000, ge=1_000, le=HOUR_MS)
    allowed_lateness: Duration = Field(5_000, ge=0, le=HOUR_MS)
    idle_after: Duration = Field(5_000, ge=100)
    dedupe_horizon: Duration = Field(24 * HOUR_MS, ge=HOUR_MS)
    max_presets: int = Field(1_000, ge=1)
    data_dir: Path = Path(".presetwatch")

    web_host: str = "127.0.0.1"
    web_advertise: str | None = Field(
        None, pattern=_HOST, description="The host at which other workers reach this one, without scheme and port."
    )
    web_port: int = Field(6066, ge=1, le=65_535)
    web_token: SecretStr | None = None
    web_public: bool = Field(False, description="Whether others may read without a token.")
    web_hosts: str = Field("", description="Names by which people reach a worker, comma-separated.")
    web_faust: bool = Field(False, description="Whether a worker serves Faust's own pages too.")
    web_proxies: str = Field("", description="Addresses or networks of trusted proxies, comma-separated.")
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(8080, ge=1, le=65_535)
    webhook_hmac: SecretStr | None = Field(None, description="Secrets as Daily gives them, comma-separated.")
    webhook_basic_auth: SecretStr | None = None
    # Daily may come again for an hour, and nobody knows whether it then signs with the time of its first try.
    webhook_tolerance: Duration = Field(2 * HOUR_MS, ge=0)

    daily_api_key: SecretStr | None = None
    daily_api_url: str = "https://api.daily.co/v1"
    notify: Path | None = Field(None, description="Notify file: who is told what.")
    notify_host: str = "127.0.0.1"
    notify_port: int = Field(6067, ge=1, le=65_535)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @property
    def bootstrap(self) -> str:
        """The brokers to talk to."""
        return self.kafka_bootstrap or DEFAULT_BOOTSTRAP

    @property
    def advertised_host(self) -> str:
        """Where other workers reach this one: a name or an address."""
        return self.web_advertise or (socket.gethostname() if self.web_host in _EVERY_ADDRESS else self.web_host)

    @property
    def hosts(self) -> list[str]:
        """The names by which people reach a worker."""
        named = [each.strip().lower() for each in self.web_hosts.split(",")]
        return [each for each in (*named, self.advertised_host.lower()) if each]

    @property
    def is_open_to_strangers(self) -> bool:
        """Whether whoever reaches this machine over a network may read what a worker serves, without being meant to."""
        return not (self.web_token or self.web_public or self.web_host in _THIS_MACHINE)

    @property
    def tallies_topic(self) -> str:
        """Where the counting stage tells the deciding stage; like the changelogs it belongs to one app."""
        return f"{self.app_id}-tallies"

    @property
    def rekeyed_topic(self) -> str:
        """Where records go whose job is at home in another partition than theirs."""
        return f"{self.app_id}-rekeyed"

    @field_validator("web_proxies")
    @classmethod
    def _proxies_are_addresses(cls, given: str) -> str:
        for each in filter(None, map(str.strip, given.split(","))):
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each} is neither an address nor a network such as 10.0.0.0/8") from None
        return given

    @field_validator("daily_api_url")
    @classmethod
    def _key_goes_nowhere_in_the_clear(cls, given: str) -> str:
        url = urlsplit(given)
        if url.hostname and (url.scheme == "https" or (url.scheme == "http" and url.hostname in _THIS_MACHINE)):
            return given
        raise ValueError("the API key is sent there, so it must begin with https://, but for this machine itself")

    @model_validator(mode="after")
    def _has_what_the_broker_is_told(self) -> "Settings":
        if not self.kafka_security_protocol.startswith("SASL"):
            return self
        needed = {"KAFKA_USERNAME": self.kafka_username, "KAFKA_PASSWORD": self.kafka_password}
        if self.kafka_sasl_mechanism == "OAUTHBEARER":
            needed["KAFKA_TOKEN_URL"] = self.kafka_token_url
        missing = [PREFIX + name for name, given in needed.items() if not given]
        if missing:
            mechanism = self.kafka_sasl_mechanism
            raise ValueError(f"{self.kafka_security_protocol} with {mechanism} needs {' and '.join(missing)}.")
        return self

    @model_validator(mode="after")
    def _hours_are_whole_panes(self) -> "Settings":
        if HOUR_MS % self.pane:
            raise ValueError("PANE must divide an hour evenly: use 1s, 5s, 10s, 30s, 1m ...")
        return self


def environment() -> Mapping[str, str]:
    """Return the environment, for files that refer to variables by names of their own."""
    return os.environ


def read_settings(**given: object) -> Settings:
    """Return the settings; raises `ValueError` with one line for each that does not fit."""
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks what the command line gives
    except ValidationError as error:
        raise ValueError("\n".join(_fault(fault) for fault in error.errors())) from None


def _fault(fault: object) -> str:
    assert isinstance(fault, dict)
    names = [PREFIX + str(part).upper() for part in fault["loc"]]
    said = str(fault["msg"]).removeprefix("Value error, ")
    if fault["loc"] and fault["loc"][0] in _DURATIONS:
        for bound in (fault.get("ctx") or {}).values():
            said = said.replace(str(bound), format_duration(bound)) if isinstance(bound, int) else said
    return f"{'.'.join(names) or 'settings'}: {said}"


_DURATIONS = {
    name
    for name, field in Settings.model_fields.items()
    if any(isinstance(each, BeforeValidator) for each in field.metadata)
}
