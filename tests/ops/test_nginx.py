"""
A real nginx in front of a real service, with the file that `ops/nginx/` offers.

Covered:      prefix, TLS, kept connections, a body that is too large, gRPC, a service that is away.
Not covered:  how many requests it takes to be refused; nginx's own defaults.
"""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from tritonclient import grpc as triton

from tests.ops.live_prometheus import until
from tests.requirements import need
from tests.service import toys
from tests.service.listening.certificates import make_certificate

CONF = Path(__file__).parents[2] / "ops/nginx/fff-serve.conf"
ROWS = [[0.5] * toys.WIDTH]
LIMIT = 2**20


class Proxied(NamedTuple):
    """Where nginx listens, with which certificate, and the service behind it."""

    port: int
    certificate: Path
    service: toys.LiveService

    def client(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}", verify=trust, trust_env=False
        )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def nginx(folder: Path, *substitutions: tuple[str, str]) -> Iterator[None]:
    """Nginx with our file, in which ports and certificates are those at hand."""
    text = CONF.read_text()
    for of_file, at_hand in substitutions:
        assert of_file in text, f"{CONF.name} names {of_file} no more"
        text = text.replace(of_file, at_hand)
    (folder / "fff-serve.conf").write_text(text)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{place}_temp_path {folder}/{place};\n" for place in places)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}include {folder}/fff-serve.conf; }}\n"
    )
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    need(shutil.which("nginx"), "nginx, Debian's package nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    certificate, key = make_certificate(folder)
    toys.make_store(folder / "store")
    port, grpc_port = free_port(), free_port()
    flags = ("--store", str(folder / "store"), "--root-path", "/fff", "--grpc-port", str(grpc_port))
    with toys.live(*flags, FFF_MAX_BODY_BYTES=str(LIMIT)) as service:
        at_hand = (
            ("127.0.0.1:8000", re.sub("https?://", "", service.url)),
            ("127.0.0.1:8001", f"127.0.0.1:{grpc_port}"),
            ("127.0.0.1:8443", f"127.0.0.1:{port}"),
            ("/etc/ssl/fff/chain.pem", str(certificate)),
            ("/etc/ssl/fff/key.pem", str(key)),
        )
        with nginx(folder, *at_hand):
            until(lambda: listens(port), "nginx listens")
            yield Proxied(port, certificate, service)


def test_predictions_and_pages_come_by_tls_below_the_prefix(proxied: Proxied) -> None:
    with proxied.client() as client:
        answer = client.post("/fff/v1/models/toy/predict", json={"inputs": ROWS})
        direct = httpx.post(
            f"{proxied.service.url}/v1/models/toy/predict", json={"inputs": ROWS}, trust_env=False
        )

        assert answer.json() == direct.json()
        assert "server-timing" in answer.headers
        assert client.get("/fff/").status_code == 200
        assert client.get("/fff/openapi.json").json()["servers"] == [{"url": "/fff"}]
        assert client.get("/fff").headers["location"].endswith("/fff/")


def test_a_client_keeps_its_connection_and_nginx_its_own_to_the_service(proxied: Proxied) -> None:
    def opened() -> float:
        text = httpx.get(f"{proxied.service.url}/metrics", trust_env=False).text
        (value,) = re.findall(r"^fff_open_connections (\S+)", text, re.M)
        return float(value)

    with proxied.client() as client:
        client.get("/fff/healthz")
        before = opened()
        answers = [
            client.post("/fff/v1/models/toy/predict", json={"inputs": ROWS}) for _ in range(20)
        ]

    assert {answer.status_code for answer in answers} == {200}
    assert all("close" not in answer.headers.get("connection", "") for answer in answers)
    assert opened() <= before


def test_a_body_that_is_too_large_is_refused_by_the_service_in_its_own_form(proxied) -> None:
    with proxied.client() as client:
        answer = client.post("/fff/v1/models/toy/predict", content=b" " * (LIMIT + 2**18))

    assert answer.status_code == 413
    assert str(LIMIT) in answer.json()["error"]


def test_grpc_passes_through_the_same_port(proxied: Proxied) -> None:
    rows = triton.InferInput("input", [1, toys.WIDTH], "FP32")
    rows.set_data_from_numpy(np.array(ROWS, np.float32))
    with triton.InferenceServerClient(
        f"127.0.0.1:{proxied.port}", ssl=True, root_certificates=str(proxied.certificate)
    ) as client:
        assert client.is_server_ready()
        logits = client.infer("toy", [rows]).as_numpy("logits")

    assert logits.shape == (1, toys.OUTPUTS)


def test_a_service_that_is_away_is_told_of_in_json(tmp_path: Path) -> None:
    need(shutil.which("nginx"), "nginx, Debian's package nginx-light")
    certificate, key = make_certificate(tmp_path)
    port = free_port()
    at_hand = (
        ("127.0.0.1:8000", f"127.0.0.1:{free_port()}"),
        ("127.0.0.1:8443", f"127.0.0.1:{port}"),
        ("/etc/ssl/fff/chain.pem", str(certificate)),
        ("/etc/ssl/fff/key.pem", str(key)),
    )
    with nginx(tmp_path, *at_hand):
        until(lambda: listens(port), "nginx listens")
        trust = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.get(f"https://127.0.0.1:{port}/fff/healthz", verify=trust, trust_env=False)

    assert answer.status_code == 503
    assert "error" in answer.json()
    assert answer.headers["retry-after"] == "1"
