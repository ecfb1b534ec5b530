"""`/v1/compare`: an FFF and its dense twin on the same rows, fairly timed, and who is right."""

import json

import numpy as np
import pytest

from fff.comparison import Speedup
from service.http import schemas_inspection as schemas
from service.inspection.comparison import ROUNDS
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(50, toys.WIDTH)).astype(np.float32)
BODY = {"model": "toy", "inputs": ROWS.tolist()}
LABELS = np.random.default_rng(1).integers(0, toys.OUTPUTS, len(ROWS))


async def compared(client, **more):
    response = await client.post("/v1/compare", json=BODY | more)
    assert response.status_code == 200, response.text
    schemas.CompareResponse.model_validate(response.json(), extra="forbid")
    return response.json()


async def test_differences_are_those_of_the_two_networks_own_answers(client):
    got = await compared(client)

    fff, dense = (np.array(got[side]["outputs"]) for side in ("fff", "dense"))
    for side, outputs in (("toy", fff), ("toy-dense", dense)):
        body = {"inputs": BODY["inputs"]}
        said = (await client.post(f"/v1/models/{side}/predict", json=body)).json()
        np.testing.assert_array_equal(said["outputs"], outputs)
    assert got["agreement"] == (fff.argmax(1) == dense.argmax(1)).mean()
    assert got["largest_difference"] == pytest.approx(np.abs(fff - dense).max())
    assert got["mean_difference"] == pytest.approx(np.abs(fff - dense).mean())


async def test_each_side_says_what_a_row_costs_it(client):
    got = await compared(client)

    for side in (got["fff"], got["dense"]):
        described = (await client.get(f"/v1/models/{side['model']}")).json()
        for cost in ("flops_per_row", "bytes_per_row"):
            assert side[cost] == described[cost]
        assert side["compute_us_per_row"] == pytest.approx(side["compute_ms"] * 1e3 / len(ROWS))


async def test_the_speedup_comes_with_its_spread_and_the_threads_of_both_sides(client):
    got = await compared(client)

    assert 0 < got["speedup_low"] <= got["speedup"] <= got["speedup_high"]
    times = Speedup(got["speedup"], got["speedup_low"], got["speedup_high"], 1, 1)
    assert got["difference_seen"] == times.difference_seen
    assert got["threads"] == 1


async def test_with_labels_each_side_says_how_often_it_is_right(client):
    got = await compared(client, labels=LABELS.tolist())

    for side in (got["fff"], got["dense"]):
        assert side["accuracy"] == (np.argmax(side["outputs"], 1) == LABELS).mean()


@pytest.mark.parametrize("more", [{}, {"labels": None}], ids=["absent", "null"])
async def test_without_labels_there_is_no_accuracy(client, more):
    got = await compared(client, **more)

    assert (got["fff"]["accuracy"], got["dense"]["accuracy"]) == (None, None)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0] * 49, "a list of 50, one a row, got 49"),
        ([], "a list of 50, one a row, got 0"),
        ("zero", "a list of 50, one a row, got 'zero'"),
        ([3] * 50, "from 0 to 2, got 3"),
        ([-1] * 50, "from 0 to 2, got -1"),
        ([1.0] * 50, "got 1.0"),
        ([True] * 50, "got True"),
        ([None] * 50, "got None"),
        ([10**30] * 50, "got 1"),
        ([[0]] * 50, "got [0]"),
    ],
    ids=[
        "few",
        "none",
        "text",
        "large",
        "negative",
        "fraction",
        "boolean",
        "null",
        "huge",
        "nested",
    ],
)
async def test_labels_that_are_not_one_class_a_row_are_refused(client, labels, said):
    response = await client.post("/v1/compare", content=json.dumps(BODY | {"labels": labels}))

    assert (response.status_code, list(response.json())) == (400, ["error"])
    assert said in response.json()["error"]


async def test_sides_are_computed_in_turn_and_go_first_as_often(toy, monkeypatch):
    app, client = toy
    engine, order = app.state.engine, []
    submit = engine.submit

    def listening(model, *args, **more):
        order.append(model.facts.name)
        return submit(model, *args, **more)

    monkeypatch.setattr(engine, "submit", listening)
    assert (await compared(client))["rounds"] == ROUNDS

    rounds = [tuple(order[at : at + 2]) for at in range(0, len(order), 2)]
    assert len(rounds) == ROUNDS + 1  # the first is not counted
    for one, other in (("toy", "toy-dense"), ("toy-dense", "toy")):
        assert rounds[1:].count((one, other)) == ROUNDS / 2


async def test_its_rows_are_counted_once_however_often_they_are_timed(client):
    await compared(client)

    leaves = (await client.get("/v1/models/toy/leaves")).json()["layers"][0]
    assert sum(leaves["rows"]) == leaves["window_rows"] == len(ROWS)
    for side in ("toy", "toy-dense"):
        stats = (await client.get(f"/v2/models/{side}/stats")).json()["model_stats"][0]
        assert (stats["inference_count"], stats["execution_count"]) == (len(ROWS), 1)
