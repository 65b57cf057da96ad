"""Every connection works with TLS, SASL and mutual TLS, and with no more rights than the documentation lists."""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer
from confluent_kafka.admin import AclOperation, ResourceType

from stream.cli.topic_checks import NAME
from stream.gateway.upstream import Upstream
from stream.notify.topics import ensure_topics as ensure_notify_topics
from stream.settings import Settings
from stream.topics import ensure_topics, wanted
from tests.kafka.harness import Deployment, deploy, eventually
from tests.kafka.secure_broker import CERTIFIED, USERS, Right, SecureBroker
from tests.kafka.test_end_to_end import DEMO_RULES
from tests.kafka.test_exactness import TRAFFIC, assert_exact
from tests.kafka.test_notify import Place, at, now
from tests.notify.alerts import fired, plan
from tests.notify.receiver import receiving

NOTIFY_DOCUMENT = Path(__file__).parents[2] / "docs" / "notify.md"
DOCUMENT = Path(__file__).parents[2] / "docs" / "kafka-security.md"
TOKEN_SECONDS = 30
LOOKING = (AclOperation.DESCRIBE_CONFIGS,)
"""What the documentation says that the doctor needs in addition."""
EVERYTHING = [
    Right(kind, name, (AclOperation.ALL,))
    for kind, name in (
        (ResourceType.TOPIC, "*"),
        (ResourceType.GROUP, "*"),
        (ResourceType.BROKER, "kafka-cluster"),
    )
]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, quiet_port: int) -> Iterator[SecureBroker]:
    """A secured broker on which two users and whoever has a certificate may do everything."""
    with SecureBroker(tmp_path_factory.mktemp("secure"), quiet_port + 100) as broker:
        broker.prepare()
        for user in ("plain", "scram", CERTIFIED):
            broker.allow(user, EVERYTHING)
        yield broker


def login(secure: SecureBroker, protocol: str, mechanism: str, user: str, password: str = "") -> dict[str, Any]:
    """Return the settings of somebody who comes with a password."""
    return {
        "bootstrap": secure.addresses[protocol],
        "kafka_security_protocol": protocol,
        "kafka_sasl_mechanism": mechanism,
        "kafka_username": user,
        "kafka_password": password or USERS[user],
        "kafka_ca_file": secure.ca,
    }


@pytest.fixture
async def token_url() -> AsyncIterator[str]:
    """Where whoever knows the secret of `plain` gets tokens that are valid for a short while."""

    async def give(request: web.Request) -> web.Response:
        who, asked = request.headers["Authorization"], await request.post()
        if (who, asked["grant_type"]) != (encode_basic_auth("plain", USERS["plain"]), "client_credentials"):
            return web.Response(status=401)
        claims = {"sub": "plain", "iat": time.time(), "exp": time.time() + TOKEN_SECONDS}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, claims)]
        token = b".".join([*parts, b""]).decode()
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS})

    app = web.Application()
    app.router.add_post("/token", give)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/token"))
    await server.close()


def certified(secure: SecureBroker) -> dict[str, Any]:
    """Return the settings of somebody who comes with a certificate."""
    return {
        "bootstrap": secure.addresses["SSL"],
        "kafka_security_protocol": "SSL",
        "kafka_ca_file": secure.ca,
        "kafka_cert_file": secure.cert,
        "kafka_key_file": secure.key,
    }


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("SASL_PLAINTEXT", "SCRAM-SHA-256"),
        ("SASL_SSL", "SCRAM-SHA-512"),
        ("SASL_SSL", "PLAIN"),
        ("SASL_SSL", "OAUTHBEARER"),
        ("SSL", ""),
    ],
)
async def test_a_worker_counts_exactly_over_every_kind_of_connection(  # noqa: PLR0917  # fixtures
    protocol: str, mechanism: str, secure: SecureBroker, token_url: str, unique: str, tmp_path: Path
) -> None:
    user = "scram" if mechanism.startswith("SCRAM") else "plain"
    given = login(secure, protocol, mechanism, user) if mechanism else certified(secure)
    given |= {"kafka_token_url": token_url} if mechanism == "OAUTHBEARER" else {}
    async with deploy(given.pop("bootstrap"), unique, tmp_path, DEMO_RULES, **given) as deployment:
        await deployment.start().ready()
        await deployment.produce(TRAFFIC)
        await assert_exact(deployment)
        deployment.for_workers["PRESETWATCH_WEB_PORT"] = str(deployment.workers[0].port)
        # In a thread, since whoever gives tokens runs here.
        examined = await asyncio.to_thread(deployment.run, "doctor")
        assert examined.returncode == 0, examined.stdout


def documented_rights(settings: Settings) -> list[Right]:
    """Return the rights that the documentation lists, for the names of these settings."""
    names = {
        "batch-processor-events": settings.events_topic,
        "batch-processor-events.rejected": settings.rejected_topic,
        "preset-alerts": settings.alerts_topic,
        "presetwatch": settings.app_id,
    }
    rows = re.findall(r"^\| (topic|group) \| `(.+?)` \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return [
        Right(
            ResourceType[kind.upper()],
            names.get(name, name.replace("presetwatch-", f"{settings.app_id}-")),
            tuple(AclOperation[operation.upper()] for operation in operations.split(", ")),
        )
        for kind, name, operations in rows
    ]


def reach_as(deployment: Deployment, given: dict[str, Any]) -> None:
    """Have the processes of a deployment come to the broker with other settings than the test."""
    named = {"kafka_bootstrap" if name == "bootstrap" else name: value for name, value in given.items()}
    deployment.for_workers = {f"PRESETWATCH_{name.upper()}": str(value) for name, value in named.items()}


async def test_a_worker_runs_with_the_documented_rights_and_no_more(
    secure: SecureBroker, unique: str, tmp_path: Path
) -> None:
    async with deploy(secure.bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        rights = documented_rights(deployment.settings)
        assert {right.name for right in rights} == {*wanted(deployment.settings), deployment.settings.app_id}
        secure.allow("least", rights)
        reach_as(deployment, login(secure, "SASL_SSL", "SCRAM-SHA-256", "least"))
        worker = await deployment.start().ready()
        await deployment.produce(TRAFFIC[: len(TRAFFIC) // 2])
        await deployment.counted(len(deployment.log))
        worker.kill()
        await deployment.start().ready()
        await deployment.produce(TRAFFIC[len(TRAFFIC) // 2 :])
        await assert_exact(deployment)
        [unknown] = topic_settings(deployment)
        assert (unknown["state"], unknown["what"].startswith("not looked at: ")) == ("warn", True)
        assert all(topic in unknown["what"] for topic in wanted(deployment.settings))
        secure.allow("least", [Right(ResourceType.TOPIC, topic, LOOKING) for topic in wanted(deployment.settings)])
        assert [check["what"] for check in topic_settings(deployment)] == ["as they should be"]


def topic_settings(deployment: Deployment) -> list[dict[str, str]]:
    """Return what the doctor says of how topics are set."""
    return [check for check in json.loads(deployment.run("doctor", "--json").stdout) if check["name"] == NAME]


async def test_what_is_forbidden_is_said_in_a_sentence(secure: SecureBroker, unique: str, tmp_path: Path) -> None:
    async with deploy(secure.bootstrap, unique, tmp_path, DEMO_RULES) as deployment:
        reach_as(deployment, login(secure, "SASL_SSL", "SCRAM-SHA-256", "nobody", "wrong"))
        refused = deployment.run("worker")
        assert (refused.returncode, refused.stdout) == (3, b"")
        assert b"Traceback" not in refused.stderr
        assert b"PRESETWATCH_KAFKA_PASSWORD" in refused.stderr
        reach_as(deployment, login(secure, "SASL_SSL", "SCRAM-SHA-256", "least"))
        deployment.for_workers["PRESETWATCH_EVENTS_TOPIC"] = f"nobodys-{unique}"
        forbidden = deployment.run("worker")
        assert forbidden.returncode == 3
        assert b"Traceback" not in forbidden.stderr
        assert b"cannot create topic" in forbidden.stderr
        assert b"docs/kafka-security.md" in forbidden.stderr
        given = login(secure, "SASL_SSL", "SCRAM-SHA-256", "least")
        given["kafka_bootstrap"] = given.pop("bootstrap")
        assert "refuses: cannot create topic" in await fault_of_a_gateway(
            Settings(events_topic=f"not-{unique}", **given)
        )


async def fault_of_a_gateway(settings: Settings) -> str:
    """Return what a gateway says is wrong with the broker once it has looked."""
    upstream = Upstream(settings)
    before = upstream.fault

    async def look() -> str | None:
        return upstream.fault if upstream.fault != before else None

    watching = asyncio.create_task(upstream.watch())
    try:
        return await eventually(look, "a look at the broker")
    finally:
        watching.cancel()


async def test_topics_that_exist_are_enough_where_none_may_be_created(secure: SecureBroker, unique: str) -> None:
    app_id = f"made-{unique}"
    as_admin = Settings(_env_file=None, kafka_bootstrap=secure.bootstrap, app_id=app_id)
    assert await ensure_topics(as_admin) == as_admin.partitions
    secure.allow("least", documented_rights(as_admin))
    given = login(secure, "SASL_SSL", "SCRAM-SHA-512", "least")
    as_worker = Settings(_env_file=None, kafka_bootstrap=given.pop("bootstrap"), app_id=app_id, **given)
    assert await ensure_topics(as_worker) == as_admin.partitions


async def test_a_notifier_runs_with_the_documented_rights_and_no_more(secure: SecureBroker, unique: str) -> None:
    rows = re.findall(r"^\| (topic|group) \| `(.+?)` \| (.+) \|$", NOTIFY_DOCUMENT.read_text(), re.MULTILINE)
    alerts = f"alerts-{unique}"
    secure.allow(
        "least",
        [
            Right(
                ResourceType[kind.upper()],
                name.replace("preset-alerts", alerts),
                tuple(AclOperation[operation.upper()] for operation in operations.split(", ")),
            )
            for kind, name, operations in rows
        ],
    )
    await ensure_notify_topics(Settings(_env_file=None, kafka_bootstrap=secure.bootstrap, alerts_topic=alerts))
    given = login(secure, "SASL_SSL", "SCRAM-SHA-256", "least")
    given["kafka_bootstrap"] = given.pop("bootstrap")
    place = Place(Settings.model_validate({"alerts_topic": alerts, **given}), Path())
    by_admin = Place(Settings(_env_file=None, kafka_bootstrap=secure.bootstrap, alerts_topic=alerts), Path())
    await ensure_notify_topics(place.settings)
    async with receiving(410) as receiver, place.notifying(plan(at(receiver))) as notifier:
        await by_admin.produce(fired("bad", now()), fired("good", now()))
        await receiver.until(lambda it: it.taken)

        async def look() -> bool | None:
            return notifier.meters["undelivered:tickets"] == 1 or None

        await eventually(look, "the dead letter stored")
    assert len(await by_admin.letters()) == 1
    assert await by_admin.committed(4) == (2, 2)
