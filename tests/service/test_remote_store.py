"""The service on an S3 store: as on a folder; what is damaged is named; the server may go away."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from evaluation.idx import write_idx
from service.cli.main import app as cli
from service.engine.store_watch import StoreWatch
from tests.model_store.remote import s3
from tests.service import toys
from tests.service.test_cli_store import READS_NO_TENSORS
from tests.service.test_process import COMMAND

BODY = {"inputs": [[0.5] * toys.WIDTH]}
ADMIN = {"Authorization": "Bearer letmein"}
NAMES = ("toy", "toy-dense")


def run(
    *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def server():
    with s3.serving() as server:
        yield server


@pytest.fixture
def environment(server, tmp_path):
    return server.environment | {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "FFF_ADMIN_KEY": "letmein",
    }


def predictions(service: toys.LiveService) -> list[object]:
    return [
        httpx.post(f"{service.url}/v1/models/{name}/predict", json=BODY).json() for name in NAMES
    ]


def until_a_twin_has_computed(service: toys.LiveService) -> None:
    """Wait for the first row of a shadow."""
    deadline_s = time.monotonic() + 60
    counted = re.compile(r'^fff_shadow_rows_total\{.*model="toy",.*\} [1-9]', re.MULTILINE)
    while not counted.search(httpx.get(f"{service.url}/metrics").text):
        assert time.monotonic() < deadline_s, "\n".join(service.log)
        time.sleep(0.02)


def test_a_store_on_s3_is_served_and_a_server_that_goes_away_changes_nothing(
    server, environment, toy_store
):
    url = server.upload(toy_store.root, "store")
    server.upload(toy_store.root / "toy", "store/bad")
    server.put("store/bad/1/model.safetensors", b"damaged")
    with toys.live("--store", str(toy_store.root)) as service:
        expected = predictions(service)
    before = server.objects()

    with toys.live("--store", url, "--shadow-ratio", "1", **environment) as service:
        index = f"{service.url}/v2/repository/index"
        states = {m["name"]: m for m in httpx.post(index).json()}
        written = server.objects() != before
        server.kill()
        served = predictions(service)
        until_a_twin_has_computed(service)  # its process has read the twin from the cache
        away = httpx.post(index, timeout=30)
        load = httpx.post(f"{service.url}/v2/repository/models/toy/load", headers=ADMIN, timeout=60)
        still = predictions(service)
        ready = httpx.get(f"{service.url}/readyz").status_code
        models = httpx.get(f"{service.url}/v1/models").text
        code = service.stop()

    assert expected == served == still
    assert (states["toy"]["state"], states["bad"]["state"]) == ("READY", "UNAVAILABLE")
    assert "the object bad/1/model.safetensors has" in states["bad"]["reason"]
    assert any("not served: model 'bad' version 1" in line for line in service.log)
    assert not written
    assert (away.status_code, away.json()) == (503, {"error": "the store does not answer"})
    expected_error = {"error": "model 'toy' cannot be loaded: the store does not answer"}
    assert (load.status_code, load.json()) == (503, expected_error)
    assert (ready, code) == (200, 0)
    told = "\n".join([*service.log, models, away.text, load.text])
    assert s3.SECRET not in told
    assert s3.KEY not in told


def test_a_server_that_is_away_at_the_start_is_one_line_and_exit_code_1(server, environment):
    server.kill()
    served = run("serve", "--port", "0", "--store", "s3://models/store", environ=environment)
    listed = run("list", "--store", "s3://models/store", environ=environment)

    line = "fff-serve: the store s3://models/store does not answer: "
    assert (served.returncode, listed.returncode) == (1, 1)
    assert served.stderr.splitlines()[-1].startswith(line)
    assert "Traceback" not in served.stderr
    assert len(listed.stderr.splitlines()) == 1
    assert listed.stderr.startswith(line)
    assert s3.SECRET not in served.stderr + listed.stderr


def said(*command: str) -> object:
    """What a command printed, without what it measured by the clock."""
    ended = CliRunner().invoke(cli, command)
    assert ended.exit_code == 0, ended.output
    try:
        printed = json.loads(ended.stdout)
    except ValueError:
        return ended.stdout
    return {field: value for field, value in printed.items() if field != "rows_per_s"}


def test_commands_that_read_say_the_same_of_it_and_of_the_folder(
    server, toy_store, tmp_path, monkeypatch
):
    s3.use(server, tmp_path / "cache", monkeypatch)
    monkeypatch.setattr("evaluation.comparison._timings", lambda *_: [])  # 15 s, of the clock
    url = server.upload(toy_store.root, "store")
    images, labels, rows = (tmp_path / name for name in ("images", "labels", "rows.json"))
    write_idx(images, np.arange(24, dtype=np.uint8).reshape(4, 2, 3))
    write_idx(labels, np.array([0, 1, 2, 0], np.uint8))
    rows.write_text(json.dumps(BODY))
    files = ("--images", str(images), "--labels", str(labels), "--json")

    for command in (
        ("list",),
        ("list", "--json"),
        ("show", "toy"),
        ("verify", "--json"),
        ("predict", "toy", str(rows), "--json"),
        ("explain", "toy", str(rows), "--json"),
        ("evaluate", "toy", *files),
        ("compare", "toy", *files),
    ):
        assert said(*command, "--store", url) == said(*command, "--store", str(toy_store.root))


def test_it_is_listed_without_what_computes(server, environment, toy_store):
    url = server.upload(toy_store.root, "store")
    command = [sys.executable, "-c", READS_NO_TENSORS, "list", "--store", url]
    listed = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)

    assert (listed.returncode, listed.stderr) == (0, "")
    assert "toy-dense" in listed.stdout


def test_commands_that_write_say_why_they_do_not(server, environment):
    url = "s3://models/store"
    for command in (("train", "digits", "--name", "x"), ("import", "nofile", "--name", "x")):
        refused = run(*command, "--store", url, environ=environment)
        why = f"the store {url} is read only: publish into a folder, and copy that there"
        assert (refused.returncode, refused.stderr) == (1, f"fff-serve: {why}\n")


@pytest.mark.parametrize("command", [["list"], ["serve", "--port", "0"]], ids=" ".join)
def test_a_url_that_is_no_store_is_misuse_and_shows_no_credentials(command):
    refused = run(*command, "--store", "s3://KEY:word@bucket/prefix")

    assert refused.returncode == 2
    assert "credentials" in refused.stderr.splitlines()[-1]
    assert "word" not in refused.stderr


async def test_a_look_at_a_store_that_is_away_counts_no_change(
    server, toy_store, tmp_path, monkeypatch, caplog
):
    s3.use(server, tmp_path / "cache", monkeypatch)
    url = server.upload(toy_store.root, "store")
    async with toys.running(store=url) as (app, client):
        watch: StoreWatch = app.state.engine.watch
        await watch.look()
        server.put("store/toy/1/model.safetensors", b"another")
        await watch.look()
        changed = (await client.post("/v2/repository/index")).json()
        server.kill()
        await watch.look()
        await watch.look()
        metrics = (await client.get("/metrics")).text

    reasons = {entry["name"]: entry["reason"] for entry in changed}
    assert "'toy' version 1" in reasons["toy"]
    assert reasons["toy-dense"] == ""
    counted = [line for line in metrics.splitlines() if line.startswith("fff_store_changes_total{")]
    assert sum(float(line.split()[-1]) for line in counted) == 1
    told = [r for r in caplog.records if "does not answer" in r.getMessage()]
    assert len(told) == 1
