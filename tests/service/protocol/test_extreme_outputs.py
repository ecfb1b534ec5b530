"""Outputs at the ends of float32 are told as they are, and none of what is made of them is null."""

from dataclasses import replace

import pytest
import torch

from fff.layers import FFF, Dense
from model_store.store import Store
from service.protocol.outputs import OUTPUTS
from tests.service import toys

FAR = torch.tensor([3e38, -3e38, 0.0])
ROWS = [[0.1] * toys.WIDTH] * 2
TENSOR = {"name": "input", "datatype": "FP32", "shape": [2, toys.WIDTH], "data": ROWS}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    dense = replace(Dense(toys.WIDTH, 3, 2).weights(), b2=-FAR)
    made.publish("dense", dense, origin=toys.ORIGIN)
    fff = replace(FFF(toys.WIDTH, 3, 1, leaf_width=2).weights(), b2=FAR.expand(2, 3).contiguous())
    made.publish("toy", fff, baseline="dense", origin=toys.ORIGIN)
    return tmp_path


async def test_every_form_tells_them(store):
    async with toys.running(store=store) as (_, client):
        plain = (await client.post("/v1/models/toy/predict", json={"inputs": ROWS})).json()
        asked = {"inputs": [TENSOR], "outputs": [{"name": name} for name in OUTPUTS]}
        infer = (await client.post("/v2/models/toy/infer", json=asked)).json()
        explain = (await client.post("/v1/models/toy/explain", json={"inputs": ROWS})).json()
        body = {"model": "toy", "inputs": ROWS}
        compare = (await client.post("/v1/compare", json=body)).json()

    given = {output["name"]: output["data"] for output in infer["outputs"]}
    for logits in (*plain["outputs"], given["logits"][:3], explain["rows"][0]["logits"]):
        assert logits[:2] == pytest.approx([3e38, -3e38], rel=1e-6)
    assert given["probabilities"] == [1, 0, 0, 1, 0, 0]
    assert not any(None in data for data in given.values())
    assert compare["largest_difference"] == pytest.approx(6e38, rel=1e-6)
    assert compare["mean_difference"] == pytest.approx(4e38, rel=1e-6)
