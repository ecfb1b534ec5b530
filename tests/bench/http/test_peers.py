"""The serving frameworks of the request-path bench: dialects, batches, and processes that end."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch

from bench.http import dialects
from bench.http.bodies import binary_body, json_body, write_requests
from bench.http.model import publish, random_weights
from bench.parity import check_logits
from bench.peers.computing import compute_together, load_compute, port, rows_of
from bench.peers.process import ROOT, FrameworkProcess
from bench.peers.process import _cpu_s as process_cpu_s
from bench.peers.settings import MODEL, PORT, STORE
from bench.peers.tree import tree
from fff import reference
from loadtest.harness.service_process import cpu_s

PARENT = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"],
                         start_new_session=True)
class Up(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
port = int(os.environ["BENCH_PEER_PORT"])
http.server.HTTPServer(("127.0.0.1", port), Up).serve_forever()
"""


@pytest.fixture
def framework(tmp_path):
    """A server with a worker in a session of its own, as supervisors start theirs."""
    return FrameworkProcess([sys.executable, "-c", PARENT], "/", tmp_path, "bench")


def state(process):
    """Of a process; empty once it is gone."""
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return ""


def ended(processes):
    return {state(process) for process in processes} <= {"", psutil.STATUS_ZOMBIE}


def wait_for(condition):
    deadline_s = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert condition()


def test_requests_of_different_rows_are_computed_together_and_come_apart():
    calls = []

    def double(x):
        calls.append(len(x))
        return 2 * x

    parts = [np.full((r, 3), r, np.float32) for r in (1, 64, 2)]
    outputs = compute_together(parts, double)

    assert calls == [67]
    assert all(np.array_equal(y, 2 * x) for x, y in zip(parts, outputs, strict=True))


def test_an_adapter_computes_the_model_that_its_environment_names(monkeypatch, tmp_path):
    threads, generator = torch.get_num_threads(), torch.Generator().manual_seed(0)
    weights = random_weights(generator)
    publish(tmp_path, weights)
    monkeypatch.setenv(STORE, str(tmp_path))
    monkeypatch.setenv(MODEL, "bench")
    monkeypatch.setenv(PORT, "8123")
    x = torch.rand(3, 784, generator=generator)

    outputs = load_compute()(x.numpy())

    torch.set_num_threads(threads)
    check_logits("adapter", torch.from_numpy(outputs), reference.infer(x, weights).logits)
    assert port() == 8123


@pytest.mark.parametrize("rows", [1, 64])
def test_every_dialect_carries_the_same_rows(rows):
    x = torch.randn(rows, 784)
    raw = dialects.bytes_body("binary", binary_body(x)).content
    form = dialects.form_body("binary", binary_body(x)).content
    (tensor,) = json.loads(dialects.v2_body("json", json_body(x)).content)["inputs"]

    assert np.array_equal(rows_of(raw, 784), x.numpy())
    assert form.count(raw) == 1
    assert np.array_equal(np.reshape(tensor["data"], tensor["shape"]).astype(np.float32), x)


def test_every_dialect_finds_the_logits_in_an_answer():
    y = torch.randn(3, dialects.OUTPUTS)
    flat = {"shape": list(y.shape), "data": y.flatten().tolist()}

    for answer in ({"outputs": y.tolist()}, y.tolist()):
        assert torch.equal(dialects.read_plain("json", json.dumps(answer).encode(), {}), y)
    assert torch.equal(dialects.read_plain("binary", y.numpy().tobytes(), {}), y)
    assert torch.equal(dialects.read_v2("json", json.dumps({"outputs": [flat]}).encode(), {}), y)


def test_a_content_type_has_no_space_that_would_break_the_line_for_wrk(tmp_path):
    body = dialects.form_body("binary", binary_body(torch.randn(1, 784)))
    path = write_requests((body,), tmp_path / "requests").path

    first = path.read_bytes().split(b"\n", 1)[0]
    assert first.split() == [body.content_type.encode(), b"0", b"%d" % len(body.content)]


def test_all_processes_sleep_between_legs_and_end_with_the_block(framework):
    with framework:
        processes = tree(framework.pid)
        stopped = 2 * [psutil.STATUS_STOPPED]
        framework.pause()
        wait_for(lambda: [*map(state, processes)] == stopped)
        with framework.awake():
            framework.settle()  # answers
        wait_for(lambda: [*map(state, processes)] == stopped)

    assert ended(processes)


def test_processor_time_is_of_all_processes(framework):
    with framework:
        parent, child = tree(framework.pid)

        assert framework.cpu_s() >= cpu_s(parent) + cpu_s(child) > cpu_s(child)


def test_a_process_that_ended_since_it_was_listed_has_no_processor_time():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (listed,) = tree(process.pid)

    assert process_cpu_s(listed) == 0
    assert tree(process.pid) == []


def test_all_processes_end_when_the_bench_is_killed():
    program = (
        "import sys, time, pathlib; from bench.peers.process import FrameworkProcess\n"
        "from bench.peers.tree import tree\n"
        f"parent = [sys.executable, '-c', {PARENT!r}]\n"
        "with FrameworkProcess(parent, '/', pathlib.Path(), '') as f:\n"
        "    f.pause(); print(*(each.pid for each in tree(f.pid)), flush=True); time.sleep(300)"
    )
    bench = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with bench:
        assert bench.stdout is not None
        processes = [psutil.Process(int(pid)) for pid in bench.stdout.readline().split()]
        bench.send_signal(signal.SIGKILL)

    assert len(processes) == 2
    wait_for(lambda: ended(processes))
