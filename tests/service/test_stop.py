"""SIGTERM and SIGINT: within the grace the process ends with 0, whatever holds it up."""

import json
import signal

import httpx
import pytest

from service.settings import SettingsError, load_settings
from tests.service import toys
from tests.service.stopping import (
    MUCH,
    Starting,
    altered,
    ask_for_much,
    publish_wide,
    read_to_the_end,
    ready,
    starting,
)

PREDICT = "/v1/models/toy/predict"
HEAD = f"POST {PREDICT} HTTP/1.1\r\nHost: toy\r\n"
ROW = json.dumps({"inputs": [[0.5] * toys.WIDTH]}).encode()
LARGE = 600_000  # bytes; such a body does not go by the fast path
GET = b"GET /healthz HTTP/1.1\r\nHost: toy\r\n\r\n"

NOT_ACCEPTED = {
    "half-a-head": HEAD.encode(),
    "half-a-body": f"{HEAD}Content-Length: 99\r\n\r\n{{".encode(),
    "half-a-large-body": f"{HEAD}Content-Length: {LARGE}\r\n\r\n{{".encode(),
    "chunks": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode(),
    "expects-to-be-told": f"{HEAD}Content-Length: 99\r\nExpect: 100-continue\r\n\r\n".encode(),
}

HANGS = """
import dataclasses, threading
from fff.kernels.cpu.backend import NumbaGrouped
infer = NumbaGrouped.infer
def hang_on_thirteen(self, x):
    if (x[:, 0] == 13).any():
        print("hangs", file=__import__("sys").stderr, flush=True)
        threading.Event().wait()
    return infer(self, x)
NumbaGrouped.infer = hang_on_thirteen
from service.engine import loading
warm_up = loading.warm_up
loading.warm_up = lambda *given: dataclasses.replace(warm_up(*given), inline_rows=0)
"""

LOAD_HANGS = """
import threading
from model_store.store import Store
load, loaded = Store.load, []
def hang(self, name, *version):
    again = name in loaded
    loaded.append(name)
    if {when}:
        print("hangs", file=__import__("sys").stderr, flush=True)
        threading.Event().wait()
    return load(self, name, *version)
Store.load = hang
"""


def assert_ended_well(service: Starting) -> None:
    assert service.end() == 0, service.log
    assert not [line for line in service.log if "Traceback" in line]
    accepted, answered = service.counted
    assert accepted == answered


def hold(service: Starting) -> None:
    """Have clients that send no more, and of whom the service has read what they sent."""
    service.connect(b"")
    for sent in NOT_ACCEPTED.values():
        client = service.connect(GET)
        assert client.recv(65536)
        client.sendall(sent)
    assert service.connect(GET).recv(65536)


@pytest.fixture
def quick(toy_store):
    """A service whose whole stop may take two seconds."""
    with ready("--store", toy_store.root, FFF_SHUTDOWN_GRACE_S="2") as service:
        yield service


@pytest.fixture
def patient(toy_store):
    """A service whose stop may take much longer than a test may."""
    with ready("--store", toy_store.root, FFF_SHUTDOWN_GRACE_S="1000") as service:
        yield service


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_not_accepted_holds_a_stop_up_for_the_grace_alone(quick, number):
    hold(quick)

    quick.send(number)

    assert_ended_well(quick)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_wait_for_it(patient, number):
    hold(patient)

    patient.send(number)
    patient.until_said("stopping: new requests are refused")
    patient.send(number)

    assert_ended_well(patient)
    assert any("a second signal" in line for line in patient.log)


def test_a_body_that_is_completed_meanwhile_is_refused_in_words(patient):
    half = patient.connect(f"{HEAD}Content-Length: {len(ROW)}\r\n\r\n".encode() + ROW[:5])

    patient.send(signal.SIGTERM)
    patient.until_said("stopping: new requests are refused")
    half.sendall(ROW[5:])
    told = read_to_the_end(half)

    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1" in head
    assert b"\r\nconnection: close" in head
    assert b"draining" in body
    assert_ended_well(patient)


def test_an_idle_kept_connection_is_closed_at_once(patient):
    kept = patient.connect(GET)
    assert kept.recv(65536)

    patient.send(signal.SIGTERM)

    assert read_to_the_end(kept) == b""
    assert_ended_well(patient)


@pytest.fixture
def wide_store(toy_store):
    publish_wide(toy_store)
    return toy_store


def test_an_answer_that_nobody_reads_holds_a_stop_up_for_the_grace_alone(wide_store):
    with ready("--store", wide_store.root, FFF_SHUTDOWN_GRACE_S="2") as service:
        ask_for_much(service)
        service.send(signal.SIGTERM)

        assert_ended_well(service)


def test_an_answer_that_is_read_is_read_to_its_end(wide_store):
    with ready("--store", wide_store.root, FFF_SHUTDOWN_GRACE_S="1000") as service:
        client = ask_for_much(service)
        service.send(signal.SIGTERM)
        service.until_said("stopping: new requests are refused")
        _, _, body = read_to_the_end(client).partition(b"\r\n\r\n")

        assert len(body) > MUCH
        assert_ended_well(service)
        assert service.counted == (1, 1)


def test_during_the_delay_it_is_not_ready_and_serves_until_a_second_signal(toy_store):
    times = {"FFF_DRAIN_DELAY_S": "900", "FFF_SHUTDOWN_GRACE_S": "1000"}
    with ready("--store", toy_store.root, kind=Starting, **times) as service:
        with httpx.Client(base_url=service.url) as kept:
            assert kept.post(PREDICT, content=ROW).headers.get("connection") != "close"
            service.send(signal.SIGTERM)
            service.until_said("stopping: not ready")
            last = kept.post(PREDICT, content=ROW)  # on the connection it had before
        not_ready = httpx.get(f"{service.url}/readyz")
        later = httpx.post(service.url + PREDICT, content=ROW)
        healthy = httpx.get(f"{service.url}/healthz")
        service.send(signal.SIGTERM)

        assert_ended_well(service)
        assert service.counted == (3, 3)
    assert [answer.status_code for answer in (last, later, healthy)] == [200, 200, 200]
    assert {answer.headers["connection"] for answer in (last, later, not_ready)} == {"close"}
    assert (not_ready.status_code, not_ready.json()["state"]) == (503, "terminating")
    assert "still accepted" in not_ready.json()["error"]


def test_a_computation_that_hangs_is_told_so_and_does_not_keep_the_process(toy_store):
    deadly = ROW.replace(b"0.5", b"13", 1)
    with ready("--store", toy_store.root, kind=altered(HANGS), FFF_SHUTDOWN_GRACE_S="2") as service:
        sent = f"{HEAD}Content-Length: {len(deadly)}\r\n\r\n".encode() + deadly
        hanging = service.connect(sent)
        service.until_said("hangs")
        waiting = service.connect(sent)
        service.send(signal.SIGTERM)
        told = [read_to_the_end(client) for client in (hanging, waiting)]

        assert_ended_well(service)
        assert service.counted == (2, 2)
    for answer in told:
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"these rows have not been computed" in answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_load_that_hangs_amid_the_start_does_not_keep_the_process(toy_store, number):
    kind = altered(LOAD_HANGS.format(when="True"))
    with starting("--store", toy_store.root, kind=kind) as service:
        service.until_said("hangs")
        service.send(number)

        assert_ended_well(service)
        assert not [line for line in service.log if "ready on " in line]


def test_a_load_that_hangs_on_request_does_not_keep_the_process(toy_store):
    kind = altered(LOAD_HANGS.format(when="again"))  # not at the start
    settings = {"FFF_ADMIN_KEY": "key", "FFF_SHUTDOWN_GRACE_S": "2"}
    with ready("--store", toy_store.root, kind=kind, **settings) as service:
        load = b"POST /v2/repository/models/toy/load HTTP/1.1\r\nHost: toy\r\n"
        service.connect(load + b"Authorization: Bearer key\r\n\r\n")
        service.until_said("hangs")
        service.send(signal.SIGTERM)

        assert_ended_well(service)


def test_the_delay_is_a_part_of_the_grace():
    with pytest.raises(SettingsError, match="at least drain_delay_s"):
        load_settings({}, None, {"FFF_DRAIN_DELAY_S": "30"})
