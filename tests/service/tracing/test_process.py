"""Tracing as its users turn it on: variables, a missing extra, collectors that do not answer."""

import contextlib
import re
import socket
import subprocess
import sys
import time

import httpx
import pytest

from service.settings import SettingsError, load_settings
from tests.service import toys
from tests.service.tracing.collector import collector

BODY = {"inputs": [[0.5] * toys.WIDTH]}


@contextlib.contextmanager
def dead():
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def silent():
    """A collector that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("collecting", [dead, silent])
def test_a_collector_that_does_not_answer_harms_no_request_and_no_stop(toy_store, collecting):
    arguments = ["--store", str(toy_store.root)]
    with collecting() as url, toys.live(*arguments, FFF_OTLP_ENDPOINT=url) as service:
        predict = f"{service.url}/v1/models/toy/predict"
        statuses = [httpx.post(predict, json=BODY).status_code for _ in range(20)]
        begun_s = time.monotonic()
        code = service.stop()
        took_s = time.monotonic() - begun_s

    assert statuses == [200] * 20
    assert code == 0
    assert took_s < 10  # 3 for the flush; the SDK alone would take up to 30
    assert any("did not take the last spans in 3 s" in line for line in service.log)
    assert not [line for line in service.log if "Traceback" in line]


def test_the_standard_variable_turns_tracing_on_of_predictions_alone(toy_store):
    """Not of probes and scrapes, which FastAPI can trace by itself since 0.165."""
    with collector() as sink:
        with toys.live("--store", str(toy_store.root), OTEL_EXPORTER_OTLP_ENDPOINT=sink.url) as on:
            for path in ("/healthz", "/metrics"):
                httpx.get(on.url + path).raise_for_status()
            httpx.post(f"{on.url}/v1/models/toy/predict", json=BODY).raise_for_status()
            assert on.stop() == 0
        _, steps = sink.tree()
    assert len(steps) == 4
    assert sink.paths == {"/v1/traces"}


def test_ours_beats_the_standard_variable_and_empty_is_off():
    standard = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}

    assert load_settings({}, None, standard).otlp_endpoint == "http://a:4318"
    assert load_settings({}, None, standard | {"FFF_OTLP_ENDPOINT": ""}).otlp_endpoint == ""
    with pytest.raises(SettingsError, match=r"otlp_endpoint \(FFF_OTLP_ENDPOINT\)"):
        load_settings({}, None, {"FFF_OTLP_ENDPOINT": "collector:4317"})


def test_without_opentelemetry_only_a_configured_collector_is_refused_in_one_line():
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from service.app import create_app
from service.cli.main import main
from service.settings import Settings
create_app(Settings())
sys.argv = ["fff-serve", "serve", "--port", "0"]
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"FFF_OTLP_ENDPOINT": "http://a:4318"},
    )

    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("fff-serve: setting otlp_endpoint (FFF_OTLP_ENDPOINT), ")
    assert 'make install EXTRAS=otel in a checkout, or pip install "fff-serve[otel]"' in line


SECRET = "http://user:hunter2@127.0.0.1:9"  # nobody listens there


def test_a_password_in_the_collectors_address_is_in_no_line(toy_store):
    """Neither of ours nor of what sends the spans, and fails."""
    with toys.live(
        "--store", str(toy_store.root), "--log-level", "debug", FFF_OTLP_ENDPOINT=SECRET
    ) as service:
        httpx.post(f"{service.url}/v1/models/toy/predict", json=BODY).raise_for_status()
        assert service.stop() == 0

    log = "\n".join(service.log)
    assert "traces go to http://127.0.0.1:9/v1/traces" in log
    assert re.search("(?i)(export|span).*(fail|lost|error|refused)", log)
    assert "hunter2" not in log


@pytest.mark.parametrize("value", [SECRET.replace("9", " 9"), SECRET.replace("http://", "")])
@pytest.mark.parametrize("name", ["FFF_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "FFF_PORT"])
def test_an_address_that_is_refused_does_not_show_its_password(name, value):
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings({}, None, {name: value})
    assert "hunter2" not in str(caught.value)
