"""A model that cannot run here: a client learns that, an operator why, and the log has it all."""

import errno
import subprocess
import sys

import pytest
import torch

from fff.errors import BackendUnavailable
from model_store.store import Store
from service.engine import loading, warmup
from service.engine.engine import Engine
from service.engine.loading import NoMemory
from service.errors import LoadFailed, NotEnoughMemory
from service.metrics.registry import Metrics
from service.settings import Settings
from tests.service import gpu, toys

ADMIN = {"Authorization": "Bearer key"}
SECRET = "/usr/lib/secret.so: cannot open"
BODY = {"inputs": [[0.0] * toys.WIDTH]}


def unavailable(*_: object) -> None:
    """What a backend does whose compiler fails."""
    try:
        raise OSError(SECRET)
    except OSError as exc:
        raise BackendUnavailable("backend triton cannot be made ready on cuda: OSError") from exc


def out_of_memory(*_: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nSee /secret")


def driver_out_of_memory(*_: object) -> None:
    """What a backend does where the driver, asked for a graph, has no memory."""
    try:
        raise RuntimeError("CUDA error: out of memory in /secret")
    except RuntimeError as exc:
        raise BackendUnavailable("backend triton cannot be made ready on cuda") from exc


def no_room_for_a_mapping(*_: object) -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory", "/secret")


def test_a_processors_memory_that_torch_cannot_have_is_known_as_such():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8)

    assert loading.lacks_memory(caught.value)
    assert not loading.lacks_memory(RuntimeError("CUDA error: an illegal memory access"))


@pytest.fixture
async def both(toy_store):
    async with toys.running(store=toy_store.root, admin_key="key") as running:
        yield running


@pytest.mark.parametrize(
    ("at", "failure", "status", "text"),
    [
        ((loading, "build_backend"), unavailable, 400, "triton cannot be made ready on cuda"),
        ((loading, "build_backend"), out_of_memory, 503, "not enough memory for it beside what is"),
        ((warmup, "_compare"), out_of_memory, 503, "not enough memory for it beside what is"),
        ((loading, "build_backend"), driver_out_of_memory, 503, "not enough memory for it"),
        ((loading, "build_backend"), no_room_for_a_mapping, 503, "not enough memory for it"),
    ],
    ids=["backend", "memory", "memory-in-warm-up", "driver", "mapping"],
)
async def test_a_load_that_fails_tells_the_client_what_and_the_log_why(
    both, toy_store, monkeypatch, caplog, at, failure, status, text
):
    client = both[1]
    toy_store.publish("toy", toy_store.load("toy").weights, origin=toys.ORIGIN)
    monkeypatch.setattr(*at, failure)

    refused = await client.post("/v2/repository/models/toy/load", headers=ADMIN)

    assert refused.status_code == status
    assert text in refused.json()["error"]
    assert "secret" not in refused.text
    assert "secret" in caplog.text  # with its traceback
    index = {e["version"]: e for e in (await client.post("/v2/repository/index")).json()[:2]}
    assert index["2"]["reason"] == refused.json()["error"]
    assert (await client.post("/v1/models/toy/predict", json=BODY)).json()["version"] == 1


async def test_what_there_was_no_memory_for_is_loaded_once_there_is(both, toy_store, monkeypatch):
    toy_store.publish("toy", toy_store.load("toy").weights, origin=toys.ORIGIN)
    repository = both[0].state.repository
    with monkeypatch.context() as patch:
        patch.setattr(loading, "build_backend", out_of_memory)
        with pytest.raises(NotEnoughMemory) as caught:
            await repository.load("toy")

    await repository.load("toy")

    assert isinstance(caught.value, LoadFailed)
    assert (caught.value.retry_after_s or 0) > 0
    assert both[0].state.engine.model("toy").facts.version == 2


def make_engine(store: Store, **settings: object) -> Engine:
    return Engine(Settings(store=store.root, **settings), store, Metrics(64, 64))


@pytest.mark.parametrize(("names", "backend"), [(["toy"], "triton"), (["toy-dense"], "torch")])
async def test_on_cuda_auto_takes_the_kernels_and_without_a_driver_says_what_and_where(
    toy_store, monkeypatch, names, backend
):
    gpu.pretend(monkeypatch)
    monkeypatch.setattr(Store, "models", lambda _: names)

    with pytest.raises(BackendUnavailable, match=f"backend {backend} cannot be .* on cuda"):
        await make_engine(toy_store, device="auto").start()


async def test_without_triton_it_says_how_to_get_it(toy_store, monkeypatch):
    gpu.pretend(monkeypatch)
    monkeypatch.setitem(sys.modules, "fff.kernels.gpu.backend", None)

    with pytest.raises(BackendUnavailable, match="needs the extra gpu: make install"):
        await make_engine(toy_store, device="cuda").start()


async def test_no_memory_at_the_start_names_model_device_and_backend(toy_store, monkeypatch):
    gpu.install(monkeypatch)
    monkeypatch.setattr(loading, "build_backend", out_of_memory)

    with pytest.raises(NoMemory, match="'toy' does not fit on cuda by backend triton"):
        await make_engine(toy_store, device="cuda").start()


PROGRAM = """
import sys
import pytest
from service.cli.main import main
from service.engine import loading
from tests.service import gpu
from tests.service.engine import test_load_failures
patch = pytest.MonkeyPatch()
gpu.install(patch)
patch.setattr(loading, "build_backend", getattr(test_load_failures, sys.argv.pop(1)))
main()
"""


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        ("unavailable", f"backend triton cannot be made ready on cuda: OSError: {SECRET}"),
        (
            "out_of_memory",
            "model 'toy' does not fit on cuda by backend triton, beside what is served: "
            "CUDA out of memory. Tried to allocate 9 GiB.",
        ),
    ],
)
def test_a_start_that_fails_is_one_line_with_the_first_of_what_lies_behind(
    toy_store, failure, line
):
    command = [sys.executable, "-c", PROGRAM, failure, "serve", "--port", "0"]

    ended = subprocess.run(
        [*command, "--store", str(toy_store.root), "--device", "cuda"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"fff-serve: {line}"
    assert "Traceback" not in ended.stderr
