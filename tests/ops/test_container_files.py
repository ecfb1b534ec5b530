"""The container and compose files: hardened, on the loopback, and true to the project."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from service.configuration.sources import PREFIX
from service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_can_do_no_more_than_it_must(name):
    """Its root is read-only, it has no capabilities and can gain none."""
    container = COMPOSE["services"][name]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_ports_are_published_on_loopback_only(name):
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"][name]["ports"])


def test_only_the_load_generator_waits_for_its_profile():
    profiles = {name: made.get("profiles") for name, made in COMPOSE["services"].items()}

    assert {name: wanted for name, wanted in profiles.items() if wanted} == {"locust": ["load"]}


def test_images_of_others_are_pinned_to_a_version():
    others = [made["image"] for made in COMPOSE["services"].values() if "build" not in made]

    assert others
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in others)


def test_only_settings_that_exist_are_set_in_containers():
    """An unknown `FFF_*` variable stops the service's start-up."""
    text = DOCKERFILE + json.dumps(COMPOSE["services"]["service"])
    named = {name.removeprefix(PREFIX).lower() for name in re.findall(rf"\b{PREFIX}[A-Z_]+", text)}

    assert named <= set(Settings.model_fields)


def test_the_image_has_what_the_service_needs_with_traces_and_grpc(tmp_path):
    """As its first stage reads it from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    (script,) = re.findall(r"^RUN python -c '(.*?)'$", DOCKERFILE, re.MULTILINE | re.DOTALL)

    subprocess.run([sys.executable, "-c", script.replace("\\\n", "")], cwd=tmp_path, check=True)

    lists = {file.stem: set(file.read_text().split("\n")) for file in tmp_path.glob("*.txt")}
    extras = project["optional-dependencies"]
    assert lists["cpu"] == {*project["dependencies"], *extras["otel"], *extras["grpc"]}
    assert lists["cuda"] == lists["cpu"] | {*extras["gpu"]}
    assert lists["load"] == {*extras["load"]}


def test_both_ports_of_the_service_are_named_and_published():
    exposed = re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[-1].split()
    published = [port.rpartition(":")[2] for port in COMPOSE["services"]["service"]["ports"]]

    assert exposed == published == ["8000", "8001"]
    assert "FFF_GRPC_PORT" in COMPOSE["services"]["service"]["environment"]


def test_the_image_runs_as_a_user_of_a_fixed_number_that_is_not_root():
    """A number, because Kubernetes' runAsNonRoot cannot judge a name."""
    users = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)

    assert users
    assert all(int(number) > 0 for user in users for number in user)
    assert DOCKERFILE.count("\nUSER ") == len(users)


def test_the_image_asks_the_service_whether_it_is_ready():
    check = re.search(r"^HEALTHCHECK .*\n +CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert check
    command = json.loads(check[1])

    assert "/readyz" in command[-1]
    compile(command[-1], "HEALTHCHECK", "exec")


def test_every_package_that_is_installed_enters_the_build():
    """`.dockerignore` names what may enter; a new package must be added there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    found = project["tool"]["setuptools"]["packages"]["find"]

    assert {f"!{name.removesuffix('*')}" for name in found["include"]} <= set(allowed)
