"""A vision transformer and its dense twin, served: images in, leaves of each token out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families

from evaluation.own_model import publish
from fff.inference_result import InferenceResult
from model_store.store import Store
from networks import reference
from networks.backends import build_backend
from networks.weights import NetworkWeights
from tests.networks.models import IMAGE, examples, vision_transformer
from tests.service import toys

PIXELS = np.random.default_rng(0).integers(0, 256, (64, *IMAGE), dtype=np.uint8)
INFER = "/v2/models/vit/infer"
WANTED = [{"name": name} for name in ("logits", "leaf", "margin", "class")]
SCALE = 1 / 64  # such that tokens go to many leaves


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder, uint8 = tmp_path / "store", (SCALE, -2.0)
    publish(vision_transformer(depth=-1), IMAGE, "vit-dense", folder, uint8=uint8)
    model = vision_transformer()
    rows = examples(400, NetworkWeights.of(model, IMAGE))
    publish(model, IMAGE, "vit", folder, uint8=uint8, rows=rows, baseline="vit-dense")
    return Store(folder)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with toys.running(store=store.root, strict=False) as (_, client):
        yield client


def truth(store: Store, pixels: npt.NDArray[np.uint8]) -> InferenceResult:
    rows = pixels.reshape(len(pixels), -1).astype(np.float32) * SCALE - 2
    return reference.infer(torch.from_numpy(rows), store.load("vit").weights)


def body(pixels: npt.NDArray[np.uint8]) -> dict[str, object]:
    tensor = {"name": "input", "datatype": "UINT8", "shape": [*pixels.shape]}
    return {"inputs": [tensor | {"data": pixels.tolist()}], "outputs": WANTED}


def tensors(answer: httpx.Response) -> dict[str, npt.NDArray[np.float64]]:
    assert answer.status_code == 200, answer.text
    outputs = answer.json()["outputs"]
    return {out["name"]: np.array(out["data"]).reshape(out["shape"]) for out in outputs}


async def test_images_get_what_the_reference_says_in_any_company(
    store: Store, client: httpx.AsyncClient
) -> None:
    """Sent together, so that they are batched; none of these is a near tie."""
    parts = np.split(PIXELS, [1, 3, 8, 30])

    answers = await asyncio.gather(*(client.post(INFER, json=body(part)) for part in parts))

    expected = truth(store, PIXELS)
    found = [tensors(answer) for answer in answers]
    together = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    assert expected.margin.min() > reference.NEAR_TIE / 100
    assert together["leaf"].shape == (64, 1, 4)
    assert np.array_equal(together["leaf"], expected.leaf.numpy())
    assert np.allclose(together["logits"], expected.logits.numpy(), atol=1e-4)
    assert np.allclose(together["margin"], expected.margin.numpy(), atol=1e-4)


async def test_every_form_of_an_image_is_the_same_image(client: httpx.AsyncClient) -> None:
    two = PIXELS[:2]
    scaled = two.astype(np.float32) * np.float32(SCALE) - 2
    plain = "/v1/models/vit/predict"
    forms = [
        {"datatype": "UINT8", "inputs": two.tolist()},
        {"datatype": "UINT8", "inputs": two.reshape(2, -1).tolist()},
        {"inputs": scaled.tolist()},
        {"inputs": scaled.reshape(2, -1).tolist()},
    ]

    answers = [(await client.post(plain, json=form)).json() for form in forms]

    assert all(answer == answers[0] for answer in answers), answers


@pytest.mark.parametrize("shape", [[2, 6, 6], [2, 1, 6, 5], [2, 35], [0, 1, 6, 6], [36]])
async def test_another_shape_is_refused(client: httpx.AsyncClient, shape: list[int]) -> None:
    tensor = {"name": "input", "datatype": "FP32", "shape": shape, "data": [0.0] * 72}

    answer = await client.post(INFER, json={"inputs": [tensor]})

    assert answer.status_code == 400
    assert "shape must be [rows, 1, 6, 6] or [rows, 36] with rows >= 1" in answer.json()["error"]


async def test_metadata_says_what_an_image_is(client: httpx.AsyncClient) -> None:
    described = (await client.get("/v2/models/vit")).json()

    shapes = {out["name"]: out["shape"] for out in described["outputs"]}
    assert described["inputs"][0]["shape"] == [-1, 1, 6, 6]
    assert (shapes["leaf"], shapes["margin"], shapes["logits"]) == ([-1, 1, 4], [-1, 1, 4], [-1, 5])


async def test_tokens_are_counted_in_leaves_and_images_as_rows(client: httpx.AsyncClient) -> None:
    await client.post(INFER, json=body(PIXELS))

    text = (await client.get("/metrics")).text

    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def total(name: str, **labels: str) -> float:
        own = labels | {"model": "vit"}
        return sum(s.value for s in samples if s.name == name and own.items() <= s.labels.items())

    assert total("fff_leaf_rows_total", layer="0") == 64 * 4
    assert total("fff_rows_total", kind="fff") == 64
    assert total("fff_routing_margin_count", layer="0") == 64 * 4
    assert total("fff_leaves", layer="0") == 8
    assert 0 < total("fff_routing_drift_js", layer="0") < 1
    assert total("fff_model_info", kind="fff", backend="numba") == 1


async def test_a_batch_holds_as_many_images_as_have_its_rows_in_tokens(store: Store) -> None:
    async with toys.running(store=store.root, max_batch_rows=130) as (_, client):
        refused = await client.post(INFER, json=body(PIXELS[:33]))
        taken = await client.post(INFER, json=body(PIXELS[:32]))

    assert (refused.status_code, taken.status_code) == (413, 200)


async def test_strict_gives_an_image_the_same_bits_in_any_company(store: Store) -> None:
    async with toys.running(store=store.root, strict=True) as (app, client):
        alone = tensors(await client.post(INFER, json=body(PIXELS[5:6])))
        together = tensors(await client.post(INFER, json=body(PIXELS)))
        model = app.state.engine.model("vit")

    assert model.output_class == "strict"
    for name, tensor in alone.items():
        assert np.array_equal(tensor[0], together[name][5]), name


async def test_the_dense_twin_is_compared_with(client: httpx.AsyncClient, store: Store) -> None:
    request = {"model": "vit", "datatype": "UINT8", "inputs": PIXELS[:3].tolist()}

    compared = (await client.post("/v1/compare", json=request)).json()

    rows = PIXELS[:3].reshape(3, -1).astype(np.float32) * SCALE - 2
    dense = build_backend(store.load("vit-dense").weights, torch.device("cpu"))
    expected = dense.infer(torch.from_numpy(rows)).logits
    assert np.allclose(compared["dense"]["outputs"], expected, atol=1e-4)
