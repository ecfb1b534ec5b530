"""The commands of the request-path bench, up to the start of a server, and one that compares."""

import argparse
import ast
import json
import shutil
from pathlib import Path

import pytest
import torch

from bench.http import __main__ as http
from bench.http import large
from bench.http import peers as http_peers
from bench.http.bodies import INK, full_rows, json_body, pixel_rows
from bench.http.command import run_bench
from bench.http.model import random_weights
from bench.http.servers import UVICORN
from bench.parity import CLEAR_MARGIN
from fff import reference
from tests.requirements import need

SERVER = Path(__file__).parents[3] / "service" / "server.py"


@pytest.fixture
def weights():
    return random_weights(torch.Generator().manual_seed(0))


def test_without_wrk_the_error_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    assert http.main([]) == 1
    assert capsys.readouterr().err == (
        "bench.http: the load generator wrk is not installed: apt-get install wrk\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--only", "constant"], id="no-server-gives-the-floor-its-size"),
        pytest.param(["--batching", "--rows", "64"], id="batching-has-its-own-requests"),
        pytest.param(["--connections", "0"], id="no-connection"),
    ],
)
def test_misuse_exits_with_2(arguments):
    with pytest.raises(SystemExit) as stopped:
        http.main(arguments)

    assert stopped.value.code == 2


def test_what_is_not_installed_is_said_and_the_rest_is_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(http_peers, "ENVIRONMENTS", tmp_path)
    options = http.parse(["--only", "fff-serve", "mosec"])

    http.leave_out_absent(options)

    assert options.only == ["fff-serve"]
    assert "not installed: mosec; `make peers` installs them" in capsys.readouterr().err


def test_nothing_is_measured_where_nobody_asked_for_is_installed(monkeypatch, tmp_path, capsys):
    need(shutil.which("wrk"), "wrk")
    monkeypatch.setattr(http_peers, "ENVIRONMENTS", tmp_path)

    assert http.main(["--only", "mosec"]) == 1
    assert capsys.readouterr().err.endswith("bench.http: nothing is left to measure\n")


def test_torch_has_one_thread_while_servers_run_and_as_many_as_before_thereafter():
    need(shutil.which("wrk"), "wrk")
    before, options = torch.get_num_threads(), argparse.Namespace(rounds=1, duration_s=1)

    during = run_bench("bench", options, lambda _: torch.get_num_threads(), lambda n, _: n)

    assert (during, torch.get_num_threads()) == (1, before)


def test_all_servers_run_on_the_services_own_uvicorn_options():
    """But for the protocol, which the service replaces by its own, and TLS."""
    calls = [node for node in ast.walk(ast.parse(SERVER.read_text())) if isinstance(node, ast.Call)]
    (config,) = (call for call in calls if ast.unparse(call.func) == "uvicorn.Config")
    its_own = {"http", "ssl_context_factory"}
    options = {each.arg: each.value for each in config.keywords if each.arg not in its_own}

    same = {name: ast.literal_eval(value) for name, value in options.items()}
    assert same | {"http": "httptools"} == UVICORN


def test_rows_are_like_digits_and_their_leaves_beyond_doubt(weights):
    rows = pixel_rows(500, weights, torch.Generator().manual_seed(2))

    leaf, margin = reference.route(rows, weights)
    assert float(margin.min()) > CLEAR_MARGIN
    assert len(leaf.unique()) > weights.leaves / 2
    assert abs(float((rows > 0).float().mean()) - INK) < 0.01
    assert 0 <= float(rows.min()) <= float(rows.max()) <= 1


def test_large_requests_are_of_8_mb(weights):
    """A tenth of one is drawn here."""
    rows = full_rows(large.LARGE[1] // 10, weights, torch.Generator().manual_seed(2))

    assert 10 * len(json_body(rows).content) > 8_000_000


def test_batching_is_measured_on_the_demo_model(capsys):
    need(shutil.which("wrk"), "wrk")

    code = http.main(["--batching", "--quick", "--connections", "16"])

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    batched, alone = report["cells"]
    assert code == 0
    assert batched["rows_per_batch"] > alone["rows_per_batch"] == 1
