"""The types of both distributions as a user's checker sees them: outside of this project."""

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from tests.requirements import need

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio

import numpy as np
from fff_client import AsyncClient, Client, Comparison, Prediction, ServiceError


def blocking(rows: list[list[float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with Client("http://127.0.0.1:8000", timeout_s=5) as client:
        prediction: Prediction = client.predict("m", rows, outputs=["logits"], pixels=False)
        comparison: Comparison = client.compare("m", np.zeros((3, 4)), [1, 2, 3])
        print(comparison.fff.accuracy, client.explain("m", rows)["rows"])
        return prediction.logits


async def asynchronous() -> int | None:
    async with AsyncClient() as client:
        try:
            return (await client.predict("m", np.zeros((3, 4), np.uint8))).version
        except ServiceError as error:
            return error.status


print(blocking([[0.5]]).sum(), asyncio.run(asynchronous()))
"""
WRONG = """
from fff_client import Client

Client().predict("m", [[0.5]], pixel=True)
Client().predict("m", [[0.5]]).version.upper()
"""


def checked(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "mine.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_users_program_passes_a_strict_checker_and_a_wrong_one_does_not(tmp_path, monkeypatch):
    """The checker comes with the extra `dev`, which CI installs first."""
    need(find_spec("mypy"), "mypy")
    monkeypatch.setenv("MYPYPATH", str(ROOT / "client"))

    right, wrong = checked(tmp_path, PROGRAM), checked(tmp_path, WRONG)

    assert right.stdout.startswith("Success"), right.stdout
    assert 'Unexpected keyword argument "pixel"' in wrong.stdout
    assert '"int" has no attribute "upper"' in wrong.stdout


def test_every_package_that_is_installed_has_the_mark_of_its_types():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = [name.rstrip("*") for name in project["packages"]["find"]["include"]]

    assert all((ROOT / name / "py.typed").is_file() for name in packages)
    assert "py.typed" in project["package-data"]["*"]
