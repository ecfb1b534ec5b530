"""Every example runs as it stands in examples/, against a real service, and prints a seven."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.harness.service_process import ServiceProcess, free_port
from tests.requirements import need

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LIMIT_S = 120  # of one example: a bound on hanging, not a claim


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(grpc_port: int) -> Iterator[ServiceProcess]:
    """The demo pair, over HTTP and gRPC, for all examples."""
    with ServiceProcess({"FFF_GRPC_PORT": str(grpc_port)}, ROOT / "model_store/demo") as running:
        yield running


def run(*command: str | Path) -> str:
    """What an example prints, on standard output and error; it must end with exit code 0."""
    python_path = os.pathsep.join([str(ROOT / "client"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        env=os.environ | {"PYTHONPATH": python_path},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_curl(service):
    need(shutil.which("curl"), "curl")

    printed = run(EXAMPLES / "curl.sh", service.url)

    assert '"name":"class","shape":[1],"datatype":"INT64","data":[7]' in printed


def test_the_blocking_client(service):
    printed = run(sys.executable, EXAMPLES / "client_sync.py", service.url)

    assert printed.startswith("class 7, probability ")
    assert printed.endswith("the dense twin says 7\n")


def test_the_asynchronous_client(service):
    printed = run(sys.executable, EXAMPLES / "client_async.py", service.url)

    assert printed.startswith("100 answers, classes {7}\n")


def test_tritons_client_over_http_and_grpc(service, grpc_port):
    http = service.url.removeprefix("http://")
    printed = run(sys.executable, EXAMPLES / "triton_client.py", http, f"127.0.0.1:{grpc_port}")

    assert re.findall(r"(\w+): class 7 by leaf 2", printed) == ["http", "grpc"]


def test_locust_counts_every_seven_and_no_failure(service):
    """Locust ends with exit code 1 if a request failed."""
    command = [sys.executable, "-m", "locust", "--locustfile", str(EXAMPLES / "locustfile.py")]
    options = ["--host", service.url, "--headless", "--users", "4", "--run-time", "6s"]

    printed = run(*command, *options)

    assert re.search(r"Aggregated +[1-9]\d* +0\(0\.00%\)", printed)


def test_the_readme_lists_every_example_and_no_other():
    listed = re.findall(
        r"^\| \[(\S+)\]\(\1\) \| .+ \|$", (EXAMPLES / "README.md").read_text(), re.M
    )
    files = {file.name for file in EXAMPLES.iterdir() if file.is_file()}

    assert {*listed, "README.md"} == files


def test_the_knot_is_a_field_that_an_fff_learns(tmp_path):
    recipe = ("--set", "rows=4000", "--set", "depth=4", "--baseline", "none")
    command = (sys.executable, "-m", "service.cli.main", "train", "field", "--store", tmp_path)
    said = run(*command, "--data", "examples.knot:distance", "--name", "knot", *recipe)

    error = re.search(r"test RMSE ([0-9.e-]+)", said)
    assert error, said
    assert float(error[1]) < 0.05  # of distances from -0.1 to 1
