"""The files that deploy the bridge: what they start is ours, and what they say is understood."""

from __future__ import annotations

import configparser
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bridge.cli.commands import COMMANDS
from bridge.settings import load_settings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
#: What a deployment consists of, each of which can be started by itself.
PROCESSES = {"up", "worker", "beat", "web"}

pytestmark = pytest.mark.component


def _is_ours(command: Sequence[str]) -> bool:
    names = {name for panel in COMMANDS.values() for name in panel}
    return command[0] in names & PROCESSES


def _documents() -> Iterator[Mapping[str, Any]]:
    for file in sorted(KUBERNETES.glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def _pods() -> Mapping[str, Mapping[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in _documents()
        if one["kind"] in {"Deployment", "StatefulSet"}
    }


# --- the image ------------------------------------------------------------------------


def test_the_dockerfile_follows_the_rules_of_its_linter() -> None:
    run = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), "--no-color", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


@pytest.mark.sources
def test_the_image_is_built_from_files_that_are_let_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    copied = [
        name
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]

    assert sorted(copied) == sorted(let_in)
    assert all((ROOT / name).exists() for name in copied)


def test_what_an_image_starts_is_a_command() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert 'ENTRYPOINT ["mjbridge"]' in text
    assert 'CMD ["up"]' in text


# --- compose --------------------------------------------------------------------------


def test_compose_starts_every_process_beside_a_store_that_loses_nothing() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ]
    commands = {name: one["command"].split() for name, one in services.items()}
    store = commands.pop("store")

    assert all(_is_ours(command) for command in commands.values())
    assert {command[0] for command in commands.values()} == PROCESSES - {"up"}
    assert tuple(store[1:3]) == ("--appendonly", "yes")
    assert store[-1] == "noeviction"
    assert services["worker"]["deploy"]["replicas"] == 2


# --- Kubernetes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", list(_documents()), ids=lambda one: f"{one['kind']}-{len(str(one))}"
)
def test_a_manifest_is_what_kubernetes_takes(document: Mapping[str, Any]) -> None:
    if document["kind"] == "Kustomization":
        files = {one.name for one in KUBERNETES.glob("*.yaml")}
        assert {*document["resources"], "kustomization.yaml"} == files
        return
    kubernetes_validate.validate(
        document, kubernetes_validate.latest_version(), strict=True
    )


def test_every_pod_may_do_as_little_as_it_needs() -> None:
    pods = _pods()

    assert pods.keys() == {"store", "worker", "beat", "web"}
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_every_pod_of_ours_runs_a_command() -> None:
    for name, pod in _pods().items():
        if name != "store":
            assert _is_ours(pod["containers"][0]["args"])


def test_the_example_settings_for_kubernetes_are_understood(tmp_path: Path) -> None:
    lines = (KUBERNETES / "settings.env").read_text(encoding="utf-8").splitlines()
    values = (line for line in lines if line and not line.startswith("#"))

    settings = load_settings(
        environ=dict(line.split("=", 1) for line in values), cwd=tmp_path
    )

    assert settings.has_api_key
    assert settings.api_token is not None
    assert list(settings.endpoints) == ["pipeline"]


# --- systemd --------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_and_lets_it_drain(unit: Path) -> None:
    text = configparser.ConfigParser(interpolation=None, strict=False)
    text.read(unit, encoding="utf-8")
    service = text["Service"]
    program, *command = service["ExecStart"].split()

    assert fnmatch(program, "/*/mjbridge")
    assert command == ["%i"] or _is_ours(command)
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > 6
