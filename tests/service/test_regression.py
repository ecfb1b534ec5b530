"""Networks that predict values, served: in their units on every way, and nowhere with classes."""

import asyncio
import json

import numpy as np
import orjson
import pytest
import torch
from tritonclient.utils import InferenceServerException

from fff import reference
from service.http.schemas_inspection import CompareResponse, ExplainResponse
from service.http.schemas_v1 import ModelDescription
from service.http.schemas_v2 import InferAnswer, ModelMetadata
from tests.fff.networks import dense
from tests.service import regression, toys
from tests.service.cli.rows_files import Command
from tests.service.grpc import toys as grpc_toys
from tests.service.grpc.toys import ROWS, tensor, wanted

MODELS = ["terrain", "terrain-dense"]
ROWS_BODY = {"inputs": ROWS.tolist()}
INPUT = {"name": "input", "shape": ROWS.shape, "datatype": "FP32", "data": ROWS.tolist()}
NO_CLASSES = "this model predicts values (elevation in m, slope), it has no classes"
TARGETS = [
    {"name": name, "unit": unit, "tolerance": regression.TOLERANCE}
    for name, unit in regression.UNITS.items()
]


@pytest.fixture
def store(tmp_path):
    return regression.make_store(tmp_path / "store")


@pytest.fixture
async def served(store):
    async with grpc_toys.running(store=store.root, admin_key="key") as (app, http, grpc):
        yield app, http, grpc


@pytest.fixture
def http(served):
    return served[1]


def values_of(store, name):
    return reference.infer(torch.from_numpy(ROWS), store.load(name).weights).logits


def binary(outputs):
    return {
        "inputs": [INPUT],
        "outputs": [{"name": name} for name in outputs],
        "parameters": {"binary_data_output": True},
    }


@pytest.mark.parametrize("name", MODELS)
async def test_every_way_to_a_prediction_gives_the_same_values(
    served, store, name, monkeypatch, capsys, tmp_path
):
    _, http, grpc = served
    plain = await http.post(f"/v1/models/{name}/predict", json=ROWS_BODY)
    as_json = (await http.post(f"/v2/models/{name}/infer", json={"inputs": [INPUT]})).json()
    as_bytes = await http.post(f"/v2/models/{name}/infer", json=binary(["logits"]))
    called = await grpc.infer(name, [tensor(ROWS)])
    command = Command(monkeypatch, capsys, tmp_path)
    file = command.file("rows.json", orjson.dumps(ROWS_BODY))
    where = ("--json", "--store", store.root)
    printed = await asyncio.to_thread(command.printed, "predict", name, file, *where)

    values = called.as_numpy("logits")
    InferAnswer.model_validate(as_json, extra="forbid")
    head = int(as_bytes.headers["Inference-Header-Content-Length"])
    raw = np.frombuffer(as_bytes.content[head:], np.float32)
    for got in (
        plain.json()["outputs"],
        as_json["outputs"][0]["data"],
        raw,
        json.loads(printed)["outputs"],
    ):
        np.testing.assert_array_equal(np.reshape(got, values.shape).astype(np.float32), values)
    torch.testing.assert_close(torch.from_numpy(values.copy()), values_of(store, name))
    # Each says that these are values, so that nobody takes the largest for a class.
    assert as_json["parameters"] == orjson.loads(as_bytes.content[:head])["parameters"]
    assert as_json["parameters"] == {"task": "regression"}
    assert called.get_response().parameters["task"].string_param == "regression"
    assert json.loads(printed) == plain.json() | {"targets": TARGETS}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("asked", [["class"], ["probabilities"], ["logits", "class"]])
async def test_outputs_of_classes_are_refused_with_what_the_model_predicts(served, name, asked):
    _, http, grpc = served
    for body in (binary(asked), {"inputs": [INPUT], "outputs": [{"name": n} for n in asked]}):
        response = await http.post(f"/v2/models/{name}/infer", json=body)
        assert response.status_code == 400
        assert response.json() == {
            "error": f"outputs must be among logits, leaf, margin; got {asked[-1:]}; {NO_CLASSES}"
        }
    sent = json.dumps(
        {
            "inputs": [
                {k: INPUT[k] for k in ("name", "shape", "datatype")}
                | {"parameters": {"binary_data_size": ROWS.nbytes}}
            ],
            "outputs": [{"name": n} for n in asked],
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(sent))}
    for model, status in ((name, 400), ("pets", 200)):  # the same head, remembered
        response = await http.post(
            f"/v2/models/{model}/infer", content=sent + ROWS.tobytes(), headers=headers
        )
        assert response.status_code == status
    with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT.*no classes"):
        await grpc.infer(name, [tensor(ROWS)], outputs=wanted(*asked))


async def test_an_output_that_nobody_has_is_refused_without_a_word_of_classes(http):
    response = await http.post("/v2/models/terrain/infer", json=binary(["lagits"]))

    assert response.json() == {
        "error": "outputs must be among logits, leaf, margin; got ['lagits']"
    }


@pytest.mark.parametrize("name", MODELS)
async def test_metadata_and_configuration_name_values_and_offer_no_classes(served, name):
    _, http, grpc = served
    metadata = (await http.get(f"/v2/models/{name}")).json()
    config = (await http.get(f"/v2/models/{name}/config")).json()
    called = await grpc.get_model_metadata(name, as_json=True)

    ModelMetadata.model_validate(metadata, extra="forbid")
    offered = ["logits", "leaf", "margin"]
    for outputs in (metadata["outputs"], config["output"], called["outputs"]):
        assert [output["name"] for output in outputs] == offered
    said = metadata["outputs"][0]["parameters"]
    assert (said["task"], json.loads(said["targets"])) == ("regression", TARGETS)
    for key in ("task", "targets"):
        assert config["parameters"][key] == {"string_value": said[key]}
    answered = await http.post(f"/v2/models/{name}/infer", json=binary(offered))
    assert answered.status_code == 200


async def test_classes_have_their_names_in_the_metadata(http):
    metadata = (await http.get("/v2/models/pets")).json()

    said = metadata["outputs"][0]["parameters"]
    assert (said["task"], json.loads(said["classes"])) == ("classification", regression.NAMES)


async def test_a_description_says_what_inputs_and_outputs_are(http, store):
    listed = (await http.get("/v1/models")).json()["models"]
    shown = [(await http.get(f"/v1/models/{model['name']}")).json() for model in listed]

    assert listed == shown
    for model in shown:
        ModelDescription.model_validate(model, extra="forbid")
        manifest = json.loads(store.manifest(model["name"]).model_dump_json())
        for names in ("inputs", "targets", "classes"):
            assert model[names] == manifest[names]
    assert {model["name"]: model["task"] for model in shown} == {
        "pets": "classification",
        "terrain": "regression",
        "terrain-dense": "regression",
    }


async def test_two_regressions_are_compared_by_the_tolerance_of_each_target(http, store):
    body = {"model": "terrain"} | ROWS_BODY
    got = (await http.post("/v1/compare", json=body)).json()

    CompareResponse.model_validate(got, extra="forbid")
    fff, twin = (np.array(got[side]["outputs"], np.float32) for side in ("fff", "dense"))
    difference = np.abs(fff.astype(np.float64) - twin)
    assert 0 < got["agreement"] < 1
    assert got["agreement"] == (difference <= regression.TOLERANCE).all(1).mean()
    assert (got["task"], got["fff"]["accuracy"]) == ("regression", None)
    for number, target in enumerate(got["targets"]):
        assert target == TARGETS[number] | {
            "largest_difference": difference[:, number].max(),
            "mean_difference": pytest.approx(difference[:, number].mean()),
        }


async def test_labels_of_a_regression_are_refused(http):
    body = {"model": "terrain", "labels": [0.5] * len(ROWS)} | ROWS_BODY
    response = await http.post("/v1/compare", json=body)

    assert response.status_code == 400
    assert "model 'terrain' predicts values (elevation in m, slope)" in response.json()["error"]


async def test_a_baseline_that_has_begun_to_predict_classes_is_not_compared_with(
    served, store, caplog
):
    app, http, _ = served
    store.publish("terrain-dense", dense(toys.WIDTH, 8, 2), origin=toys.ORIGIN)
    await app.state.repository.load("terrain-dense")

    response = await http.post("/v1/compare", json={"model": "terrain"} | ROWS_BODY)

    assert response.status_code == 400
    assert response.json()["error"] == (
        "model 'terrain' must have a baseline that takes and predicts the same to be compared; "
        "'terrain-dense' predicts classes, not values (elevation in m, slope)"
    )


async def test_an_explanation_has_values_with_their_units_and_no_class(http):
    got = (await http.post("/v1/models/terrain/explain", json=ROWS_BODY)).json()
    plain = (await http.post("/v1/models/terrain/predict", json=ROWS_BODY)).json()

    ExplainResponse.model_validate(got, extra="forbid")
    assert (got["task"], got["targets"]) == ("regression", TARGETS)
    assert [row["logits"] for row in got["rows"]] == plain["outputs"]
    assert [[row["leaf"]] for row in got["rows"]] == plain["leaves"]
    assert {(row["class"], row["class_name"]) for row in got["rows"]} == {(None, None)}
    assert all(len(row["path"]) == 2 for row in got["rows"])


async def test_an_explanation_names_the_class_where_classes_have_names(http):
    got = (await http.post("/v1/models/pets/explain", json=ROWS_BODY)).json()

    ExplainResponse.model_validate(got, extra="forbid")
    assert (got["task"], got["targets"]) == ("classification", None)
    for row in got["rows"]:
        assert row["class"] == np.argmax(row["logits"])
        assert row["class_name"] == regression.NAMES[row["class"]]
    assert len({row["class_name"] for row in got["rows"]}) > 1


async def test_no_series_of_a_regression_differs_from_those_of_a_classifier(http):
    """Nothing that is counted is about classes."""
    text = (await http.get("/metrics")).text

    named = {
        model: {line.partition("{")[0] for line in text.splitlines() if f'model="{model}"' in line}
        for model in ("terrain", "pets")
    }
    assert named["terrain"] == named["pets"] != set()
