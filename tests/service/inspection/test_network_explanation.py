"""`/v1/models/M/explain` of a network of blocks: each token's path in each layer that routes."""

import json

import numpy as np
import pytest
import torch

from fff.decision import canonical_score
from model_store.store import Store
from networks.backends import build_backend
from service.errors import InvalidInput
from service.http import schemas_inspection as schemas
from service.inspection.explanation import MOST_STEPS
from service.inspection.network_paths import NetworkPaths
from service.job import Answer
from service.protocol.explain_request import choose
from tests import networks_made as made
from tests.service import toys

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 784), dtype=np.uint8)
ROWS = RNG.normal(size=(50, made.WIDTH)).astype(np.float32)
PIXELS = {"inputs": IMAGES.tolist(), "datatype": "UINT8"}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return made.publish_all(Store(tmp_path_factory.mktemp("networks")))


@pytest.fixture
async def client(store):
    async with toys.running(store=store.root) as (_, client):
        yield client


async def explained(client, name, **body):
    response = await client.post(f"/v1/models/{name}/explain", json=body)
    assert response.status_code == 200, response.text
    schemas.NetworkExplainResponse.model_validate(response.json(), extra="forbid")
    return response.json()


async def served(client, name, **body):
    outputs = [{"name": output} for output in ("logits", "class", "leaf", "margin")]
    numbers = np.asarray(body["inputs"])
    tensor = {"name": "input", "shape": numbers.shape, "datatype": body.get("datatype", "FP32")}
    body = {"inputs": [tensor | {"data": numbers.ravel().tolist()}], "outputs": outputs}
    got = (await client.post(f"/v2/models/{name}/infer", json=body)).json()["outputs"]
    return {tensor["name"]: np.reshape(tensor["data"], tensor["shape"]) for tensor in got}


def of_tokens(explanation, key):
    """`[rows, layers, tokens]`."""
    return np.array(
        [
            [[token[key] for token in layer["tokens"]] for layer in row["layers"]]
            for row in explanation["rows"]
        ]
    )


@pytest.mark.parametrize(
    ("name", "body"),
    [("stack", {"inputs": ROWS.tolist()}), ("vit", PIXELS)],
    ids=["rows", "images"],
)
async def test_answers_leaves_and_margins_are_those_served_in_each_layer(client, name, body):
    got = await explained(client, name, **body)
    want = await served(client, name, **body)

    layers = (await client.get(f"/v1/models/{name}")).json()["layers"]
    assert [{key: layer[key] for key in ("name", "leaves")} for layer in got["layers"]] == [
        {key: layer[key] for key in ("name", "leaves")} for layer in layers
    ]
    for key in ("class", "logits"):
        np.testing.assert_array_equal([row[key] for row in got["rows"]], want[key])
    shape = len(body["inputs"]), len(layers), layers[0]["rows"]
    np.testing.assert_array_equal(of_tokens(got, "served_leaf"), want["leaf"].reshape(shape))
    same = ~of_tokens(got, "differs")
    assert got["differing"] == (~same).sum() < same.size / 100  # near ties are as rare as that
    np.testing.assert_array_equal(same, of_tokens(got, "leaf") == of_tokens(got, "served_leaf"))
    margins = of_tokens(got, "margin")
    np.testing.assert_allclose(
        margins[same], want["margin"].reshape(shape)[same], rtol=1e-3, atol=1e-5
    )


async def test_each_step_is_scored_on_what_its_layer_was_given(client, store):
    """The second layer's inputs are the first one's outputs, behind their activation."""
    weights = store.load("stack").weights
    first, second = (
        build_backend(weights.layer(n), torch.device("cpu")) for n in ("first", "second")
    )
    given = torch.relu(first.infer(torch.from_numpy(ROWS)).logits)
    (tree,) = second.trees

    got = await explained(client, "stack", inputs=ROWS.tolist(), layer="second")

    for x, row in zip(given, got["rows"], strict=True):
        (token,) = row["layers"][0]["tokens"]
        nodes = [step["node"] for step in token["path"]]
        want = canonical_score(
            x.expand(len(nodes), -1), tree.node_weight[nodes], tree.node_bias[nodes]
        )
        np.testing.assert_allclose([step["score"] for step in token["path"]], want, atol=1e-6)
        assert token["margin"] == min(step["distance"] for step in token["path"])


async def test_a_layer_and_tokens_that_are_chosen_are_as_in_the_whole(client):
    body = PIXELS | {"inputs": PIXELS["inputs"][:2]}
    whole = await explained(client, "vit", **body)

    for layer in (1, "1-ff.feed"):
        part = await explained(client, "vit", **body, layer=layer, tokens=[48, 7])
        assert [facts["layer"] for facts in part["layers"]] == [1]
        for row, own in zip(whole["rows"], part["rows"], strict=True):
            want = [row["layers"][1]["tokens"][token] for token in (7, 48)]
            (got,) = own["layers"]
            assert [token["path"] for token in got["tokens"]] == [token["path"] for token in want]


async def test_explained_tokens_are_served_tokens_of_every_layer(client):
    await explained(client, "vit", **PIXELS, layer=0, tokens=[0])

    layers = (await client.get("/v1/models/vit/leaves")).json()["layers"]
    names = [(layer["name"], layer["rows_total"]) for layer in layers]
    assert names == [(name, 20 * made.TOKENS) for name in ("0-ff.feed", "1-ff.feed")]


async def test_a_near_tie_that_was_served_otherwise_is_told(store):
    async with toys.running(store=store.root) as (app, _):
        model = app.state.engine.model("stack")
        answer = await app.state.engine.submit(model, ROWS[:1])
        live = [stats.snapshot() for stats in model.metrics.layers]
    other = Answer(answer.logits, answer.leaf ^ [[0, 1]], *answer[2:])

    walk = NetworkPaths(model, ROWS[:1], live, choose(model.manifest))
    row = json.loads(walk.write(other, slice(0, 1))[1:])

    told = [layer["tokens"][0] for layer in row["layers"]]
    assert [token["differs"] for token in told] == [False, True]
    assert (told[1]["leaf"], told[1]["served_leaf"]) == (answer.leaf[0, 1], other.leaf[0, 1])
    assert walk.found() == {"differing": 1}


async def test_computed_example_by_example_no_leaf_differs(store):
    async with toys.running(store=store.root, strict=True) as (_, client):
        assert (await explained(client, "vit", **PIXELS))["differing"] == 0


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            {"layer": 2},
            "a layer that routes, 0-ff.feed, 1-ff.feed, or its number from 0 to 1; got 2",
        ),
        ({"layer": "head"}, "got 'head'"),
        ({"tokens": [49]}, "tokens must be numbers of tokens, from 0 to 48; got [49]"),
        ({"tokens": []}, "got []"),
        ({"tokens": 3}, "got 3"),
    ],
)
def test_a_choice_that_is_none_is_told_what_there_is(store, choice, said):
    with pytest.raises(InvalidInput) as refused:
        choose(store.manifest("vit"), **choice)

    assert said in str(refused.value)


async def test_the_steps_of_a_request_are_bounded_and_a_choice_takes_fewer(store):
    """Of 294 steps an image, two layers of 49 tokens and three decisions."""
    images = np.resize(IMAGES, (MOST_STEPS // 294 + 1, 784)).tolist()
    async with toys.running(store=store.root, max_batch_rows=4096) as (_, client):
        body = {"inputs": images, "datatype": "UINT8"}
        refused = await client.post("/v1/models/vit/explain", json=body)
        got = await explained(client, "vit", **body, layer=0)
        dense = await client.post("/v1/models/vit-dense/explain", json=body)

    assert refused.status_code == 413
    assert refused.json()["error"] == (
        f"an explanation may take at most {MOST_STEPS} steps, got {len(images)} rows of 294 "
        "(tokens times depth, of 2 layers)"
    )
    assert len(got["rows"]) == len(images)
    assert "'vit-dense' is a network of blocks, which has no tree" in dense.json()["error"]
