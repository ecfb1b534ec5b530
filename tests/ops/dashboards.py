"""Every query of every dashboard, with Grafana's variables filled in."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "ops/grafana/dashboards"
FILES = sorted(FOLDER.glob("*.json"))
EXPRESSIONS = [
    pytest.param(
        target["expr"].replace("$__rate_interval", "1m").replace("$model", ".*"),
        id=f"{file.stem}-{panel['title']}-{target['refId']}",
    )
    for file in FILES
    for panel in json.loads(file.read_text())["panels"]
    if panel["type"] != "row"
    for target in panel["targets"]
]
