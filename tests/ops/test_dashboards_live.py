"""A real Prometheus scrapes the real service under a short load: no panel stays empty."""

import math
import re
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from fff_client import Client

from tests.ops import dashboards
from tests.ops.live_prometheus import RULE_FILES, LivePrometheus, live_prometheus, until
from tests.service import toys

LAST = "the-last-one"
RULES = "".join(file.read_text() for file in RULE_FILES)
ASKED = "\n".join(re.findall(r"^ {8}(?:expr:|  ).*", RULES, re.MULTILINE))
NAMES = sorted(set(re.findall(r"\b(?:model:)?fff_\w+(?::\w+)?", ASKED)))
# The longest windows of the objective start at 100 requests. `increase` extrapolates what it saw of
# a rising count and takes that back once the load ends; counts that were scraped stay.
COUNT = "fff_request_duration_seconds_count"
ENOUGH = f"min(max_over_time({COUNT}[1h]) - min_over_time({COUNT}[1h])) > 100"
ALL = [ENOUGH] + [str(one.values[0]) for one in dashboards.EXPRESSIONS] + NAMES


def load(url: str) -> None:
    """Send rows to both kinds, alone and together, and what is refused."""
    rows = np.random.default_rng(0).normal(size=(64, toys.WIDTH)).astype(np.float32)
    with Client(url) as client:
        for x in [*rows[:20], rows]:
            client.predict("toy", x)
            client.predict("toy-dense", x)
    for model in ("toy", "nobody"):
        httpx.post(f"{url}/v1/models/{model}/predict", content=b"rubbish", trust_env=False)
    predict, body = f"{url}/v1/models/toy/predict", {"inputs": rows.tolist()}
    httpx.post(predict, json=body, headers={"x-request-id": LAST}, trust_env=False)


def drawn(prometheus: LivePrometheus, expression: str) -> list[float]:
    """What a panel would draw of an expression: its finite values."""
    values = [float(one["value"][1]) for one in prometheus.query(expression)]
    return [value for value in values if math.isfinite(value)]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[LivePrometheus]:
    """Loaded until every panel draws something, or the time is up and a test says which not."""
    folder = tmp_path_factory.mktemp("live")
    toys.make_store(folder / "store")
    with (
        toys.live("--store", str(folder / "store"), FFF_SHADOW_RATIO="1") as service,
        live_prometheus(service.url, folder) as prometheus,
    ):
        empty, deadline_s = ALL, time.monotonic() + 60
        while empty and time.monotonic() < deadline_s:
            load(service.url)
            empty = [one for one in empty if not drawn(prometheus, one)]
        yield prometheus


@pytest.mark.parametrize("expression", dashboards.EXPRESSIONS)
def test_every_panel_draws_what_the_service_measures(prometheus, expression):
    assert drawn(prometheus, expression)


def test_one_query_draws_the_comparison(prometheus):
    rates = prometheus.query("sum by (kind) (rate(fff_rows_total[1m])) > 0")

    assert {one["metric"]["kind"] for one in rates} == {"fff", "dense"}


def test_prometheus_finds_the_request_behind_a_latency(prometheus):
    """From a bucket to the id of the request that fell into it."""
    latency = "fff_request_duration_seconds_bucket"

    until(lambda: LAST in prometheus.exemplars(latency), f"{LAST} behind {latency}")


@pytest.mark.parametrize("name", NAMES)
def test_rules_ask_only_for_series_that_exist(prometheus, name):
    """A renamed metric fails here, and is no alert that stays silent for ever."""
    assert drawn(prometheus, name)


def test_refused_requests_alarm_nobody_about_a_service_that_does_well(prometheus):
    """Its toy networks, never trained, do not agree, and its data are not its reference's."""
    fired = {name for model in ("toy", "toy-dense") for name in prometheus.alerts(model)}

    assert not fired & {"FFFRequestsFail", "FFFInternalErrors", "FFFOverloaded", "FFFQueueGrows"}
