"""The service on an S3 store: as on a folder; what is damaged is named; the server may go away."""

import os
import subprocess
from collections.abc import Mapping

import httpx
import pytest

from service.engine.store_watch import StoreWatch
from tests.model_store.remote import s3
from tests.service import toys
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
        served = predictions(service)
        index = f"{service.url}/v2/repository/index"
        states = {m["name"]: m for m in httpx.post(index).json()}
        written = server.objects() != before
        server.kill()
        after = predictions(service)
        away = httpx.post(index, timeout=30)
        load = httpx.post(f"{service.url}/v2/repository/models/toy/load", headers=ADMIN, timeout=60)
        still = predictions(service)
        ready = httpx.get(f"{service.url}/readyz").status_code
        models = httpx.get(f"{service.url}/v1/models").text
        code = service.stop()

    assert expected == served == after == still
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


def test_commands_that_read_work_on_it_and_those_that_write_say_why_not(
    server, environment, toy_store
):
    url = server.upload(toy_store.root, "store")

    for reading in (("list", "--json"), ("show", "toy"), ("verify", "--json")):
        remote = run(*reading, "--store", url, environ=environment)
        assert remote.returncode == 0
        assert remote.stdout == run(*reading, "--store", str(toy_store.root)).stdout
        assert remote.stderr == ""
    for command in (("train", "digits", "--name", "x"), ("import", "nofile", "--name", "x")):
        refused = run(*command, "--store", url, environ=environment)
        said = (
            f"fff-serve: the store {url} is read only: publish into a folder, and copy that there\n"
        )
        assert (refused.returncode, refused.stderr) == (1, said)


@pytest.mark.parametrize("command", ["list", "serve"])
def test_a_url_that_is_no_store_is_misuse_and_shows_no_credentials(command):
    refused = run(command, "--store", "s3://KEY:word@bucket/prefix")

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
