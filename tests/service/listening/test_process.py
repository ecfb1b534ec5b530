"""Where the service listens: what is said when it cannot, and who gets in when many come."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from service.listening.sockets import listen_unix, stop_listening
from tests.service import toys

FILES = 1024
"""A usual limit of open files."""
BODY = json.dumps({"inputs": [[0.5] * toys.WIDTH]})
PREDICT = "/v1/models/toy/predict"


class WithFewFiles(toys.LiveService):
    """A service that may have `FILES` files open."""

    command: Sequence[str | Path] = [
        "bash",
        "-c",
        f'ulimit -S -n 256; ulimit -H -n {FILES}; exec "$@"',
        "bash",
        *toys.LiveService.command,
    ]


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "fff-serve"), "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def said_of_operations(service: toys.LiveService) -> str:
    (line,) = [line for line in service.log if "probes and metrics are also on" in line]
    return line.rpartition(" ")[2]


@pytest.mark.parametrize("option", ["--port", "--ops-port"])
def test_a_port_in_use_is_told_in_one_line_before_a_model_is_loaded(toy_store, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = [] if option == "--port" else ["--port", "0"]
        ended = serve("--store", str(toy_store.root), *others, option, str(port))

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"fff-serve: cannot listen on 127.0.0.1:{port}: address already in use"
    ]


def test_a_host_that_is_not_this_machines_is_told_in_one_line():
    ended = serve("--host", "192.0.2.1", "--port", "8000")

    assert ended.returncode == 1
    assert ended.stderr == (
        "fff-serve: cannot listen on 192.0.2.1:8000: cannot assign requested address\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ssl-certfile", "/nowhere"], "setting ssl_certfile (--ssl-certfile): /nowhere: No"),
        (["--ssl-keyfile", "/nowhere"], "need ssl_certfile"),
        (["--max-connections", "999999999"], "setting max_connections (--max-connections): must"),
    ],
    ids=["certificate", "key", "connections"],
)
def test_a_setting_that_does_not_fit_this_machine_is_named(arguments, said):
    ended = serve("--port", "0", *arguments)

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"fff-serve: {said}") or said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_unix_socket_serves_instead_of_the_port(toy_store, tmp_path):
    path = tmp_path / "socket"
    with toys.live("--store", str(toy_store.root), "--uds", str(path)) as service:
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://toy") as client:
            assert client.post(PREDICT, content=BODY).status_code == 200
        again = serve("--store", str(toy_store.root), "--uds", str(path))
        assert service.url == f"unix:{path}"

    assert again.returncode == 1
    assert again.stderr == f"fff-serve: cannot listen on {path}: address already in use\n"
    assert not path.exists()
    stop_listening(listen_unix(path))


def test_more_silent_clients_than_files_keep_nobody_out(toy_store):
    """Neither those who come for predictions nor probes; and the log says so once."""
    service = WithFewFiles("--store", str(toy_store.root))
    host, port = service.url.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(FILES + 100)]
    try:
        for _ in range(3):
            for method, path in (("POST", PREDICT), ("GET", "/readyz"), ("GET", "/metrics")):
                answer = httpx.request(method, service.url + path, content=BODY)
                assert answer.status_code == 200
        shed = re.search(r'fff_connections_shed_total\{reason="idle"\} (\d+)', answer.text)
        assert shed
        assert int(shed[1]) > 100
    finally:
        for client in silent:
            client.close()
        code = service.stop()

    assert code == 0
    assert sum("as many as max_connections allows" in line for line in service.log) == 1


def test_the_port_for_probes_says_503_until_the_last_request_is_answered(toy_store):
    with toys.live("--store", str(toy_store.root), "--ops-port", "0") as service:
        operations = said_of_operations(service)
        assert httpx.get(operations + "/readyz").json() == {"ready": True, "state": "ready"}
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            head = f"POST {PREDICT} HTTP/1.1\r\nHost: toy\r\nContent-Length: {len(BODY)}\r\n\r\n"
            client.sendall(head.encode())
            service.process.send_signal(signal.SIGTERM)
            while (probe := httpx.get(operations + "/readyz")).status_code == 200:
                pass
            client.sendall(BODY.encode())
            answer = client.recv(1000)
        code = service.stop()

    assert probe.json()["state"] == "draining"
    assert re.match(rb"HTTP/1.1 (200|503) ", answer)
    assert code == 0
