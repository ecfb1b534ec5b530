"""The Grafana files: whole, in PromQL, and found by the Grafana that compose runs."""

import itertools
import json
import urllib.parse
from pathlib import Path

import promql_parser
import pytest
import yaml

from tests.ops import dashboards

ROOT = Path(__file__).parents[2]
GRAFANA = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]


@pytest.fixture(params=dashboards.FILES, ids=lambda file: file.stem)
def dashboard(request):
    return json.loads(request.param.read_text())


def test_panel_ids_are_unique(dashboard):
    """Grafana drops one of two panels with the same id."""
    ids = [panel["id"] for panel in dashboard["panels"]]

    assert len(ids) == len(set(ids))


def test_panels_do_not_overlap(dashboard):
    """Each cell of the dashboard's grid belongs to at most one panel, and none leaves the grid."""
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for at in [panel["gridPos"]]
        for x, y in itertools.product(
            range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        )
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_dashboards_are_told_apart():
    """Grafana keeps one of two with the same uid or title."""
    made = [json.loads(file.read_text()) for file in dashboards.FILES]

    assert len(made) == 3
    assert len({one["uid"] for one in made}) == len({one["title"] for one in made}) == 3


@pytest.mark.parametrize("expression", dashboards.EXPRESSIONS)
def test_every_panel_asks_in_promql(expression):
    """The parser raises on what is not PromQL."""
    assert promql_parser.parse(expression)


def test_grafana_is_given_the_data_source_and_the_dashboards():
    """What the provisioning files name is what compose runs and mounts."""
    folder = ROOT / "ops/grafana/provisioning"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    source = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((folder / "dashboards/fff-serve.yml").read_text())["providers"][0]
    mounts = dict(mount.split(":")[1::-1] for mount in GRAFANA["volumes"])
    inside = provider["options"]["path"]

    assert urllib.parse.urlsplit(source["url"]).hostname in compose["services"]
    assert ROOT / mounts[inside] == dashboards.FOLDER
    home = GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in {f"{inside}/{file.name}" for file in dashboards.FILES}
