"""A server that does not answer under load, or ends: its legs fail, and the run goes on."""

import json
import os
import shutil
import signal
import sys
from dataclasses import replace

import pytest
import torch

from bench.http import __main__ as http
from bench.http import dialects
from bench.http import measure as http_measure
from bench.http import peers as http_peers
from bench.http import sides as http_sides
from bench.http.bodies import json_body, write_requests
from bench.http.cells import FailedLeg, Leg, Load
from bench.http.measure import attempt
from bench.http.peers import Peer
from bench.http.poster import post
from bench.http.sides import Server
from bench.peers.process import FrameworkProcess
from loadtest.harness.errors import LoadTestError
from tests.requirements import need

LOAD = Load("json", 1, 2)
WRK = str(shutil.which("wrk"))
ECHO = """
import http.server, json, os, sys, time
waits_s, status = float(sys.argv[1]), int(sys.argv[2])
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
        self.answer(status, json.dumps({"outputs": json.loads(content)["inputs"]}).encode())
    def answer(self, code, content):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
place = "127.0.0.1", int(os.environ["BENCH_PEER_PORT"])
http.server.ThreadingHTTPServer(place, Slow).serve_forever()
"""


def echo(waits_s, status=200):
    """A server's command: answers rows with themselves, a lone client at once, wrk late."""
    return [sys.executable, "-c", ECHO, str(waits_s), str(status)]


def truth_body(form, body):
    """A dialect in which an echo is the right answer."""
    content = json.dumps({"inputs": body.truth.tolist()}).encode()
    return replace(body, content=content)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """The leg of a server: starts it, does something to it, and loads it."""
    need(shutil.which("wrk"), "wrk")
    monkeypatch.setattr(http_measure, "LONGER_LEGS", 2)
    requests = write_requests((json_body(torch.ones(1, 3)),), tmp_path / "requests")
    request_type = LOAD.form, LOAD.rows

    def measure(command, before=lambda process: None):
        with FrameworkProcess(command, "/", tmp_path, "") as process:
            urls, own = {request_type: process.url}, {request_type: requests}
            server = Server("slow", process, urls, own_requests=own, awake=process.awake)
            process.pause()
            before(process)
            return attempt(WRK, server, LOAD, own, 1)

    return measure


def test_a_server_slower_than_a_leg_is_asked_once_more_and_longer(measured):
    leg = measured(echo(waits_s=1.3))

    assert isinstance(leg, Leg)
    assert leg.client.seconds > 2 * 0.9
    assert leg.client.requests > 0


def test_a_server_that_refuses_a_lone_request_fails_its_leg(measured, capsys):
    leg = measured(echo(waits_s=0, status=500))

    assert isinstance(leg, FailedLeg)
    assert leg.reason.endswith("answers 500")
    assert f"slow: {leg.reason}" in capsys.readouterr().err


def test_a_server_that_ended_fails_its_leg_with_what_it_said_last(measured):
    def end(process):
        os.kill(process.pid, signal.SIGKILL)
        process._process.wait()

    leg = measured(echo(waits_s=0), before=end)

    assert isinstance(leg, FailedLeg)
    assert "the framework ended by itself with exit code -9; its log ends:" in leg.reason


def test_an_answer_of_another_status_is_none(tmp_path):
    with (
        FrameworkProcess(echo(waits_s=0, status=503), "/", tmp_path, "") as process,
        pytest.raises(LoadTestError, match="answers 503"),
    ):
        post(process.url, json_body(torch.ones(1, 3)))


@pytest.fixture
def silent_framework(monkeypatch, tmp_path):
    """In place of mosec one that is installed, right when asked alone, and silent under load."""
    python = tmp_path / "mosec" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "mosec" / "installed").touch()
    command = ("python", *echo(waits_s=60)[1:])
    silent = Peer((), command, "/", {"json": "/"}, truth_body, dialects.read_plain)
    monkeypatch.setattr(http_peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setitem(http_peers.PEERS, "mosec", silent)
    monkeypatch.setitem(http_sides.SIDES, "mosec", ("json",))
    monkeypatch.setattr(http_measure, "LONGER_LEGS", 1)


def test_a_run_goes_on_past_a_silent_server_and_says_so(silent_framework, capsys):
    need(shutil.which("wrk"), "wrk")
    only = ("--forms", "json", "--rows", "1", "--only", "mosec", "asgi-kernel")

    code = http.main(["--quick", *only])

    printed = capsys.readouterr()
    report = json.loads(printed.out.splitlines()[-1])
    cells = {cell["server"]: cell for cell in report["cells"]}
    fault = "json, 1 row(s), 1 connection(s): 1 of 1 legs failed: "
    fault += "no request of wrk was answered in 1 s"
    assert code == 1
    assert (cells["mosec"]["fault"], cells["mosec"]["requests_per_s"]) == (fault, None)
    assert cells["asgi-kernel"]["requests_per_s"] > 0
    assert f"bench.http: mosec: {fault}" in printed.err
    assert "failed: mosec: json" in printed.out
