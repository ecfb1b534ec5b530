"""The port of probes and metrics: the main port's answers, from a thread of its own."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from service.listening import heartbeat
from service.listening.heartbeat import STUCK_S, Heartbeat
from service.listening.operations_port import HEALTH, PATHS, OperationsApp, OperationsPort
from service.listening.sockets import listen_tcp, url_of
from tests.service import toys
from tests.service.listening.listeners import Client, get

CHANGING = {"date", "x-request-id", "content-length"}
"""Headers; the last one of metrics, which go on."""


class Stuck(Heartbeat):
    """Of a loop that has stopped to turn."""

    def stuck_s(self, now_s: float) -> float | None:
        return 33.0


@contextlib.asynccontextmanager
async def operating(**settings: object) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client of the application, and the URL of its port for operations."""
    async with toys.running(**settings) as (app, client):
        listeners = listen_tcp("127.0.0.1", 0)
        url = url_of(listeners[0])
        metrics = app.state.engine.metrics.connections
        port = OperationsPort(app, listeners, metrics, app.closed_connections)
        port.start()
        try:
            yield client, url
        finally:
            port.stop()


def told(response: httpx.Response) -> tuple[object, ...]:
    headers = {name: text for name, text in response.headers.items() if name not in CHANGING}
    body = response.content if "metrics" not in response.url.path else b""
    return response.status_code, headers, body


def scrape(url: str) -> list[float]:
    """How many predictions were answered, each time that the metrics were asked for."""
    pages = (httpx.get(url) for _ in range(30))
    counts = [re.search(r'fff_requests_total{code="200".*?} (.*)', page.text) for page in pages]
    return [float(count[1]) for count in counts if count]


async def test_every_path_is_answered_as_on_the_main_port(toy_store):
    async with operating(store=toy_store.root) as (client, url):
        for path in sorted(PATHS | {"/v1/models/toy", "/v1/models/toy/leaves"}):
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                main = await client.request(method, path)
                here = httpx.request(method, url + path)
                if here.status_code != 404:  # which says of which port it is
                    assert told(here) == told(main), (method, path)


async def test_it_answers_while_the_main_event_loop_is_held(toy_store):
    """Each of these calls holds it."""
    async with operating(store=toy_store.root) as (_, url):
        for path in sorted(PATHS):
            assert httpx.get(url + path).status_code == 200


async def test_a_scrape_reads_while_the_service_counts(toy_store):
    body = {"inputs": [[0.5] * toys.WIDTH]}
    async with operating(store=toy_store.root, shadow_ratio=1.0) as (client, url):
        scraping = asyncio.create_task(asyncio.to_thread(scrape, url + "/metrics"))
        asked = 0
        while not scraping.done():
            answers = [client.post("/v1/models/toy/predict", json=body) for _ in range(8)]
            assert {answer.status_code for answer in await asyncio.gather(*answers)} == {200}
            asked += len(answers)
        counts = await scraping

    assert counts == sorted(counts)
    assert counts[-1] <= asked


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/toy/predict"),
        ("POST", "/v2/models/toy/infer"),
        ("POST", "/v1/compare"),
        ("GET", "/v2/models/toy"),
        ("POST", "/v2/repository/models/toy/unload"),
        ("GET", "/nothing"),
    ],
)
async def test_nothing_else_is_there(toy_store, method, path):
    async with operating(store=toy_store.root) as (_, url):
        answer = httpx.request(method, url + path, json={})

    assert answer.status_code == 404
    assert answer.json()["error"].startswith(f"no such path on this port: {path}")


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"], ids=["none", "two"])
async def test_a_request_has_one_host(toy_store, hosts):
    async with operating(store=toy_store.root) as (_, url):
        client = Client(*await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2])))
        status, _ = await client.ask(get("/readyz").replace(b"Host: toy\r\n", hosts))
        client.leave()

    assert status == 400


async def test_probes_fail_once_the_main_event_loop_no_longer_turns(toy_store):
    async with toys.running(store=toy_store.root) as (app, _):
        transport = httpx.ASGITransport(app=OperationsApp(app, app.closed_connections, Stuck()))
        async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
            probes = {path: await client.get(path) for path in HEALTH}
            metrics = await client.get("/metrics")

    assert {answer.status_code for answer in probes.values()} == {503}
    assert probes["/healthz"].json() == {"error": "the event loop has not turned for 33 s"}
    assert metrics.status_code == 200


async def test_a_loop_that_turns_is_not_called_stuck(monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.0)
    beat = Heartbeat()
    later_s = time.monotonic() + STUCK_S
    assert beat.stuck_s(later_s) is not None

    beat.start()
    while beat.stuck_s(later_s) is not None:
        await asyncio.sleep(0)
    beat.stop()
