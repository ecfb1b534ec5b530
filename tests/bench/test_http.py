"""The request-path bench: its arithmetic, and one real leg where wrk is installed."""

import shutil

from bench.http import main
from bench.http_cells import Leg, cell, gain
from bench.wrk import WrkFigures, run_wrk
from loadtest.exposition import ServerCounts, read_counts
from loadtest.service_api import get
from loadtest.service_process import ServiceProcess, cpu_s
from tests.requirements import need

CONTRACT = {
    *("server", "form", "rows", "connections", "requests_per_s", "rows_per_s"),
    *("p50_ms", "p99_ms", "cpu_ms_per_request", "errors"),
}


def leg(requests, errors=0):
    client = WrkFigures(requests, seconds=2.0, p50_ms=1.0, p99_ms=9.0, errors=errors)
    return Leg(client, cpu_s=1.0, server=ServerCounts(0, 0, 0, 0, batch_rows=80, batches=20))


def test_a_cell_holds_medians_and_all_errors():
    found = cell("fff-serve", "json", 16, [leg(1000), leg(4000, errors=2), leg(2000, errors=1)])

    assert found.requests_per_s == found.rows_per_s == 1000
    assert found.cpu_ms_per_request == 0.5
    assert found.rows_per_batch == 4
    assert found.errors == 3
    assert set(found.__slots__) >= CONTRACT


def test_the_gain_compares_legs_of_the_same_round():
    found = gain(64, [leg(400), leg(1000), leg(900)], [leg(200), leg(250), leg(300)])

    assert (found.lowest, found.ratio, found.highest) == (2, 3, 4)


def test_without_wrk_the_error_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    assert main([]) == 1
    assert capsys.readouterr().err == (
        "bench.http: the load generator wrk is not installed: apt-get install wrk\n"
    )


def test_wrk_and_the_service_count_the_same_requests(tmp_path):
    need(shutil.which("wrk"), "wrk")
    bodies = tmp_path / "bodies"
    bodies.write_text("\n".join(f'{{"inputs": [{[k] * 64}]}}' for k in range(3)))
    with ServiceProcess() as service:
        figures = run_wrk(
            str(shutil.which("wrk")), f"{service.url}/v1/models/digits/predict", bodies, 4, 1
        )
        counts = read_counts(get(f"{service.url}/metrics").decode(), "digits")

        assert figures.errors == 0
        # wrk stops with requests under way, one a connection at most
        assert figures.requests <= counts.queued_requests <= figures.requests + 4
        assert cpu_s(service.pid) > 0
