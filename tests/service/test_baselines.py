"""Networks of every kind without a tree, served: the same answer on every way to it."""

import asyncio
import json

import numpy as np
import orjson
import pytest
import torch

from evaluation import timing
from fff import reference
from fff.names import KIND_NAMES
from fff.weights import Weights
from model_store.store import Store
from service.http.schemas_inspection import CompareResponse
from service.http.schemas_v1 import ModelDescription
from service.shadow.sampler import Shadow
from tests.fff.networks import dense, low_rank, mixture, multilayer, raster, tree
from tests.service import toys
from tests.service.cli.rows_files import Command
from tests.service.grpc import toys as grpc_toys
from tests.service.grpc.toys import ROWS, tensor, wanted

NETWORKS: dict[str, Weights] = {
    "dense": dense(toys.WIDTH, 8, toys.OUTPUTS),
    "low_rank": low_rank(toys.WIDTH, 2, 8, toys.OUTPUTS),
    "mixture": mixture(toys.WIDTH, 5, 4, toys.OUTPUTS, k=2),
    "multilayer": multilayer(toys.WIDTH, (8, 7), toys.OUTPUTS, "sine", features=5),
    "raster": raster((4, 1, 3), toys.OUTPUTS),
}
HEAD = "Inference-Header-Content-Length"


@pytest.fixture(params=NETWORKS)
def kind(request) -> str:
    return str(request.param)


@pytest.fixture
def store(kind, tmp_path) -> Store:
    """A model of the kind, and an FFF, both with a model of the kind as their baseline."""
    store = Store(tmp_path / "store")
    common = {"origin": toys.ORIGIN, "uint8": toys.SCALING}
    store.publish("rival", NETWORKS[kind], **common)
    store.publish("model", NETWORKS[kind], baseline="rival", **common)
    store.publish(
        "fff", tree(NETWORKS[kind].input_width, 2, 3, toys.OUTPUTS), baseline="rival", **common
    )
    return store


@pytest.fixture
async def served(store):
    async with grpc_toys.running(store=store.root) as (app, http, grpc):
        yield app, http, grpc


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    return Command(monkeypatch, capsys, tmp_path)


@pytest.fixture
def rows(kind):
    """As wide as the network, float32."""
    return ROWS[:, : NETWORKS[kind].input_width]


def infer(rows, outputs: bool) -> dict[str, object]:
    """A v2 request whose outputs are bytes, or numbers in JSON."""
    described = {"name": "input", "shape": rows.shape, "datatype": "FP32", "data": rows.tolist()}
    return {"inputs": [described], "parameters": {"binary_data_output": outputs}}


async def test_every_way_to_a_prediction_gives_the_same_numbers(served, store, kind, rows, command):
    _, http, grpc = served
    body = orjson.dumps({"inputs": rows.tolist()})

    plain = await http.post("/v1/models/model/predict", content=body)
    as_json = (await http.post("/v2/models/model/infer", json=infer(rows, False))).json()["outputs"]
    as_bytes = await http.post("/v2/models/model/infer", json=infer(rows, True))
    called = await grpc.infer("model", [tensor(rows)], outputs=wanted("logits", "leaf", "margin"))
    file = command.file("rows.json", body)
    where = ("--json", "--store", store.root)
    printed = await asyncio.to_thread(command.printed, "predict", "model", file, *where)

    logits = called.as_numpy("logits")
    assert printed.encode().rstrip(b"\n") == plain.content
    assert plain.json()["leaves"] == [[]] * len(ROWS)
    raw = as_bytes.content[int(as_bytes.headers[HEAD]) :]
    for got in (plain.json()["outputs"], as_json[0]["data"], np.frombuffer(raw, np.float32)):
        np.testing.assert_array_equal(np.reshape(got, logits.shape).astype(np.float32), logits)
    assert called.as_numpy("leaf").shape == called.as_numpy("margin").shape == (len(ROWS), 0)
    truth = reference.infer(torch.from_numpy(rows), NETWORKS[kind]).logits
    torch.testing.assert_close(torch.from_numpy(logits.copy()), truth)


async def test_a_model_is_described_by_its_kind_and_has_no_leaves(served, kind):
    _, http, _ = served

    described = (await http.get("/v1/models/model")).json()
    metadata = (await http.get("/v2/models/model")).json()
    config = (await http.get("/v2/models/model/config")).json()
    leaves = (await http.get("/v1/models/model/leaves")).json()
    metrics = (await http.get("/metrics")).text.splitlines()

    ModelDescription.model_validate(described, extra="forbid")
    assert described["kind"] == described["manifest"]["kind"] == kind
    compiled = kind == "mixture"
    assert described["backend"] == ("numba" if compiled else "torch")
    assert compiled or described["backend_reason"].startswith(KIND_NAMES[described["kind"]])
    assert described["flops_per_row"] == NETWORKS[kind].flops_per_row
    assert metadata["platform"] == f"fff-serve_{kind}"
    assert config["parameters"]["kind"]["string_value"] == kind
    assert {t["name"]: t["shape"] for t in metadata["outputs"]}["leaf"] == [-1, 0]
    assert leaves["layers"] == []
    labels = f'{{kind="{kind}",model="model",version="1"}}'
    assert f"fff_rows_total{labels} 0.0" in metrics
    assert f"fff_model_flops_per_row{labels} {float(NETWORKS[kind].flops_per_row)}" in metrics
    layered = [line for line in metrics if "layer=" in line or "fff_routing" in line]
    assert layered
    assert not any('model="model"' in line for line in layered)


@pytest.mark.parametrize("kind", ["mixture"], indirect=True)
async def test_experts_in_bfloat16_take_half_the_bytes(store):
    w = NETWORKS["mixture"]
    async with toys.running(store=store.root, leaf_dtype="bfloat16") as (_, http):
        shown = (await http.get("/v1/models/model")).json()

    assert shown["dtype"] == "bfloat16"
    halved = 2 * 4 * (w.input_width + w.output_width)  # numbers of two experts of four neurons
    assert shown["bytes_per_row"] == w.bytes_per_row - 2 * halved


async def test_an_explanation_is_refused_with_the_kind_of_the_network(
    served, store, command, kind, rows
):
    body = {"inputs": rows.tolist()}
    said = f"'model' is {KIND_NAMES[NETWORKS[kind].kind]}, which has no tree"

    response = await served[1].post("/v1/models/model/explain", json=body)
    file = command.file("rows.json", orjson.dumps(body))
    where = ("--store", store.root)
    code, _, error = await asyncio.to_thread(command.ended, "explain", "model", file, *where)

    assert (response.status_code, code) == (400, 1)
    assert said in response.json()["error"]
    assert said in error


@pytest.mark.parametrize("name", ["fff", "model"])
async def test_a_model_is_compared_with_a_baseline_of_any_kind_without_a_tree(
    served, kind, rows, name
):
    _, http, _ = served
    body = {"model": name, "inputs": rows.tolist()}

    response = await http.post("/v1/compare", json=body)

    assert response.status_code == 200, response.text
    got = CompareResponse.model_validate(response.json(), extra="forbid")
    assert (got.fff.model, got.dense.model) == (name, "rival")
    assert got.dense.flops_per_row == NETWORKS[kind].flops_per_row
    assert (got.agreement, got.largest_difference) == (1, 0) or name == "fff"


async def test_only_an_fff_has_a_shadow_whatever_its_baseline_is(store):
    async with toys.running(store=store.root, shadow_ratio=1.0) as (app, http):
        models = {m["name"]: m for m in (await http.get("/v1/models")).json()["models"]}

        assert models["model"]["shadow"] is None
        assert models["fff"]["shadow"]["baseline"] == "rival"
        sampler = app.state.engine.model("fff").worker.sampler
        assert isinstance(sampler, Shadow)
        assert sampler.twin() is not None


def test_the_command_line_lists_shows_verifies_and_removes_it(store, command, kind):
    where = ("--store", store.root)

    listed = json.loads(command.printed("list", "--json", *where))["models"]
    shown = json.loads(command.printed("show", "model", *where))
    verified = json.loads(command.printed("verify", "model", "--json", *where))["versions"]
    command.printed("remove", "model", "--yes", *where)

    assert {m["name"]: m["kind"] for m in listed} == {"fff": "fff", "model": kind, "rival": kind}
    sizes = {
        "dense": {"hidden_width": 8},
        "low_rank": {"hidden_width": 8, "rank": 2},
        "mixture": {"experts": 5, "expert_width": 4, "top_k": 2},
        "multilayer": {"hidden_widths": [8, 7], "fourier_features": 5, "activation": "sine"},
        "raster": {"shape": [4, 1, 3]},
    }
    assert shown | sizes[kind] == shown
    assert [version["problem"] for version in verified] == [""]
    assert store.models() == ["fff", "rival"]


def test_the_comparison_offline_names_the_kinds_beside_the_times(store, command, kind, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # no heading is broken
    monkeypatch.setattr(timing, "BUDGET_S", 0.0)  # it is the headings that are looked at

    printed = command.printed("compare", "fff", "--store", store.root)

    assert f"{kind}: rival" in printed
    assert f"{kind} us/row" in printed
    assert f"{kind}/fff" in printed
