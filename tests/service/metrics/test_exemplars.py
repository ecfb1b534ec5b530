"""A bucket of the requests' durations names its latest request, in OpenMetrics only."""

import time

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from service.metrics.histogram import HistogramFamily
from tests.service import toys

OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


def exemplars(text: str) -> dict[str, Exemplar]:
    """By bucket, as prometheus-client's own parser reads them."""
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    return {s.labels["le"]: s.exemplar for s in samples if s.exemplar}


@pytest.fixture
def family():
    return HistogramFamily("d_seconds", "Durations.", (), (1.0, 2.0), CollectorRegistry())


def exemplars_of(family: HistogramFamily) -> dict[str, Exemplar]:
    registry = CollectorRegistry()
    registry.register(family)
    return exemplars(generate_latest(registry).decode())


def test_each_bucket_names_the_latest_request_that_fell_into_it(family):
    begun_s = time.time()
    for value, name in ((0.5, b"a"), (1.0, b"b"), (3.0, b"c")):
        family.labels().observe_request(value, name, 0)

    exemplars = exemplars_of(family)

    assert {le: (e.labels, e.value) for le, e in exemplars.items()} == {
        "1.0": ({"request_id": "b"}, 1.0),
        "+Inf": ({"request_id": "c"}, 3.0),
    }
    assert all(begun_s <= float(e.timestamp or 0) <= time.time() for e in exemplars.values())


def test_a_traced_request_is_named_by_its_trace(family):
    family.labels().observe_request(0.5, b"a", 0xAF7651916CD43DD8448EB211C80319C)

    assert exemplars_of(family)["1.0"].labels == {"trace_id": "0af7651916cd43dd8448eb211c80319c"}


@pytest.mark.parametrize(("length", "named"), [(118, True), (119, False)])
def test_a_name_too_long_for_openmetrics_is_left_out(family, length, named):
    """Label names and values together may have 128 characters."""
    family.labels().observe_request(0.5, b"x" * length, 0)
    assert bool(exemplars_of(family)) == named


async def test_the_metrics_page_shows_them_where_the_scraper_can_read_them(client):
    name = '"quoted"\\'
    body = {"inputs": [[0.5] * toys.WIDTH]}
    await client.post("/v1/models/toy/predict", json=body, headers={"x-request-id": name})

    new = (await client.get("/metrics", headers=OPENMETRICS)).text
    old = (await client.get("/metrics")).text

    (found,) = exemplars(new).values()
    assert found.labels == {"request_id": name}
    assert "quoted" not in old
    assert "fff_request_duration_seconds_bucket" in old
