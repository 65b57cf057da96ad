"""The Kustomize base: it fits Kubernetes' own schemas, and its parts fit each other and the settings."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from stream.settings import PREFIX, Settings

BASE = Path(__file__).parents[2] / "ops" / "kubernetes"
OPERATIONS = BASE.parents[1] / "docs" / "operations.md"
KUSTOMIZATION: Mapping[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
VERSION = kubernetes_validate.latest_version()
RENDERERS = {"kustomize": ("build",), "kubectl": ("kustomize",)}
RENDERER = next(([path, *words] for name, words in RENDERERS.items() if (path := shutil.which(name))), [])

Manifest = Mapping[str, Any]


def manifests(*names: str) -> Iterator[Manifest]:
    for name in names:
        yield from yaml.safe_load_all((BASE / name).read_text())


WRITTEN = list(manifests(*KUSTOMIZATION["resources"]))
OPTIONAL = list(manifests("notify/notify.yaml"))
PODS_OF = {"StatefulSet", "Deployment"}
PODS = {each["metadata"]["name"]: each for each in [*WRITTEN, *OPTIONAL] if each["kind"] in PODS_OF}


def test_every_file_is_listed() -> None:
    assert {path.name for path in BASE.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}


@pytest.mark.parametrize(
    "manifest", [*WRITTEN, *OPTIONAL], ids=lambda each: f"{each['kind']}-{each['metadata']['name']}"
)
def test_every_manifest_fits_the_schema_of_kubernetes(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_misspelt_key_does_not_fit() -> None:
    broken = {**WRITTEN[0], "kindd": "oops"}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def rendered(folder: Path) -> list[Manifest]:
    if not RENDERER:
        pytest.skip("neither kustomize nor kubectl is installed")
    done = subprocess.run([*RENDERER, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_what_is_rendered_fits_the_schema_too() -> None:
    found = rendered(BASE)
    assert len(found) == len(WRITTEN)
    for manifest in found:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "presetwatch"


def test_the_example_of_the_documents_is_rendered_with_all_it_names(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "base")
    mine = tmp_path / "mine"
    mine.mkdir()
    example = re.findall(r"```yaml\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)[0]
    (mine / "kustomization.yaml").write_text(example.replace("../presetwatch/ops/kubernetes", "../base"))
    (mine / "notify.toml").touch()
    found = rendered(mine)
    for manifest in found:
        assert manifest["metadata"]["namespace"] == "presetwatch"
        if manifest["kind"] != "ScaledObject":  # KEDA's own
            kubernetes_validate.validate(manifest, VERSION, strict=True)
    images = [pod["spec"]["template"]["spec"]["containers"][0]["image"] for pod in found if pod["kind"] in PODS_OF]
    assert images == ["registry.mine.example/presetwatch:0.1.0"] * 3
    [given] = [
        each["data"] for each in found if each["metadata"]["name"] == "presetwatch" and each["kind"] == "ConfigMap"
    ]
    assert given["PRESETWATCH_KAFKA_BOOTSTRAP"] == "broker-1:9092,broker-2:9092"


def test_with_the_example_of_the_documents_workers_read_rules_of_ones_own(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "base")
    mine = tmp_path / "mine"
    mine.mkdir()
    example = re.findall(r"```yaml\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)[2]
    (mine / "kustomization.yaml").write_text(f"resources: [../base]\n{example}")
    (mine / "rules.toml").touch()
    found = rendered(mine)
    for manifest in found:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    [worker] = [each["spec"]["template"]["spec"] for each in found if each["kind"] == "StatefulSet"]
    [container] = worker["containers"]
    given = {each["name"]: each.get("value") for each in container["env"]}
    [mount] = container["volumeMounts"]
    assert given["PRESETWATCH_RULES"] == f"{mount['mountPath']}/rules.toml"
    assert worker["volumes"] == [{"name": mount["name"], "configMap": {"name": "presetwatch-rules"}}]


@pytest.mark.parametrize("name", PODS)
def test_pods_run_without_rights(name: str) -> None:
    spec = PODS[name]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", PODS)
def test_probes_ask_what_is_meant_for_them(name: str) -> None:
    [container] = PODS[name]["spec"]["template"]["spec"]["containers"]
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("liveness", "readiness", "startup")}
    ready = "/healthz" if name == "presetwatch-notify" else "/readyz"
    assert paths == {"liveness": "/healthz", "readiness": ready, "startup": "/healthz"}


def test_every_setting_that_is_given_exists() -> None:
    given = {name for each in WRITTEN if each["kind"] == "ConfigMap" for name in each["data"]}
    for pod in PODS.values():
        given |= {each["name"] for each in pod["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert len(given) == 9
    assert {name.removeprefix(PREFIX).lower() for name in given} <= set(Settings.model_fields)


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_whatever_selects_pods_finds_some(kind: str) -> None:
    labels = [pod["spec"]["template"]["metadata"]["labels"] for pod in PODS.values()]
    selecting = [each["spec"] for each in WRITTEN if each["kind"] == kind]
    assert len(selecting) >= 2
    for spec in selecting:
        chosen = spec.get("podSelector") or spec["selector"]
        assert chosen.get("matchLabels", chosen) in labels


def test_every_pod_has_a_network_policy_for_the_port_it_serves() -> None:
    policies = [each["spec"] for each in [*WRITTEN, *OPTIONAL] if each["kind"] == "NetworkPolicy"]
    open_to = {frozenset(each["podSelector"]["matchLabels"].items()): each["ingress"] for each in policies}
    for pod in PODS.values():
        template = pod["spec"]["template"]
        [ingress] = open_to[frozenset(template["metadata"]["labels"].items())]
        [port] = template["spec"]["containers"][0]["ports"]
        assert ingress["ports"] == [{"protocol": "TCP", "port": port["name"]}]


def test_a_stateful_set_has_the_headless_service_that_it_names() -> None:
    services = {each["metadata"]["name"]: each["spec"] for each in WRITTEN if each["kind"] == "Service"}
    assert services[PODS["presetwatch-worker"]["spec"]["serviceName"]]["clusterIP"] == "None"
