"""What `ops/` asks Prometheus for is what workers, gateways and notifiers tell it, by names and labels."""

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream.daily.watch import WatchMeters
from stream.gateway.outcomes import Outcome
from stream.gateway.service import Service
from stream.gateway.verification import Verifier
from stream.health import Health
from stream.notify.health import Metrics as NotifyMetrics
from stream.notify.service import Notifier
from stream.settings import Settings
from stream.web.metrics import registry
from tests.notify.alerts import PROGRAM, plan

OPS = Path(__file__).parents[2] / "ops"
RULES = OPS / "prometheus" / "presetwatch.rules.yml"
DASHBOARD = OPS / "grafana" / "presetwatch.json"
OPERATIONS = OPS.parent / "docs" / "operations.md"
PROMTOOL = shutil.which("promtool")


def asked_for(text: str) -> set[str]:
    return set(re.findall(r"\b(?:presetwatch|process)_[a-z_]+\b", text))


def expressions(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "expr")
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from expressions(child)


@pytest.fixture
async def registries(health: Health) -> AsyncIterator[dict[str, CollectorRegistry]]:
    """What each process tells, by how the names of its metrics begin."""
    settings = Settings(_env_file=None, kafka_bootstrap="127.0.0.1:1")
    gateway = Service(settings, Verifier((b"key",)))
    notify, daily = CollectorRegistry(), CollectorRegistry()
    notify.register(NotifyMetrics(Notifier(settings, plan(PROGRAM), {})))
    WatchMeters(daily)
    yield {"": registry(health), "gateway_": gateway._registry, "notify_": notify, "daily_": daily}
    gateway.outgoing.close()


def samples(found: CollectorRegistry) -> set[str]:
    """Return the names of all samples; a histogram has those of its kind even before anything was observed."""
    names: set[str] = set()
    for family in text_string_to_metric_families(generate_latest(found).decode()):
        kinds = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in kinds}
    return {name for name in names if not name.endswith("_created")}


@pytest.fixture
def told(registries: dict[str, CollectorRegistry]) -> set[str]:
    """The names of all samples that any process tells."""
    return set().union(*map(samples, registries.values()))


def test_every_alert_asks_for_metrics_that_exist(told: set[str]) -> None:
    asked = asked_for("\n".join(expressions(yaml.safe_load(RULES.read_text()))))
    assert len(asked) >= 16
    assert asked <= told


def test_every_panel_asks_for_metrics_that_exist(told: set[str]) -> None:
    asked = asked_for("\n".join(expressions(json.loads(DASHBOARD.read_text()))))
    assert len(asked) >= 24
    assert asked <= told


def test_alerts_and_panels_name_outcomes_that_exist() -> None:
    named = re.findall(r'outcome=~?"([a-z_|]+)"', RULES.read_text() + DASHBOARD.read_text())
    assert len(named) >= 3
    assert {each for names in named for each in names.split("|")} <= {outcome.value for outcome in Outcome}


@pytest.mark.parametrize("process", ["", "gateway_", "notify_", "daily_"])
def test_every_metric_has_a_line_on_what_to_do_when_it_moves(
    registries: dict[str, CollectorRegistry], process: str
) -> None:
    others = "|".join({"gateway_", "notify_", "daily_"} - {process})
    explained = set(re.findall(rf"`(presetwatch_{process}(?!{others})[a-z_]+)`", OPERATIONS.read_text()))
    told = samples(registries[process])
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in told if name.startswith("presetwatch_")}
    assert explained == ours


def test_every_file_of_ops_prometheus_scrapes_what_alerts_look_for() -> None:
    scraped = yaml.safe_load((OPS / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    jobs = set(re.findall(r'job="([^"]+)"', RULES.read_text()))
    assert jobs == {each["job_name"] for each in scraped}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's package prometheus, is not installed")
@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", "presetwatch.rules.test.yml")])
def test_promtool_finds_nothing_wrong_with_the_rules(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's package prometheus, is not installed")
@pytest.mark.parametrize("process", ["", "gateway_", "notify_", "daily_"])
def test_promtool_finds_nothing_wrong_with_the_metrics(registries: dict[str, CollectorRegistry], process: str) -> None:
    exposed = generate_latest(registries[process])
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=exposed, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
