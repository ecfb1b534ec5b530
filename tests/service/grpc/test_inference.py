"""Inference over gRPC, asked by the real client: the same answers as HTTP's, bit for bit."""

import asyncio

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from service.protocol.outputs import OUTPUTS
from tests.service.grpc.toys import ROWS, message, tensor, wanted

NUMPY = {"FP32": np.float32, "INT64": np.int64, "INT32": np.int32}


SETTINGS = {"max_body_bytes": 2**20}


async def over_http(http, rows, model="toy", datatype="FP32"):
    described = {"name": "input", "shape": rows.shape, "datatype": datatype}
    body = {
        "inputs": [described | {"data": rows.tolist()}],
        "outputs": [{"name": name} for name in OUTPUTS],
    }
    answer = (await http.post(f"/v2/models/{model}/infer", json=body)).json()
    return {
        t["name"]: np.array(t["data"], NUMPY[t["datatype"]]).reshape(t["shape"])
        for t in answer["outputs"]
    }


@pytest.mark.parametrize("model", ["toy", "toy-dense"])
async def test_every_output_has_the_bits_that_http_gives(both, model):
    _, http, client = both
    want = await over_http(http, ROWS, model)

    got = await client.infer(model, [tensor(ROWS)], outputs=wanted(*OUTPUTS))

    for name, values in want.items():
        assert got.get_output(name).datatype == OUTPUTS[name].datatype
        np.testing.assert_array_equal(got.as_numpy(name), values, strict=True)


async def test_pixels_and_half_floats_are_read_as_over_http(both):
    _, http, client = both
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 6) * 20
    half = ROWS[:5].astype("<f2")
    upper = ROWS[:5].view("<u4") & 0xFFFF0000  # what bfloat16 keeps of a float32
    cases = {
        "UINT8": (pixels, await over_http(http, pixels, datatype="UINT8")),
        "FP16": (half, await over_http(http, half.astype(np.float32))),
        "BF16": ((upper >> 16).astype("<u2"), await over_http(http, upper.view(np.float32))),
    }

    for datatype, (rows, want) in cases.items():
        request = message("toy", datatype, rows)
        request.raw_input_contents.append(rows.tobytes())
        (got,) = (await client._client_stub.ModelInfer(request)).raw_output_contents
        assert got == want["logits"].tobytes()


@pytest.mark.parametrize("large_bytes", [8, 10**6], ids=["taken-out", "by-protobuf"])
@pytest.mark.parametrize("read_in_loop_values", [8, 10**6], ids=["in-a-thread", "in-the-loop"])
@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
async def test_typed_contents_are_answered_with_typed_contents(
    both, datatype, read_in_loop_values, large_bytes, monkeypatch
):
    monkeypatch.setattr("service.grpc.inference.READ_IN_LOOP_VALUES", read_in_loop_values)
    monkeypatch.setattr("service.grpc.wire.LARGE_BYTES", large_bytes)
    _, http, client = both
    rows = ROWS[:3] if datatype == "FP32" else (ROWS[:3] * 9 + 99).astype(np.uint8)
    want = await over_http(http, rows, datatype=datatype)
    request = message("toy", datatype, rows, *OUTPUTS)
    contents = request.inputs[0].contents
    field = contents.fp32_contents if datatype == "FP32" else contents.uint_contents
    field.extend(rows.ravel().tolist())

    answer = await client._client_stub.ModelInfer(request)

    assert not answer.raw_output_contents
    got = {output.name: output.contents for output in answer.outputs}
    np.testing.assert_array_equal(got["logits"].fp32_contents, want["logits"].ravel())
    assert list(got["class"].int64_contents) == want["class"].tolist()
    assert list(got["leaf"].int_contents) == want["leaf"].ravel().tolist()


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
async def test_what_identifies_a_request_comes_back(client, compression):
    got = await client.infer(
        "toy",
        [tensor(ROWS[:1])],
        model_version="1",
        request_id="abc",
        priority=3,
        timeout=60_000_000,
        compression_algorithm=compression,
    )

    answer = got.get_response()
    assert (answer.id, answer.model_name, answer.model_version) == ("abc", "toy", "1")


async def test_concurrent_callers_get_their_own_rows(client):
    whole = (await client.infer("toy", [tensor(ROWS)])).as_numpy("logits")

    singles = await asyncio.gather(*(client.infer("toy", [tensor(row[None])]) for row in ROWS))

    for single, row in zip(singles, whole, strict=True):
        np.testing.assert_array_equal(single.as_numpy("logits")[0], row)


async def test_the_answer_says_where_the_time_went_and_which_version_answered(client):
    request = message("toy", "FP32", ROWS[:1])
    request.raw_input_contents.append(ROWS[:1].tobytes())
    call = client._client_stub.ModelInfer(request)
    await call

    said = dict(await call.trailing_metadata())

    assert said["x-model-version"] == "1"
    assert said["server-timing"].startswith("queue;dur=")
    assert ", compute;dur=" in said["server-timing"]


async def test_a_streams_requests_are_answered_in_order_and_errors_end_nothing(client):
    async def asked():
        for k, name in enumerate(["toy", "nope", "toy-dense", "toy"]):
            yield {"model_name": name, "inputs": [tensor(ROWS[k : k + 1])], "request_id": str(k)}

    answers = [answer async for answer in client.stream_infer(asked())]

    errors = [error for _, error in answers]
    assert isinstance(errors[1], InferenceServerException)
    assert "model 'nope' is not served" in str(errors[1])
    assert [errors[k] for k in (0, 2, 3)] == [None] * 3
    for k in (0, 2, 3):
        result = answers[k][0]
        alone = await client.infer(["toy", "", "toy-dense", "toy"][k], [tensor(ROWS[k : k + 1])])
        assert result.get_response().id == str(k)
        np.testing.assert_array_equal(result.as_numpy("logits"), alone.as_numpy("logits"))
