"""A user's own folders that are called as ours: they are neither imported nor in the way."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.service import toys

OURS = (
    *("service", "fff", "model_store", "evaluation", "training"),
    *("client", "loadtest", "bench", "tests", "numpy", "socket"),
)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def foreign(tmp_path, monkeypatch) -> Path:
    """A working directory in which whatever we import would be the user's, and fail."""
    folder: Path = tmp_path / "project"
    for name in OURS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise SystemExit('imported {name}')")
    monkeypatch.chdir(folder)
    return folder


def metric(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    return sum(float(value) for value in re.findall(rf"^{name}{{.*}} (.*)$", text, re.MULTILINE))


def test_a_service_started_there_predicts_and_shadows(foreign, toy_store):
    """The shadow's process is a new interpreter, which must find what the service found."""
    arguments = ("--store", str(toy_store.root), "--shadow-ratio", "1", "--grpc-port", "0")
    with toys.live(*arguments) as service:
        answer = httpx.post(
            f"{service.url}/v1/models/toy/predict", json={"inputs": [[0.5] * toys.WIDTH]}
        )
        while not metric(service.url, "fff_shadow_rows_total"):
            assert metric(service.url, "fff_shadow_dropped_rows_total") == 0

    assert len(answer.json()["outputs"]) == 1
    assert not [line for line in service.log if "WARNING" in line or "imported" in line]


def test_a_module_of_ours_is_run_there_with_a_safe_path(foreign, toy_store):
    """What `-m` without `-P` runs there is the user's, as Python has it."""
    command = ("-m", "service.cli.main", "list", "--store", str(toy_store.root))
    ours = subprocess.run([sys.executable, "-P", *command], capture_output=True, text=True)
    theirs = subprocess.run([sys.executable, *command], capture_output=True, text=True)

    assert ours.returncode == 0
    assert "toy-dense" in ours.stdout
    assert "imported service" in theirs.stderr


def test_a_script_beside_such_folders_imports_the_client(foreign, toy_store):
    script = foreign / "mine.py"
    script.write_text("import fff_client; print(fff_client.Client.__name__)")
    for name in ("numpy", "socket"):  # these it does need, and so would any script
        (foreign / name / "__init__.py").unlink()
        (foreign / name).rmdir()

    printed = subprocess.check_output([sys.executable, script], text=True)

    assert printed == "Client\n"


def test_the_benches_start_from_a_checkout_whatever_python_adds_to_its_path():
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from service.cli.main import main"
    command = [sys.executable, "-c", f"{program}; main()", "bench", "--help"]
    safe = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": ""}

    ended = subprocess.run(command, cwd=ROOT, env=safe, capture_output=True, text=True)

    assert ended.returncode == 0
    assert "bench.kernels" in ended.stdout
