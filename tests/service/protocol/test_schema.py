"""Answers are what the protocol's own description says, and our documentation says the same."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from service.http import schemas_v2 as protocol_schemas
from service.protocol.outputs import OUTPUTS
from tests.service import toys

SCHEMAS = yaml.safe_load(Path(__file__).with_name("open_inference_schema.yaml").read_text())
TENSOR = {"name": "input", "shape": [2, 6], "datatype": "FP32", "data": [0.5] * 12}
REQUESTS = [
    pytest.param({"inputs": [TENSOR]}, id="least"),
    pytest.param({"inputs": [TENSOR], "id": "7", "parameters": {"timeout": 10**7}}, id="most"),
    pytest.param({"inputs": [TENSOR], "outputs": [{"name": n} for n in OUTPUTS]}, id="outputs"),
    pytest.param({"inputs": [TENSOR | {"data": [[0.5] * 6] * 2}]}, id="nested"),
]


def check(answer, name: str) -> None:
    schema = SCHEMAS | {"$ref": f"#/$defs/{name}"}
    jsonschema.Draft202012Validator(schema).validate(answer)


def documented(answer, model: type[BaseModel]) -> None:
    model.model_validate(answer, extra="forbid")


def test_the_schemas_are_schemas_and_refuse_what_they_should():
    jsonschema.Draft202012Validator.check_schema(SCHEMAS)
    for name in ("metadata_server_response", "inference_response", "error"):
        with pytest.raises(jsonschema.ValidationError):
            check({}, name)


async def test_metadata(client):
    server = (await client.get("/v2")).json()
    check(server, "metadata_server_response")
    documented(server, protocol_schemas.ServerMetadata)
    for path in ("/v2/models/toy", "/v2/models/toy/versions/1", "/v2/models/toy-dense"):
        model = (await client.get(path)).json()
        check(model, "metadata_model_response")
        documented(model, protocol_schemas.ModelMetadata)


@pytest.mark.parametrize("model", ["toy", "toy-dense"])
@pytest.mark.parametrize("request_body", REQUESTS)
async def test_what_the_description_lets_a_client_send_is_answered_as_it_says(
    client, model, request_body
):
    check(request_body, "inference_request")
    protocol_schemas.InferBody.model_validate(request_body)

    answered = await client.post(f"/v2/models/{model}/infer", json=request_body)

    assert answered.status_code == 200, answered.text
    check(answered.json(), "inference_response")
    documented(answered.json(), protocol_schemas.InferAnswer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/models/toy/infer"),
        ("POST", "/v2/models/nope/infer"),
        ("GET", "/v2/models/nope"),
        ("GET", "/v2/models/nope/ready"),
        ("GET", "/v2/models/toy/versions/2/config"),
        ("POST", "/v2/repository/models/toy/load"),
        ("DELETE", "/v2/health/live"),
        ("GET", "/v2/nope"),
    ],
)
async def test_errors(client, method, path):
    """The inference error's own schema requires nothing at all; ours is held to the others'."""
    answered = await client.request(method, path)
    assert answered.status_code >= 400
    check(answered.json(), "error")


async def test_health_is_told_by_the_status(client):
    """
    The description gives these answers a status and no body.

    The protocol's text gives `{"live": …}` for live and, by a slip, for ready too; the field
    here is named as the path is, as KServe has it. Clients look at the status.
    """
    for path, body in {
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"ready": True},
        "/v2/models/toy/ready": {"name": "toy", "ready": True},
        "/v2/models/toy/versions/1/ready": {"name": "toy", "ready": True},
    }.items():
        answered = await client.get(path)
        assert (answered.status_code, answered.json()) == (200, body)


async def test_the_extensions_answer_as_documented(client):
    await client.post("/v1/models/toy/predict", json={"inputs": [[0] * toys.WIDTH]})
    documented((await client.get("/v2/models/stats")).json(), protocol_schemas.StatisticsAnswer)
    for entry in (await client.post("/v2/repository/index")).json():
        documented(entry, protocol_schemas.IndexEntry)


async def test_docs_show_the_bodies_of_infer_and_of_the_repository(client):
    described = (await client.get("/openapi.json")).json()
    paths = described["paths"]
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        call = paths[path]["post"]
        body = call["requestBody"]["content"]["application/json"]["schema"]
        assert {"id", "inputs", "outputs", "parameters"} == body["properties"].keys()
        assert "datatype" in body["properties"]["inputs"]["items"]["properties"]
        answer = call["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer == {"$ref": "#/components/schemas/InferAnswer"}
        assert {"400", "404", "413", "429", "503", "504"} <= call["responses"].keys()
    load = paths["/v2/repository/models/{name}/load"]["post"]
    assert load["security"] == [{"HTTPBearer": []}]
    assert {"401", "403"} <= load["responses"].keys()
    assert "#/$defs" not in str(described)  # each reference must lead somewhere
