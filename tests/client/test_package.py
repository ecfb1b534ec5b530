"""The client as a distribution: what it exports, what it needs, and what it must not bring."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import fff_client
import pytest

from tests.test_architecture import imports, package_of, within

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "client/pyproject.toml").read_text())["project"]
SERVICE_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER_PACKAGES = {"torch", "numba", "fastapi", "starlette", "pydantic", "orjson", "uvicorn"}
OUR_PACKAGES = {"fff", "model_store", "evaluation", "training", "service"}


def distributions(requirements: list[str]) -> set[str]:
    return {re.findall(r"[\w-]+", requirement)[0] for requirement in requirements}


def test_importing_the_client_imports_nothing_of_the_server():
    program = "import sys, fff_client; print('\\n'.join(sys.modules))"
    command = [sys.executable, "-c", program]
    output = subprocess.check_output(command, cwd=ROOT / "client", text=True)

    loaded = {package_of(name) for name in output.split()}
    assert "fff_client" in loaded
    assert not loaded & (SERVER_PACKAGES | OUR_PACKAGES)


def test_all_lists_what_is_exported():
    public = {
        name
        for name, value in vars(fff_client).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert sorted(public) == fff_client.__all__


def test_every_error_and_result_of_the_client_is_exported():
    for module in (fff_client.errors, fff_client.results, fff_client.client):
        own = {
            k for k, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__
        }

        assert {name for name in own if name[0].isupper()} <= set(fff_client.__all__)


def test_it_needs_numpy_and_httpx_alone_and_declares_what_it_imports():
    names = {package_of(name) for module, name in imports() if within(module, "fff_client")}

    declared = distributions(PROJECT["dependencies"])
    assert declared == {"numpy", "httpx"}
    assert declared == names - sys.stdlib_module_names - {"fff_client"}
    assert "optional-dependencies" not in PROJECT


def test_neither_distribution_needs_the_other():
    extras = SERVICE_PROJECT["optional-dependencies"].values()

    assert "fff-client" not in distributions(SERVICE_PROJECT["dependencies"] + sum(extras, []))
    assert "fff-serve" not in distributions(PROJECT["dependencies"])


@pytest.mark.parametrize("field", ["version", "license", "requires-python"])
def test_client_and_service_agree(field):
    assert PROJECT[field] == SERVICE_PROJECT[field]


def test_the_client_carries_the_license_and_the_mark_of_its_types():
    assert (ROOT / "client/LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (ROOT / "client/fff_client/py.typed").is_file()
