"""
The servers of the request-path bench, and quick runs of it: all on one set of running servers.

The service has a process of its own. The others are the bench's applications on its own uvicorn
options, in threads of this process: importing torch once more takes each two seconds.
"""

import json
import os
import shutil
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import psutil
import pytest
import torch
import uvicorn

from bench.http import __main__ as http
from bench.http import large
from bench.http import sides as http_sides
from bench.http.bodies import FORMS, Body, random_bodies
from bench.http.cells import Leg, Load
from bench.http.model import MODEL, SHAPE, publish, random_weights
from bench.http.parity import Refused, check
from bench.http.peers import PEERS
from bench.http.report import Circumstances
from bench.http.servers import APPLICATIONS, UVICORN
from bench.http.setup import Setup, write_all
from bench.http.sides import FLOOR, OURS, SIDES, start
from bench.http.wrk import run_wrk
from bench.networks import random_dense
from bench.parity import ParityError
from loadtest.harness.service_api import get
from loadtest.harness.service_process import ServiceProcess, cpu_s
from tests.bench.http.contract import HTTP_CELL
from tests.requirements import need

NAMES = [name for name in SIDES if name not in PEERS]  # those need environments of their own
FORM_OF = [(name, form) for name in NAMES for form in SIDES[name]]
MEASURED = [OURS, "fastapi-pydantic", "asgi-kernel", FLOOR]
QUICK = Load("json", 1, 1)
WRK = str(shutil.which("wrk"))


class ThreadServer(ServiceProcess):
    """An application of the bench in a thread of this process."""

    weights = random_weights(torch.Generator().manual_seed(0))

    def __init__(self, name, store):
        super().__init__()
        app = APPLICATIONS[name](self.weights, MODEL)
        port = int(self.url.rpartition(":")[2])
        config = uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", **UVICORN)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self):
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()

    def cpu_s(self):
        return cpu_s(psutil.Process(os.getpid()))


class Running(NamedTuple):
    """Servers by name, what they refused, and requests for them: their bodies, and as files."""

    servers: dict[str, Any]
    faults: list[Any]
    bodies: Any
    requests: Any

    def setup(self, *loads):
        return Setup([self.servers[name] for name in MEASURED], self.faults, loads, self.requests)


@pytest.fixture(scope="module", autouse=True)
def _one_torch_thread():
    """As the bench does: several wait for each other by spinning, on cores that others need."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """All servers on a model with a dense twin; starting them compares their answers."""
    folder, generator = tmp_path_factory.mktemp("bench"), torch.Generator().manual_seed(1)
    weights, twin = ThreadServer.weights, random_dense(SHAPE, 8, generator)
    publish(folder / "store", weights, twin)
    types = [(form, rows) for form in FORMS for rows in (1, 64)]
    bodies = {each: random_bodies(*each, weights, generator)[:4] for each in types}
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_sides, "HandWrittenProcess", ThreadServer)
        patch.setitem(SIDES, "fastapi-pydantic", ("json", "binary"))  # it refuses the second
        servers, faults = start(NAMES, folder / "store", bodies, stack)
        by_name = {server.name: server for server in servers}
        yield Running(by_name, faults, bodies, write_all(bodies, folder))


@pytest.fixture(scope="module")
def legs(running):
    """A quick run's: one-row JSON by one client, to each of `MEASURED` once."""
    need(shutil.which("wrk"), "wrk")
    return http.measure_setup(http.parse(["--quick"]), WRK, running.setup(QUICK))


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(("name", "form"), FORM_OF)
def test_every_server_answers_as_the_reference_does(running, name, form):
    server = running.servers[name]
    if (name, form) == (OURS, "binary"):
        extensions = json.loads(get(f"{server.process.url}/v2"))["extensions"]
        if "binary_tensor_data" not in extensions:
            pytest.skip("the service lists no binary_tensor_data among its extensions")

    for rows in (1, 64):
        url, bodies = server.urls[form, rows], running.bodies[form, rows]
        check(name, url, form, bodies, exact=name != FLOOR)


@pytest.mark.parametrize("rows", [1, 64])
def test_the_floor_answers_as_many_bytes_as_the_service(running, rows):
    urls = [running.servers[name].urls["json", rows] for name in (OURS, FLOOR)]
    bodies = running.bodies["json", rows][:1]

    ours, floor = (check("any", url, "json", bodies, exact=False) for url in urls)

    assert ours == floor


@pytest.mark.parametrize("form", FORMS)
def test_another_answer_than_the_references_is_an_error(running, form):
    body = running.bodies[form, 64][0]
    wrong = replace(body, truth=body.truth + 1)

    with pytest.raises(ParityError, match="asgi-kernel, .* logits differ"):
        check("asgi-kernel", running.servers["asgi-kernel"].urls[form, 64], form, [wrong])


def test_an_answer_without_logits_is_an_error(running):
    bodies = running.bodies["json", 1]

    with pytest.raises(ParityError, match="holds no logits"):
        check(FLOOR, running.servers[FLOOR].urls["json", 1], "json", bodies)


def test_a_refusal_says_what_was_answered(running):
    url = running.servers["fastapi-pydantic"].urls["json", 1]

    with pytest.raises(Refused, match="json requests are answered 422: .*Field required"):
        check("fastapi-pydantic", url, "json", [Body(b"{}")])


def test_a_quick_run_ends_with_one_object_of_the_contract(running, legs, capsys):
    setup = replace(running.setup(QUICK), faults=[])
    code = http.report(http.parse(["--quick"]), (setup, legs), Circumstances().facts(1, 1))

    report = last_line(capsys)
    assert code == 0
    assert [cell["server"] for cell in report["cells"]] == MEASURED
    assert all(cell.keys() >= HTTP_CELL for cell in report["cells"])
    assert all(cell["requests_per_s"] > 0 for cell in report["cells"])
    assert [ratio["server"] for ratio in report["ratios"]] == MEASURED[1:]
    (added,) = report["added_latency"]
    assert min(added["compute_ms"], added["round_trip_ms"], added["floor_ms"]) > 0
    assert report.keys() >= {"machine", "date", "load_average"}


def test_a_form_that_is_refused_is_an_error_and_no_end(running, legs, capsys):
    setup = running.setup(QUICK, Load("binary", 1, 1))
    code = http.report(http.parse(["--quick"]), (setup, legs), Circumstances().facts(1, 1))

    printed = capsys.readouterr()
    cells = json.loads(printed.out.splitlines()[-1])["cells"]
    taken, refused = (cell for cell in cells if cell["server"] == "fastapi-pydantic")
    assert code == 1
    assert (taken["errors"], taken["fault"]) == (0, None)
    assert (refused["errors"], refused["requests_per_s"]) == (1, None)
    assert "binary requests are answered 404" in refused["fault"]
    assert "fastapi-pydantic: binary requests are answered 404" in printed.err


def test_wrk_and_the_service_count_the_same_requests(legs):
    (leg,) = legs[OURS, QUICK]

    assert isinstance(leg, Leg)
    assert leg.server is not None
    assert leg.client.errors == 0
    # wrk stops with requests under way, one a connection at most
    assert leg.client.requests <= leg.server.queued_requests <= leg.client.requests + 1
    assert leg.cpu_s > 0


@pytest.mark.parametrize(("name", "more"), [("asgi-kernel", []), (OURS, ["--compare"])])
def test_small_requests_are_measured_without_and_beside_large_ones(
    running, name, more, monkeypatch, capsys
):
    need(shutil.which("wrk"), "wrk")
    monkeypatch.setattr(large, "LARGE", ("json", 64))
    options = large.parse(["--rounds", "1", "--duration-s", "1", *more])
    body = running.bodies["json", 64][0]
    body = large.comparison_body(body) if options.compare else body

    server = running.servers[name]
    results = large.measure_pairs(options, WRK, [server], running.requests, body)
    code = large.report(results, Circumstances().facts(1, 1))

    report = last_line(capsys)
    without, beside = report["cells"]
    assert code == 0
    assert without.keys() >= HTTP_CELL
    assert (without["large_per_s"], without["large_p50_ms"]) == (0, None)
    assert beside["large_per_s"] > 0 == beside["errors"]
    assert report["large_bytes"] == len(body.content)


def test_wrk_sends_binary_bodies_whole(running):
    """64 rows of bytes hold every byte that could end a line or a string."""
    need(shutil.which("wrk"), "wrk")
    requests = running.requests["binary", 64]
    assert all(byte in requests.bodies[0].content for byte in b"\0\n\r")
    url = running.servers["asgi-kernel"].urls["binary", 64]
    figures = run_wrk(WRK, url, requests.path, connections=2, duration_s=1)

    assert figures.errors == 0
    assert figures.requests > 0
