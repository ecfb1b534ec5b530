"""A network with FFF layers beside its dense twin: in `/v1/compare`, and in the shadow."""

import numpy as np
import pytest

from model_store.store import Store
from service.http import schemas_inspection as schemas
from tests import networks_made as made
from tests.service import toys
from tests.service.shadow.test_shadow import snapshot, until

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), dtype=np.uint8)


async def test_a_pair_of_networks_is_compared_on_request_and_in_the_shadow(tmp_path):
    store = made.publish_all(Store(tmp_path))
    body = {"inputs": IMAGES.tolist(), "datatype": "UINT8"}
    own = {"store": store.root, "shadow_ratio": 1.0, "strict": True}
    async with toys.running(**own) as (app, client):
        fff, dense = [
            np.array((await client.post(f"/v1/models/{name}/predict", json=body)).json()["outputs"])
            for name in ("vit", "vit-dense")
        ]
        await until(lambda: snapshot(app.state.engine, "vit").rows == len(IMAGES))
        shadow = (await client.get("/v1/models/vit")).json()["shadow"]
        labels = np.zeros(len(IMAGES), int).tolist()
        response = await client.post("/v1/compare", json=body | {"model": "vit", "labels": labels})

    schemas.CompareResponse.model_validate(response.json(), extra="forbid")
    compared = response.json()
    agreement = (fff.argmax(1) == dense.argmax(1)).mean()
    assert compared["agreement"] == shadow["agreement"] == agreement
    assert compared["largest_difference"] == pytest.approx(np.abs(fff - dense).max(), rel=1e-4)
    mean = np.abs(fff - dense).max(axis=1).mean()
    assert shadow["mean_difference"] == pytest.approx(mean, rel=1e-4)
    assert compared["fff"]["accuracy"] == (fff.argmax(1) == 0).mean()
    assert shadow["speedup"] > 0
