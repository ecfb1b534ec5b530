"""A server that does not answer under load, or ends: its legs fail, and the run goes on."""

import json
import os
import shutil
import signal
import sys

import pytest
import torch

from bench.http import __main__ as http
from bench.http import dialects
from bench.http import measure as http_measure
from bench.http import peers as http_peers
from bench.http import sides as http_sides
from bench.http.bodies import Requests, json_body
from bench.http.cells import FailedLeg, Leg, Load, added_latencies, cell, ratios
from bench.http.measure import attempt
from bench.http.peers import Peer
from bench.http.poster import post
from bench.http.sides import Side
from bench.http.wrk import WrkFigures
from bench.peers.process import FrameworkProcess
from loadtest.harness.errors import LoadTestError
from tests.requirements import need

LOAD = Load("json", 1, 2)
WRK = str(shutil.which("wrk"))
SERVER = """
import http.server, json, os, sys, time
waits_s, status, computes = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "computes"
if computes:
    import numpy as np
    from bench.peers.computing import load_compute
    load = load_compute()
    compute = lambda rows: load(np.array(rows, np.float32)).tolist()
else:
    compute = list
class Slow(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_GET(self):
        self.answer(200, b"")
    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if "Accept-Encoding" not in self.headers:  # http.client sends it, wrk does not
            time.sleep(waits_s)
        rows = json.loads(content)["inputs"]
        self.answer(status, json.dumps({"outputs": compute(rows)}).encode())
    def answer(self, code, content):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
place = "127.0.0.1", int(os.environ["BENCH_PEER_PORT"])
http.server.ThreadingHTTPServer(place, Slow).serve_forever()
"""


def answering(waits_s, status=200, computes="idles"):
    """A server's command: answers a lone client at once, wrk when it has waited."""
    return [sys.executable, "-c", SERVER, str(waits_s), str(status), computes]


@pytest.fixture
def asked(tmp_path):
    """The legs of a server: starts it, and asks it as often as `legs` says."""
    need(shutil.which("wrk"), "wrk")
    requests = Requests((json_body(torch.ones(1, 3)),), tmp_path / "requests")
    requests.write()
    what = LOAD.form, LOAD.rows

    def ask(command, before=lambda process: None):
        with FrameworkProcess(command, "/", tmp_path, "") as process:
            url = {what: process.url}
            side = Side("slow", process, url, own={what: requests}, awake=process.awake)
            process.pause()
            before(process)
            return attempt(WRK, side, LOAD, {what: requests}, 1)

    return ask


def leg(requests, compute_ms=0.5):
    return Leg(WrkFigures(requests, 1.0, p50_ms=2.0, p99_ms=9.0, errors=0), 1.0, None, compute_ms)


def test_a_server_slower_than_a_leg_is_asked_once_more_and_longer(asked):
    found = asked(answering(waits_s=1.3))

    assert isinstance(found, Leg)
    assert found.client.seconds > http_measure.LONGER_LEGS * 0.9
    assert found.client.requests > 0


def test_a_server_that_refuses_a_lone_request_fails_its_leg(asked, capsys):
    found = asked(answering(waits_s=0, status=500))

    assert isinstance(found, FailedLeg)
    assert found.why.endswith("answers 500")
    assert f"slow: {found.why}" in capsys.readouterr().err


def test_a_server_that_ended_fails_its_leg_with_what_it_said_last(asked):
    def end(process):
        os.kill(process.pid, signal.SIGKILL)
        process._process.wait()

    found = asked(answering(waits_s=0), before=end)

    assert isinstance(found, FailedLeg)
    assert "the framework ended by itself with exit code -9; its log ends:" in found.why


def test_an_answer_of_another_status_is_none(tmp_path):
    with (
        FrameworkProcess(answering(waits_s=0, status=503), "/", tmp_path, "") as process,
        pytest.raises(LoadTestError, match="answers 503"),
    ):
        post(process.url, json_body(torch.ones(1, 3)))


def test_failed_legs_are_errors_and_in_no_median():
    found = cell("slow", LOAD, [leg(100), FailedLeg("nobody came"), leg(300)])

    assert (found.requests_per_s, found.errors) == (200, 1)
    assert found.fault == "json, 1 row(s), 2 connection(s): 1 of 3 legs failed: nobody came"
    assert cell("slow", LOAD, [FailedLeg("")] * 3).errors == 3
    assert cell("slow", LOAD, [leg(1)]).fault is None


def test_a_round_with_a_failed_leg_is_in_no_ratio():
    legs = {("ours", LOAD): [leg(100), leg(400)], ("slow", LOAD): [FailedLeg(""), leg(200)]}

    (found,) = ratios(legs, "ours")
    assert (found.lowest, found.ratio, found.highest) == (2, 2, 2)
    assert ratios(legs | {("slow", LOAD): [FailedLeg("")] * 2}, "ours") == []


def test_a_round_with_a_failed_leg_is_in_no_latency():
    load = Load("json", 1, 1)
    legs = {("ours", load): [leg(1), leg(1)], ("floor", load): [leg(1), FailedLeg("")]}

    (found,) = added_latencies(legs, "ours", "floor")
    assert (found.added_ms, found.floor_ms) == (-0.5, 2.0)
    assert added_latencies(legs | {("floor", load): [FailedLeg("")] * 2}, "ours", "floor") == []


def test_a_run_goes_on_past_a_silent_server_and_says_so(monkeypatch, tmp_path, capsys):
    need(shutil.which("wrk"), "wrk")
    python = tmp_path / "mosec" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "mosec" / "installed").touch()
    command = ("python", *answering(waits_s=60, computes="computes")[1:])
    silent = Peer((), command, "/", {"json": "/"}, dialects.bytes_body, dialects.read_plain)
    monkeypatch.setattr(http_peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setitem(http_peers.PEERS, "mosec", silent)
    monkeypatch.setitem(http_sides.SIDES, "mosec", ("json",))
    monkeypatch.setattr(http_measure, "LONGER_LEGS", 1)
    threads = torch.get_num_threads()

    narrow = ("--forms", "json", "--rows", "1", "--only", "mosec", "asgi-kernel")
    code = http.main(["--quick", *narrow])

    torch.set_num_threads(threads)
    printed = capsys.readouterr()
    found = json.loads(printed.out.splitlines()[-1])
    cells = {each["server"]: each for each in found["cells"]}
    why = "json, 1 row(s), 1 connection(s): 1 of 1 legs failed: "
    why += "no request of wrk was answered in 1 s"
    assert code == 1
    assert (cells["mosec"]["fault"], cells["mosec"]["requests_per_s"]) == (why, None)
    assert cells["asgi-kernel"]["requests_per_s"] > 0
    assert f"bench.http: mosec: {why}" in printed.err
    assert "failed: mosec: json" in printed.out
