"""A real Prometheus that scrapes a service, with the project's own rules and no patience."""

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.requirements import need

ROOT = Path(__file__).parents[2]
RULE_FILES = sorted((ROOT / "ops/prometheus/rules").glob("*.yml"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
FLAGS = COMPOSE["services"]["prometheus"]["command"]
INTERVAL = "200ms"
PACKAGE = "prometheus and promtool, Debian's package prometheus"


class LivePrometheus:
    """Answers queries; what it has judged is known from a rule at the end of each group."""

    def __init__(self, http: httpx.Client):
        self._http = http

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate at this moment, `[{"metric": labels, "value": [time, text]}]`."""
        answer = self._http.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def number(self, expression: str) -> float | None:
        """Evaluate to one number, or None where there is no series."""
        return next((float(one["value"][1]) for one in self.query(expression)), None)

    def says(self, expression: str, number: float) -> None:
        """Return once it is so: after a scrape missed on a busy machine there is no series."""
        until(lambda: self.number(expression) == number, f"{expression} == {number}")

    def alerts(self, model: str) -> dict[str, dict[str, str]]:
        """Name what fires about a model now, each with its annotations."""
        alerts = self._http.get("/alerts").json()["data"]["alerts"]
        about = [alert for alert in alerts if alert["labels"].get("model") == model]
        return {alert["labels"]["alertname"]: alert["annotations"] for alert in about}

    def exemplars(self, series: str) -> set[str]:
        """Name the requests that it remembers behind the counts of a histogram."""
        asked = {"query": series, "start": "0", "end": "9e9"}
        found = self._http.get("/query_exemplars", params=asked).json()["data"]
        return {one["labels"]["request_id"] for part in found for one in part["exemplars"]}

    def has_judged(self, group: str, model: str, rows: int) -> None:
        """Return once the rules of a group were evaluated on a scrape with all of these rows."""
        self.says(f'seen_rows{{group="{group}", model="{model}"}}', rows)

    def ever_alerted(self, model: str) -> set[str]:
        """Name the alerts that fired about a model at any evaluation so far."""
        asked = f'ALERTS{{alertstate="firing", model="{model}"}}'
        return {one["metric"]["alertname"] for one in self.query(f"max_over_time({asked}[1h])")}


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Ask again and again until it holds."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {seconds} s: {what}"


@contextlib.contextmanager
def live_prometheus(service_url: str, folder: Path) -> Iterator[LivePrometheus]:
    """Scrape a service and judge it with our rules, at once instead of after their `for`."""
    need(shutil.which("prometheus") and shutil.which("promtool"), PACKAGE)
    for file in RULE_FILES:
        (folder / f"rules-{file.name}").write_text(yaml.safe_dump(impatient(file)))
    target = {"targets": [service_url.removeprefix("http://")]}
    config: dict[str, Any] = {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL},
        "rule_files": ["rules-*.yml"],
        "scrape_configs": [{"job_name": "fff-serve", "static_configs": [target]}],
    }
    config["global"]["evaluation_interval"] = INTERVAL
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    command += ["--web.listen-address=127.0.0.1:0"]
    command += [flag for flag in FLAGS if flag.startswith("--enable-feature=")]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = f"http://{address_when_ready(process.stderr)}/api/v1"
            with httpx.Client(base_url=url, trust_env=False) as http:
                yield LivePrometheus(http)
        finally:
            process.kill()  # its data is thrown away


def impatient(file: Path) -> dict[str, Any]:
    """Read rules without `for`; each group ends by recording how many rows it was judged on."""
    rules: dict[str, Any] = yaml.safe_load(file.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
        seen = {"record": "seen_rows", "expr": "sum by (model) (fff_rows_total)"}
        group["rules"].append(seen | {"labels": {"group": group["name"]}})
    return rules


def address_when_ready(log: Iterable[str]) -> str:
    """Read Prometheus' log until it is ready; it also tells, sooner or later, where it listens."""
    seen = ""
    for line in log:
        seen += line
        address = re.search(r'"Listening on".* address=(\S+)', seen)
        if address and "is ready to receive" in seen:
            return address[1]
    raise AssertionError(f"Prometheus did not start:\n{seen}")
