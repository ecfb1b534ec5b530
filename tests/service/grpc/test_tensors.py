"""What a message may hold: everything else is refused with what was expected and what came."""

import math
import time

import grpc
import numpy as np
import pytest

from service.errors import InvalidInput
from service.grpc.tensors import read_request
from service.grpc.wire import Received
from tests.service import toys
from tests.service.grpc.toys import ROWS, message, rejected, requests


def _raw(request, rows=ROWS[:2]):
    request.raw_input_contents.append(rows.tobytes())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda r: r.inputs.pop(), "exactly one tensor, 'input'; got []"),
        (lambda r: r.inputs.add(name="more"), "got ['input', 'more']"),
        (lambda r: setattr(r.inputs[0], "name", "x"), "got ['x']"),
        (lambda r: r.inputs[0].shape.append(1), "[rows, 6] with rows >= 1, got [2, 6, 1]"),
        (lambda r: r.inputs[0].shape.__setitem__(0, -1), "got [-1, 6]"),
        (lambda r: r.inputs[0].shape.__setitem__(0, 0), "got [0, 6]"),
        (lambda r: r.inputs[0].shape.__setitem__(0, 3), "are 72 bytes, got 48"),
        (lambda r: r.inputs[0].shape.__setitem__(0, 2**62), "bytes, got 48"),
        (lambda r: setattr(r.inputs[0], "datatype", "FP64"), "FP32, UINT8, FP16, BF16; got 'FP64'"),
        (lambda r: r.inputs[0].contents.fp32_contents.append(1), "not both"),
        (lambda r: r.raw_input_contents.append(b""), "must hold one tensor, got 2"),
        (lambda r: r.raw_input_contents.pop(), "12 values of fp32_contents, got 0"),
        (
            lambda r: r.outputs.add(name="x"),
            "among logits, probabilities, class, leaf, margin; got ['x']",
        ),
        (lambda r: r.outputs.add(name="logits"), "each once, as text; got ['logits', 'logits']"),
        (lambda r: _shared(r.inputs[0]), "input: shared memory is not supported"),
        (lambda r: _shared(r.outputs[0]), "logits: shared memory is not supported"),
        (
            lambda r: setattr(r.outputs[0].parameters["classification"], "int64_param", 3),
            "ask for the output class",
        ),
        (
            lambda r: setattr(r.parameters["timeout"], "int64_param", -1),
            "microseconds >= 0, got -1",
        ),
        (
            lambda r: setattr(r.parameters["timeout"], "string_param", "1"),
            "microseconds >= 0, got '1'",
        ),
        (lambda r: _nan(r), "finite numbers, got NaN"),
    ],
)
async def test_a_malformed_request_is_told_what_was_expected_and_what_came(
    client, engine, spoil, said
):
    request = message("toy", "FP32", ROWS[:2], "logits")
    _raw(request)
    spoil(request)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client._client_stub.ModelInfer(request)

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert said in caught.value.details()
    assert (requests(engine, 400), rejected(engine, "invalid")) == (1, 1)


def _shared(of):
    of.parameters["shared_memory_region"].string_param = "x"


def _nan(request):
    del request.raw_input_contents[:]
    _raw(request, np.full((2, toys.WIDTH), math.nan, np.float32))


@pytest.mark.parametrize(
    ("datatype", "field", "values", "said"),
    [
        ("UINT8", "uint_contents", [256] * 6, "whole numbers from 0 to 255"),
        ("FP16", "fp32_contents", [1.0] * 6, "got 'FP16'; send it in raw_input_contents"),
        ("INT64", "int64_contents", [1] * 6, "FP32 or UINT8, got 'INT64'"),
        ("FP32", "fp32_contents", [1] * 5, "6 values of fp32_contents, got 5"),
        ("FP32", "uint_contents", [1] * 6, "FP32 is sent in fp32_contents; got uint_contents"),
    ],
)
async def test_typed_contents_that_do_not_fit_are_refused(client, datatype, field, values, said):
    request = message("toy", datatype, ROWS[:1])
    getattr(request.inputs[0].contents, field).extend(values)

    with pytest.raises(grpc.aio.AioRpcError, match=said) as caught:
        await client._client_stub.ModelInfer(request)

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_contents_of_two_types_are_refused_like_contents_and_bytes(client):
    request = message("toy", "FP32", ROWS[:1])
    request.inputs[0].contents.fp32_contents.extend(ROWS[0].tolist())
    request.inputs[0].contents.int_contents.extend([1] * toys.WIDTH)

    with pytest.raises(grpc.aio.AioRpcError, match="got int_contents, fp32_contents") as caught:
        await client._client_stub.ModelInfer(request)

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_call_says_whether_leaf_statistics_count_its_rows(engine):
    request = message("toy", "FP32", ROWS[:1])
    request.raw_input_contents.append(ROWS[:1].tobytes())
    received, model = Received(request, {}), engine.model("toy")
    by_default = read_request(received, None, model).observed
    request.parameters["leaf_statistics"].bool_param = False

    assert by_default
    assert not read_request(received, None, model).observed
    request.parameters["leaf_statistics"].string_param = "no"
    with pytest.raises(InvalidInput, match="leaf_statistics must be true or false"):
        read_request(received, None, model)


async def test_the_nearer_of_timeout_and_call_deadline_is_the_engines(engine):
    for timeout_us, call_left_s, left_s in (
        (0, None, math.inf),
        (0, 5.0, 5.0),
        (2_000_000, None, 2.0),
        (2_000_000, 5.0, 2.0),
        (9_000_000, 5.0, 5.0),
    ):
        request = message("toy", "FP32", ROWS[:1])
        request.parameters["timeout"].int64_param = timeout_us
        request.raw_input_contents.append(ROWS[:1].tobytes())
        before_s = time.monotonic()
        deadline_s = read_request(
            Received(request, {}), call_left_s, engine.model("toy")
        ).deadline_s
        assert before_s + left_s <= deadline_s <= time.monotonic() + left_s
