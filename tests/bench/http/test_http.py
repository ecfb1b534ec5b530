"""The request-path bench: its arithmetic, and quick runs of it where wrk is installed."""

import json
import shutil

import pytest
import torch

from bench.http import __main__ as http
from bench.http import large as http_large
from bench.http import sides as http_sides
from bench.http.bodies import Requests, json_body
from bench.http.cells import Leg, Load, added_latencies, cell, ratios
from bench.http.wrk import WrkFigures, run_wrk
from loadtest.harness.exposition import ServerCounts, read_counts
from loadtest.harness.service_api import get
from loadtest.harness.service_process import ServiceProcess
from tests.requirements import need

LOAD = Load("binary", 64, 1)
CONTRACT = {
    *("server", "form", "rows", "connections", "requests_per_s", "rows_per_s"),
    *("p50_ms", "p99_ms", "cpu_ms_per_request", "errors"),
}


@pytest.fixture(autouse=True)
def _torch_threads_stay():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def leg(requests, errors=0, p50_ms=1.0, compute_ms=None):
    client = WrkFigures(requests, seconds=2.0, p50_ms=p50_ms, p99_ms=9.0, errors=errors)
    counts = ServerCounts(0, 0, 0, 0, batch_rows=80, batches=20)
    return Leg(client, cpu_s=1.0, server=counts, compute_ms=compute_ms)


def run(main, *arguments, capsys):
    """Exit code, what the last line of standard output holds, and standard error."""
    need(shutil.which("wrk"), "wrk")
    code = main(list(arguments))
    printed = capsys.readouterr()
    return code, json.loads(printed.out.splitlines()[-1]), printed.err


def test_a_cell_holds_medians_and_all_errors():
    found = cell("fff-serve", LOAD, [leg(1000), leg(4000, errors=2), leg(2000, errors=1)])

    assert found.requests_per_s == 1000
    assert found.rows_per_s == 64_000
    assert found.cpu_ms_per_request == 0.5
    assert found.rows_per_batch == 4
    assert found.errors == 3
    assert set(found.__slots__) >= CONTRACT


def test_a_ratio_compares_legs_of_the_same_round():
    legs = {
        ("ours", LOAD): [leg(400), leg(1000), leg(900)],
        ("theirs", LOAD): [leg(200), leg(250), leg(300)],
    }

    (found,) = ratios(legs, "ours")

    assert (found.lowest, found.ratio, found.highest) == (2, 3, 4)
    assert (found.server, found.form, found.rows) == ("theirs", "binary", 64)


def test_added_latency_is_what_compute_and_floor_leave_of_the_round_trip():
    ours = [leg(1, p50_ms=p50_ms, compute_ms=0.5) for p50_ms in (3.0, 2.0, 9.0)]
    floor = [leg(1, p50_ms=p50_ms) for p50_ms in (1.0, 0.5, 7.0)]

    (found,) = added_latencies({("ours", LOAD): ours, ("floor", LOAD): floor}, "ours", "floor")

    assert found.added_ms == 1.5
    assert (found.round_trip_ms, found.compute_ms, found.floor_ms) == (3.0, 0.5, 1.0)


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


def test_a_quick_run_ends_with_one_object_of_the_contract(capsys):
    servers = ["fff-serve", "asgi-kernel", "constant"]
    narrow = ("--forms", "json", "--rows", "1", "--only", *servers)
    code, found, error = run(http.main, "--quick", *narrow, capsys=capsys)

    assert code == 0, error
    assert [each["server"] for each in found["cells"]] == servers
    assert all(each.keys() >= CONTRACT and each["requests_per_s"] > 0 for each in found["cells"])
    assert [each["server"] for each in found["ratios"]] == servers[1:]
    (added,) = found["added_latency"]
    assert min(added["compute_ms"], added["round_trip_ms"], added["floor_ms"]) > 0
    assert found.keys() >= {"machine", "date", "load_average"}


def test_batching_is_measured_on_the_demo_model(capsys):
    code, found, _ = run(http.main, "--batching", "--quick", "--connections", "16", capsys=capsys)

    assert code == 0
    batched, alone = found["cells"]
    assert batched["rows_per_batch"] > alone["rows_per_batch"] == 1


def test_a_form_that_is_refused_is_an_error_and_no_end(monkeypatch, capsys):
    monkeypatch.setitem(http_sides.SIDES, "fastapi-pydantic", ("json", "binary"))
    narrow = ("--rows", "1", "--only", "fastapi-pydantic")
    code, found, error = run(http.main, "--quick", *narrow, capsys=capsys)

    assert code == 1
    taken, refused = found["cells"]
    assert (taken["errors"], taken["fault"]) == (0, None)
    assert (refused["errors"], refused["requests_per_s"]) == (1, None)
    assert "binary requests are answered 404" in refused["fault"]
    assert "fastapi-pydantic: binary requests are answered 404" in error


@pytest.mark.parametrize("of", [("--only", "asgi-kernel"), ("--compare",)])
def test_small_requests_are_measured_without_and_beside_large_ones(of, capsys):
    narrow = ("--rounds", "1", "--duration-s", "1", *of)
    code, found, _ = run(http_large.main, *narrow, capsys=capsys)

    assert code == 0
    without, beside = found["cells"]
    assert without.keys() >= CONTRACT
    assert (without["large_per_s"], without["large_p50_ms"]) == (0, None)
    assert beside["large_per_s"] > 0 == beside["errors"]
    assert found["large_bytes"] > 8_000_000


def test_wrk_and_the_service_count_the_same_requests(tmp_path):
    need(shutil.which("wrk"), "wrk")
    requests = Requests(
        tuple(json_body(torch.full((1, 64), float(k))) for k in range(3)), tmp_path / "requests"
    )
    requests.write()
    with ServiceProcess() as service:
        url = f"{service.url}/v1/models/digits/predict"
        figures = run_wrk(str(shutil.which("wrk")), url, requests.path, 4, 1)
        counts = read_counts(get(f"{service.url}/metrics").decode(), "digits")

        assert figures.errors == 0
        # wrk stops with requests under way, one a connection at most
        assert figures.requests <= counts.queued_requests <= figures.requests + 4
        assert service.cpu_s() > 0
