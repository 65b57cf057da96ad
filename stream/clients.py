"""How every Kafka client of presetwatch connects: one place for addresses, TLS and SASL.

Law: what one client can reach, all can; a secret never leaves the settings but to the client that needs it.
"""

import logging
import ssl
from typing import Any

import faust
from aiokafka.helpers import create_ssl_context
from pydantic import SecretStr

from stream.domain.decoding import MAX_BYTES
from stream.settings import Settings
from stream.tokens import Tokens

LARGEST_REQUEST = MAX_BYTES + 2**20
"""A record of the greatest size that can be read must still fit when it is parked with headers; bytes."""

LIBRDKAFKA_LOG = logging.getLogger("librdkafka")
# Commands without a log say in a sentence what failed; without a handler Python would print these lines as well.
LIBRDKAFKA_LOG.addHandler(logging.NullHandler())


def connection(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that connect an aiokafka client."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= _sasl(settings)
    return arguments


def librdkafka(settings: Settings) -> dict[str, Any]:
    """Return the configuration that connects a librdkafka client.

    What it has to say reaches the log when it is polled, so an admin client wants a `poll(0)` after its answers.
    """
    arguments: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.kafka_security_protocol,
        "logger": LIBRDKAFKA_LOG,
    }
    files = {
        "ssl.ca.location": settings.kafka_ca_file,
        "ssl.certificate.location": settings.kafka_cert_file,
        "ssl.key.location": settings.kafka_key_file,
    }
    arguments |= {name: str(path) for name, path in files.items() if path is not None}
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= _librdkafka_sasl(settings)
    return arguments


def librdkafka_reader(settings: Settings) -> dict[str, Any]:
    """Return the configuration that connects a librdkafka consumer which reads what it is assigned."""
    # It joins no group and commits nothing, but asks the broker for its group all the same, and so needs one that the
    # worker has a right to.
    return {**librdkafka(settings), "group.id": settings.app_id, "enable.auto.commit": False}


def _librdkafka_sasl(settings: Settings) -> dict[str, Any]:
    user, password = settings.kafka_username, _secret(settings.kafka_password)
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        scope = {"sasl.oauthbearer.scope": settings.kafka_token_scope} if settings.kafka_token_scope else {}
        return {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": user,
            "sasl.oauthbearer.client.secret": password,
            "sasl.oauthbearer.token.endpoint.url": settings.kafka_token_url,
            **scope,
        }
    return {"sasl.mechanism": settings.kafka_sasl_mechanism, "sasl.username": user, "sasl.password": password}


def credentials(settings: Settings) -> Any:
    """Return Faust's credentials, or None for a broker without any."""
    context = ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            return faust.OAuthCredentials(oauth_cb=_tokens(settings), ssl_context=context)
        return faust.SASLCredentials(
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_username,
            password=_secret(settings.kafka_password),
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context for the broker, or None where the protocol has no TLS."""
    if "SSL" not in settings.kafka_security_protocol:
        return None
    context: ssl.SSLContext = create_ssl_context(
        cafile=_text(settings.kafka_ca_file),
        certfile=_text(settings.kafka_cert_file),
        keyfile=_text(settings.kafka_key_file),
    )
    return context


def _sasl(settings: Settings) -> dict[str, Any]:
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": _tokens(settings)}
    return {
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": _secret(settings.kafka_password),
    }


def _tokens(settings: Settings) -> Tokens:
    password = settings.kafka_password or SecretStr("")
    return Tokens(settings.kafka_token_url or "", settings.kafka_username or "", password, settings.kafka_token_scope)


def _secret(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _text(path: object) -> str | None:
    return None if path is None else str(path)
