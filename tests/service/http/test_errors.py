"""Bad input gets its own clear error, always as `{"error": …}`, and the service serves on."""

import json

import numpy as np
import pytest

from tests.service import toys

PREDICT, INFER = "/v1/models/toy/predict", "/v2/models/toy/infer"
GOOD = {"inputs": [[0.0] * toys.WIDTH]}


def tensor(**changes):
    base = {"name": "input", "shape": [1, 6], "datatype": "FP32", "data": [0.0] * 6}
    return {"inputs": [base | changes]}


MALFORMED = [
    pytest.param(PREDICT, b"", "got an empty body", id="nothing"),
    pytest.param(PREDICT, b"hello", "must be JSON", id="text"),
    pytest.param(PREDICT, b"\x80\x05\x95", "must be JSON", id="a-pickle"),
    pytest.param(PREDICT, b"[[1]]", "must be a JSON object, got an array", id="an-array"),
    pytest.param(PREDICT, b'{"inputs": [[NaN]]}', "inputs must be finite", id="nan"),
    pytest.param(PREDICT, {}, "inputs must be a list of rows, got null", id="no-inputs"),
    pytest.param(PREDICT, {"inputs": []}, "at least one row of 6 numbers", id="no-rows"),
    pytest.param(PREDICT, {"inputs": [[]]}, "at least one row of 6 numbers", id="empty-row"),
    pytest.param(PREDICT, {"inputs": [[1] * 5]}, "must be [rows, 6], got [1, 5]", id="narrow"),
    pytest.param(PREDICT, {"inputs": [1] * 6}, "must be [rows, 6], got [6]", id="flat"),
    pytest.param(PREDICT, {"inputs": [[1] * 6, [1]]}, "rows of equal length", id="ragged"),
    pytest.param(PREDICT, {"inputs": [["1"] * 6]}, "must hold numbers, got text", id="strings"),
    pytest.param(PREDICT, {"inputs": [[None] * 6]}, "must hold numbers, got null", id="nulls"),
    pytest.param(PREDICT, {"inputs": [[True] * 6]}, "got booleans", id="booleans"),
    pytest.param(PREDICT, {"inputs": [[0.5] * 5 + [True]]}, "got booleans", id="a-boolean"),
    pytest.param(PREDICT, {"inputs": [[1] * 6, [False] * 6]}, "got booleans", id="booleans-below"),
    pytest.param(INFER, tensor(data=[True] + [0.0] * 5), "got booleans", id="v2-a-boolean"),
    pytest.param(INFER, tensor(data=[[7] * 5 + [True]]), "got booleans", id="v2-nested-boolean"),
    pytest.param(PREDICT, {"inputs": [[10**400] * 6]}, "", id="integer-of-400-digits"),
    pytest.param(PREDICT, b'{"inputs": [[1e400,1,1,1,1,1]]}', "", id="beyond-float64"),
    pytest.param(PREDICT, b'{"inputs": ' + b"[" * 40_000 + b"}", "JSON", id="deep"),
    pytest.param(INFER, b'{"id": "\\ud800", "inputs": []}', "", id="lone-surrogate"),
    pytest.param(PREDICT, {"inputs": [[1e300] * 6]}, "finite float32", id="beyond-float32"),
    pytest.param(PREDICT, GOOD | {"input": 1}, "got also ['input']", id="unknown-field"),
    pytest.param(PREDICT, GOOD | {"datatype": "FP8"}, "FP32 or UINT8", id="datatype"),
    pytest.param(PREDICT, {"inputs": [[256] * 6], "datatype": "UINT8"}, "0 to 255", id="pixel"),
    pytest.param(INFER, {}, "exactly one tensor, 'input'", id="v2-no-inputs"),
    pytest.param(INFER, tensor(name="x"), "named 'input', got 'x'", id="v2-name"),
    pytest.param(INFER, tensor(shape=[1, 7]), "[rows, 6] with rows >= 1, got [1, 7]", id="v2-w"),
    pytest.param(INFER, tensor(shape=[0, 6], data=[]), "rows >= 1, got [0, 6]", id="v2-none"),
    pytest.param(INFER, tensor(shape=[-1, 6]), "got [-1, 6]", id="v2-negative"),
    pytest.param(INFER, tensor(shape=[True, 6]), "got [True, 6]", id="v2-shape-type"),
    pytest.param(INFER, tensor(shape=None), "got None", id="v2-no-shape"),
    pytest.param(INFER, tensor(data=[0.0] * 7), "does not fit data of [7]", id="v2-data"),
    pytest.param(INFER, tensor(data=None), "must be a list of rows, got null", id="v2-no-data"),
    pytest.param(INFER, tensor(datatype="INT64"), "FP32 or UINT8, got 'INT64'", id="v2-type"),
    pytest.param(INFER, tensor(parameters={"binary_data_size": 24}), "binary", id="v2-binary"),
    pytest.param(INFER, tensor() | {"outputs": [{"name": "x"}]}, "logits, prob", id="v2-output"),
    pytest.param(INFER, tensor() | {"id": 7}, "id must be text, got 7", id="v2-id"),
    pytest.param(INFER, tensor() | {"parameters": {"timeout": -1}}, "timeout", id="v2-timeout"),
    pytest.param("/v1/compare", GOOD, "model must name a served model", id="compare-no-model"),
    pytest.param("/v1/compare", GOOD | {"model": "toy-dense"}, "names none", id="compare-dense"),
]


@pytest.mark.parametrize(("path", "body", "said"), MALFORMED)
async def test_a_malformed_request_is_told_what_was_expected_and_what_came(
    client, path, body, said
):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    response = await client.post(path, content=content)

    assert (response.status_code, list(response.json())) == (400, ["error"])
    assert said in response.json()["error"]
    assert (await client.post(PREDICT, json=GOOD)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("POST", "/v1/models/nope/predict", 404),
        ("POST", "/v2/models/nope/infer", 404),
        ("POST", "/v2/models/toy/versions/9/infer", 404),
        ("GET", "/v2/models/nope", 404),
        ("GET", "/v1/models/nope/leaves", 404),
        ("GET", "/v1/models/toy/predict", 405),
        ("DELETE", "/v2/models/toy", 405),
        ("GET", f"/v2/models/toy/versions/{'9' * 5000}", 404),
        ("POST", f"/v2/models/toy/versions/{'9' * 5000}/infer", 404),
    ],
)
async def test_what_is_not_there_is_a_json_error_too(client, method, path, status):
    response = await client.request(method, path)
    assert (response.status_code, list(response.json())) == (status, ["error"])


async def test_ten_megabytes_of_rubbish_are_refused(client):
    rubbish = np.random.default_rng(0).bytes(10 * 2**20)

    response = await client.post(PREDICT, content=rubbish)

    assert response.status_code == 400
    assert "must be JSON" in response.json()["error"]


async def test_a_body_over_the_limit_is_refused_with_the_limit(toy_store):
    async with toys.running(store=toy_store.root, max_body_bytes=2000) as (_, client):
        response = await client.post(PREDICT, content=b"[" * 2001)

    assert response.status_code == 413
    assert "at most 2000 bytes" in response.json()["error"]


async def test_a_body_of_undeclared_length_is_bounded_too(toy_store):
    async def endless():
        while True:
            yield b"[" * 500

    async with toys.running(store=toy_store.root, max_body_bytes=2000) as (_, client):
        response = await client.post(PREDICT, content=endless())

    assert response.status_code == 413


async def test_too_many_rows_are_refused_with_the_limit(client):
    response = await client.post(PREDICT, json={"inputs": [[0] * toys.WIDTH] * 1025})
    assert response.status_code == 413
    assert response.json()["error"] == "a request may hold at most 1024 rows, got 1025"


async def test_an_overloaded_model_says_when_to_come_back(toy_store):
    limits = {"max_batch_rows": 4, "max_queue_rows": 4}
    async with toys.running(store=toy_store.root, **limits) as (app, client):
        engine = app.state.engine
        engine.submit(engine.model("toy"), np.zeros((1, toys.WIDTH), np.float32))  # at once
        waiting = engine.submit(engine.model("toy"), np.zeros((4, toys.WIDTH), np.float32))
        # Submitted in this turn of the loop, so the four rows still wait.
        overloaded = (await _post_now(app, GOOD)).decode()
        await waiting

    assert "429" in overloaded
    assert "retry-after" in overloaded


async def _post_now(app, body) -> bytes:
    """Call the application directly: httpx would let the loop turn before it does."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode()}]
    sent = []

    async def receive():
        return messages.pop()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PREDICT, "headers": [], "app": app}
    await app(scope, receive, send)
    return repr(sent).encode()


async def test_a_draining_service_refuses_and_is_not_ready_but_alive(toy):
    app, client = toy
    assert "\nfff_ready 1.0\n" in (await client.get("/metrics")).text
    app.state.engine.drain()

    refused = await client.post(PREDICT, json=GOOD)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "draining" in refused.json()["error"]
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/v2/health/ready")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200
    assert "\nfff_ready 0.0\n" in (await client.get("/metrics")).text


async def test_our_own_bug_is_a_500_that_tells_nothing(toy):
    app, client = toy
    app.add_api_route("/bug", lambda: 1 / 0)

    response = await client.get("/bug")

    assert (response.status_code, list(response.json())) == (500, ["error"])
    assert "ZeroDivisionError" not in response.text
