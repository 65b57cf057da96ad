"""An embedded broker that also listens with TLS and SASL, knows some users, and lets nobody do what was not allowed.

Whoever comes by the plain listener is its administrator, so that tests can set it up.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives import serialization

from stream.local.broker import EmbeddedBroker
from stream.local.loopback import HOST, free_port

LISTENERS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
USERS = {"plain": "plain-secret", "scram": "scram-secret", "least": "least-secret"}
CERTIFIED = "worker.example"
"""Whom the client's certificate names."""

_SETTINGS = """
ssl.keystore.type=PEM
ssl.keystore.location=server.pem
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
listener.name.ssl.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^.*CN=([^,]*).*$/$1/
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
"""


@dataclass(frozen=True, slots=True)
class Right:
    """What somebody may do with something."""

    kind: ResourceType
    name: str
    operations: tuple[AclOperation, ...]


class SecureBroker(EmbeddedBroker):
    """Knows the users `USERS`, and whoever has a certificate of its authority."""

    def __init__(self, data_dir: Path, port: int) -> None:
        super().__init__(data_dir, port)
        self.addresses: dict[str, str] = {}
        self.data_dir.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        self.ca, self.cert, self.key = (self.data_dir / name for name in ("ca.pem", "client.pem", "client.key"))
        authority.cert_pem.write_to_path(str(self.ca))
        server = authority.issue_cert(HOST, "localhost")
        chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
        (self.data_dir / "server.pem").write_bytes(_as_pkcs8(server.private_key_pem.bytes()) + chain)
        client = authority.issue_cert(CERTIFIED, common_name=CERTIFIED)
        client.private_key_pem.write_to_path(str(self.key))
        client.cert_chain_pems[0].write_to_path(str(self.cert))

    def _configure(self) -> None:
        super()._configure()
        file, port = self.data_dir / "server.properties", int(self.bootstrap.rpartition(":")[2])
        for listener in LISTENERS:
            port = free_port(port + 10)
            self.addresses[listener] = f"{HOST}:{port}"
        more = ",".join(f"{listener}://{address}" for listener, address in self.addresses.items())
        mapped = ",".join(f"{listener}:{listener}" for listener in LISTENERS)
        written = file.read_text()
        written = written.replace("listeners=PLAINTEXT", f"listeners={more},PLAINTEXT", 1)
        written = written.replace("security.protocol.map=", f"security.protocol.map={mapped},", 1)
        file.write_text(written + _SETTINGS + "".join(_logins()))

    def prepare(self) -> None:
        """Make the users known that are not in the configuration."""
        mechanisms = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        # A request may name each user once.
        for each in mechanisms:
            wanted = [
                UserScramCredentialUpsertion(user, ScramCredentialInfo(each, 4096), USERS[user].encode())
                for user in ("scram", "least")
            ]
            for answer in admin.alter_user_scram_credentials(wanted).values():
                answer.result(timeout=30)

    def allow(self, user: str, rights: Iterable[Right]) -> None:
        """Let a user do these things."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        bindings = [
            AclBinding(
                right.kind,
                right.name,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for right in rights
            for operation in right.operations
        ]
        for answer in admin.create_acls(bindings).values():
            answer.result(timeout=30)
        # They are in force a moment after they are stored.
        while not set(bindings) <= set(admin.describe_acls(_ALL_RIGHTS).result(timeout=30)):
            time.sleep(0.05)


_ALL_RIGHTS = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)


def _as_pkcs8(key: bytes) -> bytes:
    """Return a private key in the only form of PEM that Kafka reads."""
    loaded = serialization.load_pem_private_key(key, None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return loaded.private_bytes(*form, serialization.NoEncryption())


def _logins() -> Iterable[str]:
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    oauth = "org.apache.kafka.common.security.oauthbearer"
    for listener in ("sasl_plaintext", "sasl_ssl"):
        name = f"listener.name.{listener}"
        yield f'{name}.plain.sasl.jaas.config={plain} required user_plain="{USERS["plain"]}";\n'
        yield f"{name}.oauthbearer.sasl.jaas.config={oauth}.OAuthBearerLoginModule required;\n"
        # Tokens are not signed: who may issue them is the broker's concern, not presetwatch's.
        handler = f"{oauth}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
        yield f"{name}.oauthbearer.sasl.server.callback.handler.class={handler}\n"
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            yield f"{name}.{mechanism}.sasl.jaas.config={scram} required;\n"
