"""Log lines as JSON, from the process that writes them."""

import json
import logging
from datetime import UTC, datetime

import httpx
import pytest

from service.logs import JsonFormatter, TextFormatter
from tests.service import toys

PREDICT = {"inputs": [[0.5] * toys.WIDTH] * 3}


def asked(tmp_path, **environment: str) -> list[str]:
    """What a service logs that is asked for one prediction, and one that it refuses."""
    store = toys.make_store(tmp_path / "store")
    with toys.live("--store", str(store.root), **environment) as service:
        for body in (PREDICT, {}):
            url, names = f"{service.url}/v1/models/toy/predict", {"x-request-id": "mine"}
            httpx.post(url, json=body, headers=names)
        assert service.stop() == 0
    return service.log


def test_each_line_is_one_json_object_and_debug_has_one_a_prediction(tmp_path):
    begun = datetime.now(UTC)

    lines = [*map(json.loads, asked(tmp_path, FFF_LOG_FORMAT="json", FFF_LOG_LEVEL="debug"))]

    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert begun <= times[0] <= times[-1] <= datetime.now(UTC)
    assert {line["level"] for line in lines} == {"info", "debug"}
    good, bad = [line for line in lines if line["logger"] == "service.tracing.timeline"]
    assert good["request_id"] == bad["request_id"] == "mine"
    assert "predict 200 in" in good["message"]
    assert "model toy version 1, 3 rows in a batch of 3, queue" in good["message"]
    assert "predict 400 in" in bad["message"]
    assert "inputs must be a list of rows" in bad["message"]
    assert not [line for line in lines if line["logger"].startswith("numba")]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_above_debug_a_prediction_leaves_no_line(tmp_path, log_format):
    lines = asked(tmp_path, FFF_LOG_FORMAT=log_format)

    assert any("answered 1" in line for line in lines)
    assert not [line for line in lines if "mine" in line]


def test_the_start_says_ready_once_and_last_with_every_address_and_model(tmp_path):
    """What uvicorn says of its own start and stop is not there."""
    store = toys.make_store(tmp_path / "store")
    ports = ("--grpc-port", "0", "--ops-port", "0")
    with toys.live("--store", str(store.root), *ports) as service:
        *before, last = [*service.log]
        assert service.stop() == 0

    (grpc,) = (line.rpartition(" ")[2] for line in before if "gRPC listens on" in line)
    (probes,) = (line.rpartition(" ")[2] for line in before if "metrics are also on" in line)
    also = f"gRPC on {grpc}, probes and metrics on {probes}"
    assert last.endswith(f"service.server: ready on {service.url}, {also}: toy, toy-dense")
    assert sum("ready on" in line for line in service.log) == 1
    assert not [line for line in service.log if "uvicorn" in line.lower()]
    assert not [line for line in service.log if "server process" in line]


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_the_http_server_warns_of_stands_under_a_name_of_ours(formatter):
    record = logging.makeLogRecord({"name": "uvicorn.error", "levelname": "WARNING", "msg": "odd"})

    assert "service.http" in (line := formatter.format(record))
    assert "odd" in line
    assert "uvicorn" not in line
