"""The recording and alert rules: accepted, tested, explained, and about series that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_group

from service.app import create_app
from service.cli.main import app
from service.metrics.registry import LATENCY_BUCKETS_S
from service.settings import Settings
from tests.ops import dashboards
from tests.ops.live_prometheus import PACKAGE, RULE_FILES
from tests.requirements import need

ROOT = Path(__file__).parents[2]
HERE = ROOT / "ops/prometheus"
TESTS = sorted((HERE / "tests").glob("*.yml"))
ALERTS = {
    rule["alert"]: rule
    for file in RULE_FILES
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
WANTED = {  # what the service must be watched for
    *("FFFDown", "FFFNotReady", "FFFLatencyBudgetBurnsFast", "FFFLatencyBudgetBurnsSlowly"),
    *("FFFRequestsFail", "FFFInternalErrors", "FFFOverloaded", "FFFQueueGrows"),
    *("FFFRoutingDrift", "FFFLeavesDied", "FFFShadowDisagrees"),
}


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["check", "config", HERE / "prometheus.yml"], id="check-config"),
        pytest.param(["check", "rules", *RULE_FILES], id="check-rules"),
        *(pytest.param(["test", "rules", file], id=f"test-{file.stem}") for file in TESTS),
    ],
)
def test_promtool_is_content(command):
    need(shutil.which("promtool"), PACKAGE)

    done = subprocess.run(["promtool", *command], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_loads_every_rule_from_the_folder_that_compose_mounts():
    (pattern,) = yaml.safe_load((HERE / "prometheus.yml").read_text())["rule_files"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    assert sorted(HERE.glob(pattern)) == RULE_FILES
    assert "./ops/prometheus:/etc/prometheus:ro" in compose["services"]["prometheus"]["volumes"]


def test_there_is_an_alert_for_everything_that_should_wake_somebody():
    assert ALERTS.keys() == WANTED


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_what_happened_and_what_to_do(name):
    assert ALERTS[name]["labels"]["severity"] in {"page", "ticket"}
    assert ALERTS[name]["annotations"].keys() == {"summary", "description", "runbook"}
    assert all(ALERTS[name]["annotations"].values())


@pytest.mark.parametrize("name", ALERTS)
def test_what_an_alert_sends_its_reader_to_is_there(name):
    """Paths of the service, dashboards and their panels, settings, commands and other alerts."""
    text = " ".join(ALERTS[name]["annotations"].values())
    boards = [json.loads(file.read_text()) for file in dashboards.FILES]
    titles = {board["title"]: {panel["title"] for panel in board["panels"]} for board in boards}
    paths = {path.replace("{name}", "X") for path in create_app(Settings()).openapi()["paths"]}

    named = re.findall(r'"([^"]+)"', text)
    asked = re.findall(r"(?<![\w<}])/[\w/]*", text.replace("{{ $labels.model }}", "X"))

    assert {*named} <= {*titles, *(panel for panels in titles.values() for panel in panels)}
    assert {*asked} <= paths - {"/"}  # which is for eyes, and says none of this
    assert {name.lower() for name in re.findall(r"FFF_([A-Z_]+)", text)} <= {*Settings.model_fields}
    assert {*re.findall(r"\bFFF[A-Z]\w+", text)} <= {*ALERTS}
    assert {*re.findall(r"fff-serve ([a-z]+)", text)} <= {*get_group(app).commands, "does", "runs"}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_seen_to_fire(name):
    """Its promtool test expects it by name."""
    assert any(f'alertname="{name}"' in file.read_text() for file in TESTS)


def test_the_latency_objective_is_a_bucket_of_the_histogram():
    """Another number would make the slow share 1, or leave the alert silent, for ever."""
    bounds = re.findall(r'le="([^"]+)"', (HERE / "rules/recording.yml").read_text())

    assert len(bounds) == 5
    assert set(bounds) <= {str(bound) for bound in LATENCY_BUCKETS_S}


def test_prometheus_asks_the_compose_service_where_it_listens():
    """Host and port are the compose service's name and the port the image exposes."""
    (job,) = yaml.safe_load((HERE / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")

    assert host in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert re.search(rf"^EXPOSE .*\b{port}\b", (ROOT / "Dockerfile").read_text(), re.M)


def test_the_rule_of_absence_knows_the_job_by_its_name():
    (job,) = yaml.safe_load((HERE / "prometheus.yml").read_text())["scrape_configs"]

    assert ALERTS["FFFDown"]["expr"].count(f'job="{job["job_name"]}"') == 2
