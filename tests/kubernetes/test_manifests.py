"""The Kustomize base: it fits Kubernetes' own schemas, and its parts fit each other and the settings."""

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
KUSTOMIZATION: Mapping[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
VERSION = kubernetes_validate.latest_version()
RENDERERS = {"kustomize": ("build",), "kubectl": ("kustomize",)}
RENDERER = next(([path, *words] for name, words in RENDERERS.items() if (path := shutil.which(name))), [])

Manifest = Mapping[str, Any]


def manifests() -> Iterator[Manifest]:
    for name in KUSTOMIZATION["resources"]:
        yield from yaml.safe_load_all((BASE / name).read_text())


WRITTEN = list(manifests())
PODS = {each["metadata"]["name"]: each for each in WRITTEN if each["kind"] in {"StatefulSet", "Deployment"}}


def test_every_file_is_listed() -> None:
    assert {path.name for path in BASE.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}


@pytest.mark.parametrize("manifest", WRITTEN, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_every_manifest_fits_the_schema_of_kubernetes(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_misspelt_key_does_not_fit() -> None:
    broken = {**WRITTEN[0], "kindd": "oops"}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


@pytest.mark.skipif(not RENDERER, reason="neither kustomize nor kubectl is installed")
def test_what_is_rendered_fits_the_schema_too() -> None:
    done = subprocess.run([*RENDERER, str(BASE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rendered = list(yaml.safe_load_all(done.stdout))
    assert len(rendered) == len(WRITTEN)
    for manifest in rendered:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "presetwatch"


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
    assert paths == {"liveness": "/healthz", "readiness": "/readyz", "startup": "/healthz"}


def test_every_setting_that_is_given_exists() -> None:
    given = {name for each in WRITTEN if each["kind"] == "ConfigMap" for name in each["data"]}
    for pod in PODS.values():
        given |= {each["name"] for each in pod["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert len(given) == 6
    assert {name.removeprefix(PREFIX).lower() for name in given} <= set(Settings.model_fields)


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_whatever_selects_pods_finds_some(kind: str) -> None:
    labels = [pod["spec"]["template"]["metadata"]["labels"] for pod in PODS.values()]
    selecting = [each["spec"] for each in WRITTEN if each["kind"] == kind]
    assert len(selecting) >= 2
    for spec in selecting:
        chosen = spec.get("podSelector") or spec["selector"]
        assert chosen.get("matchLabels", chosen) in labels


def test_a_stateful_set_has_the_headless_service_that_it_names() -> None:
    services = {each["metadata"]["name"]: each["spec"] for each in WRITTEN if each["kind"] == "Service"}
    assert services[PODS["presetwatch-worker"]["spec"]["serviceName"]]["clusterIP"] == "None"
