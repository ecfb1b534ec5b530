"""The container and compose files: hardened, on the loopback, and true to the project."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path, PurePath

import pytest
import yaml

from model_store.default_store import DEMO_MODELS
from ops import install_torch as torches
from service.configuration.sources import PREFIX
from service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ENVIRONMENT = COMPOSE["services"]["service"]["environment"]
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


def test_the_image_has_what_the_service_needs_with_traces_grpc_and_remote_stores(tmp_path):
    """As its first stage reads it from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    (script,) = re.findall(r"^RUN python -c '(.*?)'$", DOCKERFILE, re.MULTILINE | re.DOTALL)

    subprocess.run([sys.executable, "-c", script.replace("\\\n", "")], cwd=tmp_path, check=True)

    lists = {file.stem: set(file.read_text().split("\n")) for file in tmp_path.glob("*.txt")}
    extras = project["optional-dependencies"]
    served = (project["dependencies"], extras["otel"], extras["grpc"], extras["remote"])
    assert lists["cpu"] == {line for lines in served for line in lines}
    assert lists["cuda"] == lists["cpu"] | {*extras["gpu"]}
    assert lists["load"] == {*extras["load"]}


def test_the_image_gets_torch_as_every_machine_does_and_by_default_the_build_for_cpus():
    """By the script, with its files from the build context, before anything that needs torch."""
    (choice,) = re.findall(r"^ +case (.*) esac", DOCKERFILE, re.MULTILINE)
    files = re.findall(r"^COPY (ops/\S+) (ops/\S+) ops/$", DOCKERFILE, re.MULTILINE)[0]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()

    def build(device: str) -> str:
        script = f'case {choice} esac; printf %s "$build"'
        done = subprocess.run(["sh", "-c", script], env={"DEVICE": device}, capture_output=True)
        return done.stdout.decode()

    assert (build("cpu"), build("cuda")) == ("auto-cpu", "cuda")
    assert all(torches.BUILDS.fullmatch(build(device)) for device in ("cpu", "cuda"))
    assert 'python -m ops.install_torch "${TORCH:-$build}"' in DOCKERFILE
    assert {f"!{file}" for file in files} <= {*allowed}
    assert DOCKERFILE.index("install_torch") < DOCKERFILE.index("-r /requirements.txt")


def test_both_ports_of_the_service_are_named_and_published():
    exposed = re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[-1].split()
    published = [port.rpartition(":")[2] for port in COMPOSE["services"]["service"]["ports"]]

    assert exposed == published == ["8000", "8001"]
    assert "FFF_GRPC_PORT" in ENVIRONMENT


def test_the_image_runs_as_a_user_of_a_fixed_number_that_is_not_root():
    """A number, because Kubernetes' runAsNonRoot cannot judge a name."""
    users = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)

    assert users
    assert all(int(number) > 0 for user in users for number in user)
    assert DOCKERFILE.count("\nUSER ") == len(users)


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_image_asks_the_service_whether_it_is_ready_whatever_proxy_is_set(status, healthy):
    check = re.search(r"^HEALTHCHECK .*\n +CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert check
    command = [sys.executable, *json.loads(check[1])[1:]]
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), nowhere)

    with answering(status) as (port, asked):
        environ = {**os.environ, **proxies, "FFF_PORT": str(port)}
        done = subprocess.run(command, env=environ, capture_output=True, timeout=60)

    assert (done.returncode == 0) == healthy
    assert asked == ["/readyz"]


@contextlib.contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server on the loopback that answers all alike: its port, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  (http.server's name)
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def test_every_setting_reaches_the_container_or_the_reason_is_given():
    passed = {name for name in ENVIRONMENT if name.startswith(PREFIX)}
    withheld = COMPOSE["x-not-passed"]

    assert passed | {*withheld} == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert not passed & {*withheld}
    assert all(len(reason.split()) > 3 for reason in withheld.values())


def test_variables_are_passed_only_where_they_are_set():
    """`NAME` alone: a value or a default here would hide the service's own default."""
    assert all(re.fullmatch(r"(FFF|OTEL)_[A-Z_]+", name) for name in ENVIRONMENT)
    assert {"OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER"} <= {*ENVIRONMENT}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_container_can_take_the_whole_machine(name):
    container = COMPOSE["services"][name]

    assert {*container["deploy"]["resources"]["limits"]} == {"cpus", "memory"}
    assert container["pids_limit"] > 0


def test_prometheus_forgets():
    """Else the volume grows until the disk is full."""
    flags = " ".join(COMPOSE["services"]["prometheus"]["command"])

    assert re.search(r"--storage\.tsdb\.retention\.time=\d+d\b", flags)
    assert re.search(r"--storage\.tsdb\.retention\.size=\d+GB\b", flags)


def test_imported_models_go_where_the_container_serves_from():
    """The image's store is the folder where compose mounts its volume."""
    (store,) = re.findall(rf"^ENV {PREFIX}STORE=(\S+)$", DOCKERFILE, re.MULTILINE)

    assert COMPOSE["services"]["service"]["volumes"] == [f"models:{store}"]
    assert f"model_store/demo {store}\n" in DOCKERFILE


def test_of_a_checkout_with_imports_only_the_demo_pair_enters_the_build():
    """As `.dockerignore` has it, whose last matching line decides."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line.startswith(("model_store", "!model_store"))]

    def enters(file: str) -> bool:
        into = False
        for rule in rules:
            pattern = rule.removeprefix("!")
            if any(fnmatch(part, pattern) for part in [file, *map(str, PurePath(file).parents)]):
                into = rule.startswith("!")
        return into

    for model in DEMO_MODELS:
        assert enters(f"model_store/demo/{model}/1/model.safetensors")
    for other in ("mine/1/x", "digits-2/1/manifest.json", "digits/2/manifest.json", ".staging/x"):
        assert not enters(f"model_store/demo/{other}")
    assert enters("model_store/store.py")


def test_every_stage_stands_on_the_base_that_one_line_names():
    """So that `make pin-base` pins all of them."""
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    names = {name for _, name in stages}

    assert re.fullmatch(r"python:3\.11-slim(@sha256:[0-9a-f]{64})?", base)
    assert {of for of, _ in stages} <= {"${PYTHON_IMAGE}", "scratch", *names}


def test_the_image_says_what_it_is_and_what_it_holds():
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", DOCKERFILE))

    assert labels == {"title", "description", "licenses", "version", "revision", "source"}
    assert re.search(r"cyclonedx-bom==[\d.]+ ", DOCKERFILE)
    assert "COPY --from=contents /fff-serve.cdx.json /usr/share/sbom/" in DOCKERFILE


def test_every_package_that_is_installed_enters_the_build():
    """`.dockerignore` names what may enter; a new package must be added there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    found = project["tool"]["setuptools"]["packages"]["find"]

    assert {f"!{name.removesuffix('*')}" for name in found["include"]} <= set(allowed)
