"""A real Prometheus scrapes the service, answers the dashboards' question, keeps exemplars."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.requirements import need
from tests.service import toys

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: fff-serve
    static_configs: [{{targets: ["{target}"]}}]
"""
QUESTION = "sum by (kind) (rate(fff_rows_total[1m]))"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[tuple[str, str]]:
    need(shutil.which("prometheus"), "prometheus, Debian's package")
    tmp_path: Path = tmp_path_factory.mktemp("prometheus")
    store = toys.make_store(tmp_path / "store")
    with toys.live("--store", str(store.root)) as service:
        config = tmp_path / "prometheus.yml"
        config.write_text(CONFIG.format(target=service.url.removeprefix("http://")))
        url = f"127.0.0.1:{free_port()}"
        command = ["prometheus", f"--config.file={config}", f"--web.listen-address={url}"]
        command.append("--enable-feature=exemplar-storage")
        process = subprocess.Popen(
            [*command, f"--storage.tsdb.path={tmp_path / 'data'}"], stderr=subprocess.DEVNULL
        )
        yield service.url, f"http://{url}"
        process.terminate()
        process.wait(30)


def ask(prometheus: str) -> dict[str, float]:
    try:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": QUESTION}).json()
    except httpx.TransportError:
        return {}  # it is still starting
    results = answer["data"]["result"] if answer["status"] == "success" else []
    return {r["metric"]["kind"]: float(r["value"][1]) for r in results}


def test_prometheus_draws_the_comparison_from_one_query(prometheus):
    """Rows go to both networks until two scrapes have seen them grow."""
    service, url = prometheus
    body = {"inputs": [[0.5] * toys.WIDTH] * 4}
    rates: dict[str, float] = {}
    deadline_s = time.monotonic() + 60
    with httpx.Client(base_url=service) as client:
        while not (rates.get("fff") and rates.get("dense")) and time.monotonic() < deadline_s:
            for model in ("toy", "toy-dense"):
                client.post(f"/v1/models/{model}/predict", json=body).raise_for_status()
            rates = ask(url)

    assert rates.keys() == {"fff", "dense"}
    assert min(rates.values()) > 0


def test_prometheus_finds_the_request_behind_a_latency(prometheus):
    """From a bucket to the id of the request that fell into it."""
    service, url = prometheus
    ids = {"x-request-id": "the-slow-one"}
    predict = f"{service}/v1/models/toy/predict"
    httpx.post(predict, json={"inputs": [[0.5] * toys.WIDTH]}, headers=ids).raise_for_status()
    asked = {"query": "fff_request_duration_seconds_bucket", "start": "0", "end": "9e9"}
    found: set[str] = set()
    deadline_s = time.monotonic() + 60
    while ids["x-request-id"] not in found and time.monotonic() < deadline_s:
        series = httpx.get(f"{url}/api/v1/query_exemplars", params=asked).json()["data"]
        found = {e["labels"]["request_id"] for s in series for e in s["exemplars"]}

    assert ids["x-request-id"] in found
