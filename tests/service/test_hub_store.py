"""The service on a hub's store: as on a folder; its token reaches the hub and nobody else."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from model_store.remote import file_systems
from model_store.store import Store
from tests.model_store.remote import hub as stub
from tests.service import toys
from tests.service.test_process import COMMAND

URL = f"hf://{stub.REPOSITORY}/models"
BODY = {"inputs": [[0.5] * toys.WIDTH]}


@pytest.fixture
def hub(toy_store: Store) -> Iterator[stub.Hub]:
    with stub.serving(toy_store.root) as hub:
        yield hub


@pytest.fixture
def environment(hub: stub.Hub, tmp_path: Path) -> dict[str, str]:
    """With a home of the test: the hub's library keeps files there."""
    places = {name: str(tmp_path / name) for name in ("HF_HOME", "XDG_CACHE_HOME")}
    return hub.environment | places


def test_a_store_of_a_toml_file_is_served_from_the_hub_and_the_log_has_no_token(
    hub: stub.Hub, environment: dict[str, str], toy_store: Store, tmp_path: Path
) -> None:
    config = tmp_path / "fff.toml"
    config.write_text(f'store = "{URL}"\nlog_level = "debug"\n')
    weights = toy_store.folder("toy-dense", 1) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")

    with toys.live("--config", str(config), **environment) as service:
        answer = httpx.post(f"{service.url}/v1/models/toy/predict", json=BODY)
        index = httpx.post(f"{service.url}/v2/repository/index").text
        assert service.stop() == 0

    log = "\n".join(service.log)
    assert answer.status_code == 200
    assert hub.served > 0  # which takes the token
    for told in (log, index):
        assert "the object toy-dense/1/model.safetensors has" in told
        assert stub.TOKEN not in told
        assert stub.SIGNATURE not in told


def test_processes_that_share_a_cache_fetch_once_and_both_load(
    hub: stub.Hub, environment: dict[str, str]
) -> None:
    command = [str(COMMAND), "verify", "--store", URL]
    both = [
        subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    for name in ("toy", "toy-dense"):
        assert hub.paths.count(f"/cdn/models/{name}/1/model.safetensors") == 1


async def test_a_hub_that_hangs_holds_up_neither_predictions_nor_the_index(
    hub: stub.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.use(hub, tmp_path / "cache", monkeypatch)
    async with toys.running(store=URL) as (_, client):
        monkeypatch.setattr(file_systems, "QUESTION_S", 1.0)
        monkeypatch.setattr("service.engine.repository.LISTING_S", 0.5)
        hub.hangs = "."
        listing = asyncio.create_task(client.post("/v2/repository/index"))
        predicted = await client.post("/v1/models/toy/predict", json=BODY)
        listed = await listing
        ready = await client.get("/readyz")

    assert (predicted.status_code, ready.status_code) == (200, 200)
    assert (listed.status_code, listed.json()) == (503, {"error": "the store does not answer"})
