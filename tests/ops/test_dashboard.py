"""
The Prometheus and Grafana files, against the service's own names.

The dashboard's queries are answered by a real Prometheus that holds what the service's own
registry exposes; a Grafana server is not needed for that.
"""

import itertools
import json
import math
import re
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import promql_parser
import pytest
import yaml

from service.leaf_stats import LeafStats
from service.metrics import Metrics, ModelFacts, ModelMetrics
from tests.requirements import need

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "ops/prometheus/prometheus.yml"
DASHBOARD = json.loads((ROOT / "ops/grafana/dashboards/fff-serve.json").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PACKAGE = "prometheus and promtool, Debian's package prometheus"
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    pytest.param(
        target["expr"].replace("$__rate_interval", "1m").replace("$model", ".*"),
        id=f"{panel['title']}-{target['refId']}",
    )
    for panel in PANELS
    for target in panel["targets"]
]


def service_metrics() -> tuple[Metrics, Callable[[], None]]:
    """Make the series of an FFF and its dense twin, and what serves a batch on each."""
    metrics = Metrics(max_batch_rows=64, leaf_series_limit=64)
    leaves = LeafStats(4, window_rows=100, reference=[1, 1, 1, 1])
    models = []
    for name, kind, layers in (("digits", "fff", [leaves]), ("digits-dense", "dense", [])):
        facts = ModelFacts(name, 1, kind, "00", "cpu", "torch", "float32", 4096, 100, 400)
        models.append(ModelMetrics(metrics, facts, layers, lambda: 0))
        models[-1].watch_queue(lambda: 3, lambda: 0.5, lambda: 2)

    def serve_a_batch() -> None:
        leaves.observe(np.array([0, 1, 1], np.int32), np.array([0.1, 0.2, 0.3], np.float32))
        for model in models:
            model.executed("idle", [0.001], rows=3, compute_s=0.002)
            model.answered(200, 0.003)
            model.answered(500, 0.003)
            model.rejected("overloaded")

    return metrics, serve_a_batch


def exposed_names() -> set[str]:
    """Every name that the service's series have, suffixes included."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {
        family.name + suffix
        for family in service_metrics()[0].registry.collect()
        for suffix in suffixes.get(family.type, ("",))
    }


def openmetrics(begin_s: float) -> Iterator[str]:
    """Expose the service's series every 5 s for a minute, with a batch served in between."""
    metrics, serve_a_batch = service_metrics()
    for at_s in range(0, 65, 5):
        for sample in itertools.chain.from_iterable(
            family.samples for family in metrics.registry.collect()
        ):
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            yield f"{sample.name}{{{labels}}} {sample.value} {begin_s + at_s}"
        serve_a_batch()
    yield "# EOF\n"


def address_when_ready(log: Iterable[str]) -> str:
    """Read Prometheus' log until it is ready; it also tells, sooner or later, where it listens."""
    seen = ""
    for line in log:
        seen += line
        address = re.search(r'"Listening on" address=(\S+)', seen)
        if address and "is ready to receive" in seen:
            return address[1]
    raise AssertionError(f"Prometheus did not start:\n{seen}")


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Any]]]:
    """Ask a Prometheus that holds a minute of the service's series."""
    need(shutil.which("prometheus") and shutil.which("promtool"), PACKAGE)
    folder, begin_s = tmp_path_factory.mktemp("prometheus"), time.time() // 5 * 5 - 300
    (folder / "exposed").write_text("\n".join(openmetrics(begin_s)))
    (folder / "empty.yml").touch()
    make = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "exposed", "data"]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    serve = ["prometheus", "--config.file=empty.yml", "--storage.tsdb.path=data"]
    serve += ["--web.listen-address=127.0.0.1:0"]
    with subprocess.Popen(serve, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://{address_when_ready(process.stderr)}/api/v1/query"
            yield lambda expression: httpx.get(
                url, params={"query": expression, "time": begin_s + 60}, trust_env=False
            ).json()["data"]["result"]
        finally:
            process.kill()  # its data is thrown away


def test_panel_ids_are_unique():
    """Grafana drops one of two panels with the same id."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]

    assert len(ids) == len(set(ids))


def test_panels_do_not_overlap():
    """Each cell of the dashboard's grid belongs to at most one panel, and none leaves the grid."""
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in [panel["gridPos"]]
        for x, y in itertools.product(
            range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        )
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_panel_asks_in_promql(expression):
    """The parser raises on what is not PromQL."""
    assert promql_parser.parse(expression)


def test_only_names_that_the_service_exposes_are_used():
    """A renamed metric fails here, and not as an empty panel months later."""
    used = re.findall(r"\bfff_\w+", json.dumps(DASHBOARD) + PROMETHEUS.read_text())

    assert used
    assert set(used) <= exposed_names()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_panel_draws_what_the_service_measures(query, expression):
    """An FFF and its dense twin with a little traffic leave no panel empty."""
    series = query(expression)

    assert series
    assert all(math.isfinite(float(one["value"][1])) for one in series)


def test_prometheus_accepts_its_configuration():
    need(shutil.which("promtool"), PACKAGE)
    command = ["promtool", "check", "config", PROMETHEUS]

    assert subprocess.run(command, capture_output=True).returncode == 0


def test_prometheus_asks_the_compose_service_where_it_listens():
    """Host and port are the compose service's name and the port the image exposes."""
    (job,) = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")

    assert host in COMPOSE["services"]
    assert f"EXPOSE {port}\n" in DOCKERFILE


def test_grafana_is_given_the_data_source_and_the_dashboard():
    """What the provisioning files name is what compose runs and mounts."""
    folder = ROOT / "ops/grafana/provisioning"
    source = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((folder / "dashboards/fff-serve.yml").read_text())["providers"][0]
    mounts = dict(mount.split(":")[1::-1] for mount in COMPOSE["services"]["grafana"]["volumes"])

    assert urllib.parse.urlsplit(source["url"]).hostname in COMPOSE["services"]
    assert ROOT / mounts[provider["options"]["path"]] == ROOT / "ops/grafana/dashboards"
