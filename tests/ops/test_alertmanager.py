"""Alertmanager: our file is one that it takes, and an alert of ours reaches whom it names."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.ops.live_prometheus import INTERVAL, RULE_FILES, impatient, until
from tests.ops.proxies import free_port
from tests.requirements import need

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "ops/alertmanager/alertmanager.yml"
PACKAGE = "alertmanager and amtool, Debian's package prometheus-alertmanager"


def alertmanager() -> str:
    found = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    need(found and shutil.which("amtool") and shutil.which("prometheus"), PACKAGE)
    return str(found)


def test_amtool_is_content() -> None:
    alertmanager()

    done = subprocess.run(["amtool", "check-config", str(CONFIG)], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_severity_of_our_rules_has_a_receiver() -> None:
    receivers = {one["name"] for one in yaml.safe_load(CONFIG.read_text())["receivers"]}
    rules = [g for file in RULE_FILES for g in yaml.safe_load(file.read_text())["groups"]]
    severities = {r["labels"]["severity"] for g in rules for r in g["rules"] if "alert" in r}

    assert severities == receivers


def at_hand(folder: Path, port: int) -> None:
    """Our Prometheus file, with a service that is away, Alertmanager here and no patience."""
    text = (ROOT / "ops/prometheus/prometheus.yml").read_text()
    assert "alertmanager:9093" in text
    text = text.replace("alertmanager:9093", f"127.0.0.1:{port}")
    config: dict[str, Any] = yaml.safe_load(text.replace("service:8000", "127.0.0.1:9"))
    config["global"] = dict.fromkeys(config["global"], INTERVAL)
    (folder / "rules").mkdir()
    for file in RULE_FILES:
        (folder / "rules" / file.name).write_text(yaml.safe_dump(impatient(file)))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))


def test_an_alert_of_ours_reaches_its_receiver(tmp_path: Path) -> None:
    command, port = alertmanager(), free_port()
    at_hand(tmp_path, port)
    flags = [f"--config.file={CONFIG}", "--storage.path=am", "--cluster.listen-address="]
    prometheus = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]

    def firing() -> dict[str, list[str]]:
        try:
            found = httpx.get(f"http://127.0.0.1:{port}/api/v2/alerts", trust_env=False).json()
        except httpx.TransportError:
            return {}
        return {a["labels"]["alertname"]: [r["name"] for r in a["receivers"]] for a in found}

    with (
        subprocess.Popen(
            [command, *flags, f"--web.listen-address=127.0.0.1:{port}"],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        ) as alerts,
        subprocess.Popen(
            [*prometheus, "--web.listen-address=127.0.0.1:0"],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        ) as scraper,
    ):
        try:
            until(lambda: firing().get("FFFDown") == ["page"], "FFFDown has reached Alertmanager")
        finally:
            scraper.kill()
            alerts.kill()
