"""What `ops/` asks Prometheus for is what a worker tells it, by names and labels."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream.health import Health
from stream.web.metrics import registry

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
def told(health: Health) -> set[str]:
    """The names of all samples; a histogram has those of its kind even before anything was observed."""
    families = text_string_to_metric_families(generate_latest(registry(health)).decode())
    found: set[str] = set()
    for family in families:
        kinds = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        found |= {family.name + ending for ending in kinds}
    return found


def test_every_alert_asks_for_metrics_that_exist(told: set[str]) -> None:
    asked = asked_for("\n".join(re.findall(r"^\s+expr: (.*)$", RULES.read_text(), re.MULTILINE)))
    assert len(asked) >= 8
    assert asked <= told


def test_every_panel_asks_for_metrics_that_exist(told: set[str]) -> None:
    asked = asked_for("\n".join(expressions(json.loads(DASHBOARD.read_text()))))
    assert len(asked) >= 15
    assert asked <= told


def test_every_metric_has_a_line_on_what_to_do_when_it_moves(told: set[str]) -> None:
    explained = set(re.findall(r"`(presetwatch_(?!gateway_)[a-z_]+)`", OPERATIONS.read_text()))
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in told if name.startswith("presetwatch_")}
    assert explained == ours


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's package prometheus, is not installed")
@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", "presetwatch.rules.test.yml")])
def test_promtool_finds_nothing_wrong_with_the_rules(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's package prometheus, is not installed")
def test_promtool_finds_nothing_wrong_with_the_metrics(health: Health) -> None:
    exposed = generate_latest(registry(health))
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=exposed, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
