"""
Real proxies in front of a real service, with the files that `ops/` offers.

Covered:      prefix, TLS, kept connections, a body that is too large, gRPC, a service that is away,
              more requests than the file allows.
Not covered:  the proxies' own defaults.
"""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from tritonclient import grpc as triton

from tests.ops.proxies import PROXIES, Ports, free_port, running
from tests.service import toys

ROWS = [[0.5] * toys.WIDTH]
LIMIT = 2**20


class Proxied(NamedTuple):
    """Where a proxy listens, with which certificate, and the service behind it."""

    port: int
    certificate: Path
    service: toys.LiveService

    def client(self) -> httpx.Client:
        return client_of(self.port, self.certificate)


def client_of(port: int, certificate: Path) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(certificate))
    return httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, trust_env=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[toys.LiveService, Ports]]:
    """One for all proxies, and its ports."""
    store, grpc_port = tmp_path_factory.mktemp("proxied") / "store", free_port()
    toys.make_store(store)
    flags = ("--store", str(store), "--root-path", "/fff", "--grpc-port", str(grpc_port))
    with toys.live(*flags, FFF_MAX_BODY_BYTES=str(LIMIT)) as started:
        yield started, Ports(int(started.url.rpartition(":")[2]), grpc_port)


@pytest.fixture(scope="module", params=PROXIES)
def proxied(
    request: pytest.FixtureRequest,
    service: tuple[toys.LiveService, Ports],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp(request.param)
    folder.chmod(0o755)
    started, ports = service
    with running(request.param, folder, ports) as (port, certificate):
        yield Proxied(port, certificate, started)


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


def test_a_client_keeps_its_connection_and_the_proxy_its_own_to_the_service(
    proxied: Proxied,
) -> None:
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


@pytest.mark.parametrize("name", PROXIES)
def test_a_service_that_is_away_is_told_of_in_json(name: str, tmp_path: Path) -> None:
    nobody = Ports(free_port(), free_port())
    with running(name, tmp_path, nobody) as where, client_of(*where) as client:
        answer = client.get("/fff/healthz")

    assert answer.status_code == 503
    assert "error" in answer.json()
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("name", PROXIES)
def test_who_asks_more_than_the_file_allows_is_told_so_in_json(
    name: str, service: tuple[toys.LiveService, Ports], tmp_path: Path
) -> None:
    """At most one request a minute here, so that no pause of this machine matters."""
    fewest = PROXIES[name].fewest
    with running(name, tmp_path, service[1], *fewest) as where, client_of(*where) as client:
        answers = [client.get("/fff/healthz") for _ in range(4)]

    assert [answers[0].status_code, answers[-1].status_code] == [200, 429]
    assert "too many requests" in answers[-1].json()["error"]
    assert answers[-1].headers["retry-after"] == "1"
