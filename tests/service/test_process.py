"""The service as its users run it: a process, a port, signals, exit codes."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.http
from tritonclient.utils import InferenceServerException

from service import app
from service.settings import Settings
from tests.service import toys

COMMAND = Path(sys.executable).parent / "fff-serve"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    store = toys.make_store(tmp_path_factory.mktemp("live") / "store")
    with toys.live("--store", str(store.root)) as running:
        yield running


async def test_everything_accepted_before_sigterm_is_answered(toy_store):
    """
    Under load: every answer a client got whole is one the service counted, and none is lost.

    Clients stop at the first refusal (503) or closed connection.
    """
    body = json.dumps({"inputs": [[0.5] * toys.WIDTH] * 8})
    answers: list[int] = []

    async def ask_until_refused(client: httpx.AsyncClient) -> None:
        while True:
            try:
                response = await client.post("/v1/models/toy/predict", content=body)
            except httpx.HTTPError:
                return  # the connection closed before this request was accepted
            if response.status_code != 200:
                assert response.status_code == 503
                return
            assert len(response.json()["outputs"]) == 8
            answers.append(response.status_code)

    with toys.live("--store", str(toy_store.root)) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
            asking = [asyncio.create_task(ask_until_refused(client)) for _ in range(16)]
            while len(answers) < 200:
                await asyncio.wait(asking, timeout=0.01)
            code = await asyncio.to_thread(service.stop)
            await asyncio.gather(*asking)

    (last,) = [line for line in service.log if "accepted" in line]
    accepted, answered = map(int, re.findall(r"(?:accepted|answered) (\d+)", last))
    assert code == 0
    assert accepted == answered == len(answers)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "manifest.json").write_text("{"), "manifest: Invalid JSON"),
        (lambda f: _change(f, sha256="0" * 64), "was written for weights with SHA-256 000"),
        (lambda f: _change(f, leaf_width=9), "the manifest says leaf_width 9, tensors have 2"),
        (lambda f: _change(f, colour="red"), "colour: Extra inputs are not permitted"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    ],
    ids=["not-json", "wrong-hash", "wrong-width", "unknown-field", "no-weights"],
)
def test_a_damaged_checkpoint_stops_start_up_by_name_where_there_is_no_other(
    toy_store, damage, said
):
    shutil.rmtree(toy_store.root / "toy-dense")
    damage(toy_store.root / "toy" / "1")

    ended = run("serve", "--store", str(toy_store.root), "--port", "0")

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("fff-serve: model 'toy' version 1")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def _change(folder: Path, **fields: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | fields))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["serve", "--device", "cuda:7"], 1, "cuda:7 was asked for"),
        (["serve", "--device", "cpu", "--backend", "triton"], 1, "triton runs on CUDA devices"),
        (["serve", "--port", "70000"], 2, "setting port (--port)"),
        (["serve", "--store", "/nowhere"], 1, "/nowhere is none"),
        (["show", "nope"], 1, "model 'nope' is not in the store"),
        (["train", "nope", "--name", "x"], 2, "recipe must be one of"),
        (["sarve"], 2, "sarve"),
    ],
    ids=["device", "backend", "port", "store", "model", "recipe", "command"],
)
def test_a_users_mistake_is_one_line_and_an_exit_code(arguments, code, said):
    ended = run(*arguments)

    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_probes_answer(service):
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/"):
        assert httpx.get(service.url + path).status_code == 200


def test_the_triton_client_infers_with_json(service):
    with tritonclient.http.InferenceServerClient(service.url.removeprefix("http://")) as client:
        assert client.is_server_live()
        assert client.is_model_ready("toy", "1")
        assert client.get_model_metadata("toy")["inputs"][0]["shape"] == [-1, toys.WIDTH]
        rows = np.random.default_rng(0).normal(size=(3, toys.WIDTH)).astype(np.float32)
        tensor = tritonclient.http.InferInput("input", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows, binary_data=False)
        wanted = [
            tritonclient.http.InferRequestedOutput(name, binary_data=False)
            for name in ("logits", "leaf", "class")
        ]

        result = client.infer("toy", [tensor], outputs=wanted, request_id="7")

        assert result.get_response()["id"] == "7"
        assert result.as_numpy("leaf").shape == (3, 1)
        assert (result.as_numpy("logits").argmax(1) == result.as_numpy("class")).all()


def test_the_triton_client_reads_our_errors(service):
    with tritonclient.http.InferenceServerClient(service.url.removeprefix("http://")) as client:
        tensor = tritonclient.http.InferInput("input", [1, 2], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 2), np.float32), binary_data=False)
        with pytest.raises(InferenceServerException, match=r"\[400\].*\[rows, 6\]"):
            client.infer("toy", [tensor])


def test_a_client_that_hangs_up_costs_nobody_an_answer(service):
    """A connection that sends half a request and closes leaves the service serving."""
    import socket

    host, port = service.url.removeprefix("http://").split(":")
    for sent in (b"", b"POST /v1/models/toy/predict HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"):
        with socket.create_connection((host, int(port))) as half:
            half.sendall(sent)
    body = {"inputs": [[0] * toys.WIDTH]}
    answered = httpx.post(f"{service.url}/v1/models/toy/predict", json=body)
    assert answered.status_code == 200


def test_verify_names_every_version_and_list_shows_the_twin(toy_store):
    verified = run("verify", "--store", str(toy_store.root))
    listed = run("list", "--store", str(toy_store.root))

    assert (verified.returncode, verified.stdout.count(": ok")) == (0, 2)
    assert "toy-dense" in listed.stdout


def test_the_store_may_lie_on_a_read_only_disk(toy_store, tmp_path):
    """Serving only reads."""
    before = sorted(p for p in toy_store.root.rglob("*"))
    with toys.live("--store", str(toy_store.root)) as service:
        assert service.url
    assert sorted(p for p in toy_store.root.rglob("*")) == before
    shutil.rmtree(tmp_path)


def test_a_checkout_that_nobody_has_installed_can_be_served(monkeypatch, toy_store):
    """Where there is no console script, `python -m service.cli.main` is the command."""

    def not_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(app, "version", not_installed)
    module = subprocess.run(
        [sys.executable, "-m", "service.cli.main", "show", "toy", "--store", toy_store.root],
        capture_output=True,
    )

    assert app.create_app(Settings(store=toy_store.root)).version == "0+unknown"
    assert module.returncode == 0
