"""Rows that a request keeps out of leaf statistics are in none, and are counted otherwise."""

import asyncio

import httpx
import numpy as np
import orjson
import pytest

from service.engine.engine import Engine
from tests.service import toys

ROWS = np.random.default_rng(1).normal(size=(5, toys.WIDTH)).astype(np.float32)
INFER = "/v2/models/toy/infer"
UNOBSERVED = {"leaf_statistics": False}


def body(parameters: object, binary: bool) -> tuple[bytes, dict[str, str]]:
    """A request for ROWS, and its headers."""
    tensor: dict[str, object] = {"name": "input", "datatype": "FP32", "shape": [*ROWS.shape]}
    if not binary:
        tensor["data"] = ROWS.ravel().tolist()
        return orjson.dumps({"inputs": [tensor], "parameters": parameters}), {}
    tensor["parameters"] = {"binary_data_size": ROWS.nbytes}
    head = orjson.dumps({"inputs": [tensor], "parameters": parameters})
    return head + ROWS.tobytes(), {"Inference-Header-Content-Length": str(len(head))}


async def leaves(client: httpx.AsyncClient) -> object:
    return (await client.get("/v1/models/toy/leaves")).json()


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
async def test_a_request_says_whether_leaf_statistics_count_its_rows(
    client: httpx.AsyncClient, binary: bool
) -> None:
    before = await leaves(client)

    kept_out, headers = body(UNOBSERVED, binary)
    answer = await client.post(INFER, content=kept_out, headers=headers)
    after = await leaves(client)
    content, headers = body({}, binary)
    like_any = await client.post(INFER, content=content, headers=headers)

    assert answer.json()["outputs"] == like_any.json()["outputs"]
    assert after == before
    assert await leaves(client) != before
    (stats,) = (await client.get("/v2/models/toy/stats")).json()["model_stats"]
    assert stats["inference_count"] == 2 * len(ROWS)


async def test_of_a_batch_the_others_rows_alone_are_observed(engine: Engine) -> None:
    model = engine.model("toy")
    engine.submit(model, ROWS, observed=False)  # alone; whoever follows waits for a batch
    kept_out = [engine.submit(model, -ROWS, observed=False) for _ in range(2)]
    answer, *_ = await asyncio.gather(engine.submit(model, ROWS), *kept_out)

    (stats,) = model.metrics.layers
    seen = np.bincount(answer.leaf[:, 0], minlength=len(stats.snapshot().total))
    assert answer.batch_rows == 3 * len(ROWS)
    assert stats.snapshot().total.tolist() == seen.tolist()
    assert stats.snapshot().margin_counts.sum() == len(ROWS)


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
async def test_what_is_neither_true_nor_false_is_refused(
    client: httpx.AsyncClient, binary: bool
) -> None:
    content, headers = body({"leaf_statistics": 0}, binary)

    answer = await client.post(INFER, content=content, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"] == "parameters.leaf_statistics must be true or false, got 0"
