"""Scrapes and long descriptions: made beside the event loop, whole, fresh, once for many."""

import asyncio
import gzip
import json
import threading
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from service.engine.served_model import ServedModel
from service.http.rendering import Renderer, Scrapes
from service.metrics.leaf_stats import LeafStats
from tests.service import toys

BODY = {"inputs": [[0.0] * toys.WIDTH]}
LONG = ("/metrics", "/v1/models", "/v1/models/toy", "/v1/models/toy/leaves", "/v2/models/stats")
ACCEPT = {"text": "", "OpenMetrics": "application/openmetrics-text; version=1.0.0"}


class Held(Collector):
    """A counter that is read once it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.value, self.collections = 0, 0

    def collect(self) -> Iterator[Metric]:
        self.collections += 1
        read = self.value
        self.asked.set()
        assert self.go.wait(60)
        family = CounterMetricFamily("held", "help", labels=["n"])
        family.add_metric(["1"], read)
        yield family


@pytest.fixture
def held() -> Iterator[Held]:
    collector = Held()
    yield collector
    collector.go.set()


def scrapes_of(*collectors: Collector) -> Scrapes:
    registry = CollectorRegistry()
    for collector in collectors:
        registry._collector_to_names[collector] = []  # registering would collect
    return Scrapes(registry, Renderer())


async def test_while_a_scrape_is_rendered_predictions_are_answered(toy, held):
    app, client = toy
    held.go.set()
    app.state.engine.metrics.registry.register(held)
    held.go.clear()
    held.asked.clear()

    scrape = asyncio.create_task(client.get("/metrics"))
    await asyncio.to_thread(held.asked.wait)
    answer = await client.post("/v1/models/toy/predict", json=BODY)
    rendered_before = scrape.done()
    held.go.set()

    assert (answer.status_code, rendered_before) == (200, False)
    assert 'held_total{n="1"} 0.0' in (await scrape).text


async def test_scrapes_that_wait_share_one_rendering_that_shows_what_was_counted_by_then(held):
    scrapes = scrapes_of(held)
    first = asyncio.create_task(scrapes.scrape("", ""))
    await asyncio.to_thread(held.asked.wait)
    held.value = 7  # counted after the first one began to read

    others = [asyncio.create_task(scrapes.scrape("", "")) for _ in range(20)]
    left = asyncio.create_task(scrapes.scrape("", ""))
    await asyncio.sleep(0)
    left.cancel()
    held.go.set()

    assert b'held_total{n="1"} 0.0' in (await first)[0]
    assert all(b'held_total{n="1"} 7.0' in body for body, _ in await asyncio.gather(*others))
    assert held.collections == 2
    assert b"7.0" in (await scrapes.scrape("", ""))[0]


async def test_several_event_loops_may_scrape(held):
    scrapes = scrapes_of(held)

    def scrape() -> bytes:
        return asyncio.run(scrapes.scrape("", ""))[0]

    elsewhere = asyncio.create_task(asyncio.to_thread(scrape))
    here = asyncio.create_task(scrapes.scrape("", ""))
    await asyncio.to_thread(held.asked.wait)
    held.go.set()

    assert {(await here)[0], await elsewhere} == {await asyncio.to_thread(scrape)}


@pytest.mark.parametrize("accept", ACCEPT.values(), ids=ACCEPT)
@pytest.mark.parametrize("accept_encoding", ["", "gzip"])
async def test_a_scrape_is_what_prometheus_client_writes(engine, client, accept, accept_encoding):
    await client.post("/v1/models/toy/predict", json=BODY)
    registry = CollectorRegistry()
    for family in list(engine.metrics.registry.collect()):
        registry._collector_to_names[Fixed(family)] = []
    encode, content_type = choose_encoder(accept)

    body, headers = await Scrapes(registry, Renderer()).scrape(accept, accept_encoding)

    assert headers["content-type"] == content_type
    assert headers.get("content-encoding", "") == accept_encoding
    assert (gzip.decompress(body) if accept_encoding else body) == encode(registry)


class Fixed(Collector):
    """A family that does not change."""

    def __init__(self, family: Metric):
        self._family, self._samples = family, list(family.samples)

    def collect(self) -> Iterator[Metric]:
        self._family.samples = self._samples
        yield self._family


async def test_a_collector_that_fails_does_not_stop_the_next_scrape(held):
    class Failing(Collector):
        def collect(self) -> Iterator[Metric]:
            raise ValueError("injected")

    scrapes = scrapes_of(Failing())
    for _ in range(2):
        with pytest.raises(ValueError, match="injected"):
            await scrapes.scrape("", "")


@pytest.mark.parametrize("path", LONG)
async def test_what_may_be_long_is_made_in_a_thread_even_where_the_shared_ones_are_taken(
    client, monkeypatch, path
):
    """Six loads from a disk that hangs take asyncio's pool; probes and scrapes must still come."""

    async def taken(*_: object) -> None:
        raise AssertionError("asyncio.to_thread may be full")

    where: list[str] = []
    encode = {"/metrics": (LeafStats, "snapshot"), "/v1/models/toy/leaves": (LeafStats, "snapshot")}
    owner, name = encode.get(path, (None, ""))
    if owner is not None:
        real = getattr(owner, name)

        def noted(self: object) -> object:
            where.append(threading.current_thread().name)
            return real(self)

        monkeypatch.setattr(owner, name, noted)
    monkeypatch.setattr(asyncio, "to_thread", taken)

    for encoding in ("identity", "gzip"):
        answer = await client.get(path, headers={"accept-encoding": encoding})
        assert (answer.status_code, len(answer.content) > 0) == (200, True)
    assert all(thread.startswith("render") for thread in where)


async def test_a_million_leaves_are_shown_whole(engine, client):
    """In pieces that a client cannot tell from one."""
    leaves = 2**20
    stats = LeafStats(leaves, 1000, None)
    seen = np.arange(0, leaves, 1024, dtype=np.int32)
    stats.observe(seen, np.ones(len(seen), np.float32))
    model: ServedModel = engine.model("toy")
    model.metrics.layers = [stats]

    (layer,) = (await client.get("/v1/models/toy/leaves")).json()["layers"]

    assert layer["rows"] == stats.snapshot().total.tolist()
    assert layer["dead"] == stats.snapshot().dead.tolist()
    assert sum(layer["shares"]) == pytest.approx(1)


def test_metrics_over_the_wire_are_compressed_for_whoever_takes_it(toy_store):
    with toys.live("--store", str(toy_store.root)) as service:
        texts = {}
        for encoding in ("identity", "gzip"):
            request = urllib.request.Request(f"{service.url}/metrics")
            request.add_header("Accept-Encoding", encoding)
            with urllib.request.urlopen(request) as answer:
                body = answer.read()
            texts[encoding] = gzip.decompress(body) if encoding == "gzip" else body
        with urllib.request.urlopen(f"{service.url}/v1/models/toy") as answer:
            shown = json.load(answer)

    names = [[line for line in text.splitlines() if line[:1] == b"#"] for text in texts.values()]
    assert names[0] == names[1] != []
    assert shown["manifest"]["reference_leaf_rows"] == [[10] * 8]
