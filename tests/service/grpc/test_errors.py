"""What goes wrong over gRPC has a status, a text that helps, and is counted as over HTTP."""

import asyncio

import grpc
import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from fff.errors import DeviceLost
from service.errors import STATUS
from service.grpc.schema import SERVICE
from tests.service import toys
from tests.service.grpc.toys import (
    LABELS,
    ROWS,
    Held,
    counted,
    message,
    rejected,
    requests,
    tensor,
    until,
    wanted,
)

SETTINGS = {"max_body_bytes": 2**20, "max_batch_rows": 4, "max_queue_rows": 4}


def test_every_status_of_the_error_tree_has_a_code():
    assert all(status.grpc in grpc.StatusCode.__members__ for status in STATUS.values())


async def test_unknown_models_and_versions_are_not_found(client, engine):
    for name, version in (("nope", ""), ("toy", "2"), ("", "")):
        with pytest.raises(InferenceServerException, match="NOT_FOUND.* is not served; served: "):
            await client.infer(name, [tensor(ROWS[:1])], model_version=version)

    assert counted(
        engine, "fff_requests_total", model="unknown", version="", kind="", code="404"
    ) == len(("nope", "toy", ""))


async def test_an_error_tells_no_more_than_a_header_holds(client):
    with pytest.raises(InferenceServerException, match="NOT_FOUND.* model 'nnn"):
        await client.infer("n" * 100_000, [tensor(ROWS[:1])])
    with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT.* got "):
        await client.infer("toy", [tensor(ROWS[:1])], outputs=wanted("o" * 100_000))


@pytest.mark.parametrize("text", ["1" * 5000, "\N{GRINNING FACE}" * 5000, "%" * 5000, "\0" * 5000])
async def test_names_and_versions_of_any_text_and_length_are_not_found(client, text):
    """Beyond the headers that a client takes, it would be told RESOURCE_EXHAUSTED instead."""
    for name, version in ((text, ""), ("toy", text)):
        for ask in (
            client.infer(name, [tensor(ROWS[:1])], version),
            client.get_model_metadata(name, version),
        ):
            with pytest.raises(InferenceServerException, match="NOT_FOUND"):
                await ask
    assert not await client.is_model_ready("toy", text)


async def test_what_will_never_fit_is_not_called_overload(client, engine):
    with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT.*at most 4 rows, got 5"):
        await client.infer("toy", [tensor(ROWS[:5])])
    assert (requests(engine, 413), rejected(engine, "too_large")) == (1, 1)

    many = tensor(np.zeros((2**17, toys.WIDTH), np.float32))
    for compression in (None, "gzip"):  # a small message that inflates beyond the bound, too
        with pytest.raises(InferenceServerException, match="RESOURCE_EXHAUSTED.*larger than max"):
            await client.infer("toy", [many], compression_algorithm=compression)


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(client, engine):
    held = Held(engine.model("toy"))
    running = engine.submit(engine.model("toy"), ROWS[:1])
    await until(lambda: engine.model("toy").worker.running_since_s is not None)
    waiting = engine.submit(engine.model("toy"), ROWS[:4])
    request = message("toy", "FP32", ROWS[:1])
    request.raw_input_contents.append(ROWS[:1].tobytes())

    with pytest.raises(grpc.aio.AioRpcError, match="holds 4 of at most 4 rows") as caught:
        await client._client_stub.ModelInfer(request)
    held.go.set()
    await asyncio.gather(running, waiting)

    said = dict(caught.value.trailing_metadata())
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert int(said["retry-after"]) * 1000 == int(said["grpc-retry-pushback-ms"]) >= 1000
    assert (requests(engine, 429), rejected(engine, "overloaded")) == (1, 1)


async def test_a_call_that_is_cancelled_takes_its_rows_out_of_the_queue(client, engine):
    held = Held(engine.model("toy"))
    running = engine.submit(engine.model("toy"), ROWS[:1])
    await until(lambda: engine.model("toy").worker.running_since_s is not None)
    call = asyncio.ensure_future(client.infer("toy", [tensor(ROWS[:3])]))
    await until(lambda: engine.requests.inflight("toy") == 2)

    call.cancel()
    await until(lambda: requests(engine, 499) == 1)
    held.go.set()
    await running
    await until(lambda: engine.requests.inflight("toy") == 0)

    assert rejected(engine, "disconnect") == 1
    assert counted(engine, "fff_rows_total", **LABELS) == 1


async def test_a_client_that_leaves_amid_a_stream_is_counted_and_its_rows_are_not_computed(
    client, engine
):
    held = Held(engine.model("toy"))
    running = engine.submit(engine.model("toy"), ROWS[:1])
    await until(lambda: engine.model("toy").worker.running_since_s is not None)
    request = message("toy", "FP32", ROWS[:3])
    request.raw_input_contents.append(ROWS[:3].tobytes())
    stream = client._client_stub.ModelStreamInfer()
    await stream.write(request)
    await until(lambda: engine.requests.inflight("toy") == 2)

    stream.cancel()
    await until(lambda: requests(engine, 499) == 1)
    held.go.set()
    await running
    await until(lambda: engine.requests.inflight("toy") == 0)

    assert rejected(engine, "disconnect") == 1
    assert counted(engine, "fff_rows_total", **LABELS) == 1


async def test_a_calls_deadline_ends_the_wait_of_its_rows(client, engine):
    held = Held(engine.model("toy"))
    running = engine.submit(engine.model("toy"), ROWS[:1])
    await until(lambda: engine.model("toy").worker.running_since_s is not None)

    with pytest.raises(InferenceServerException, match="DEADLINE_EXCEEDED"):
        await client.infer("toy", [tensor(ROWS[:3])], client_timeout=0.2)
    await until(lambda: requests(engine, 504) == 1)
    held.go.set()
    await running

    assert rejected(engine, "deadline") == 1


async def test_a_timeout_that_ends_in_the_queue_is_told(client, engine):
    with pytest.raises(InferenceServerException, match="DEADLINE_EXCEEDED.*timeout ended"):
        await client.infer("toy", [tensor(ROWS[:1])], timeout=1)  # one microsecond
    assert requests(engine, 504) == 1


class Broken:
    """A backend that fails."""

    rechecked_rows = 0

    def infer(self, rows):
        raise RuntimeError("secret")


async def test_what_fails_in_here_says_nothing_of_the_inside(client, engine):
    engine.model("toy").worker.backend = Broken()

    with pytest.raises(InferenceServerException, match="INTERNAL") as caught:
        await client.infer("toy", [tensor(ROWS[:1])])

    assert "secret" not in str(caught.value)
    assert requests(engine, 500) == 1


@pytest.mark.parametrize("call", ["ModelInfer", "ModelReady"])
async def test_bytes_that_are_no_message_are_refused(both, call):
    address = f"127.0.0.1:{both[0].state.grpc_server.port}"
    async with grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match=f"must be a inference.{call}Req") as caught:
            await channel.unary_unary(f"/{SERVICE}/{call}")(b"\xff\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("state", ["starting", "draining"])
async def test_before_and_after_it_serves_it_is_alive_and_refuses(client, engine, state):
    engine.state = state

    assert await client.is_server_live()
    assert not await client.is_server_ready()
    assert not await client.is_model_ready("toy")
    with pytest.raises(InferenceServerException, match=f"UNAVAILABLE.*the service is {state}"):
        await client.infer("toy", [tensor(ROWS[:1])], outputs=wanted("class"))
    assert (requests(engine, 503), rejected(engine, "draining")) == (1, 1)
    engine.state = "ready"


async def test_with_its_device_lost_it_is_not_alive_and_refuses(client, engine):
    engine.lose(DeviceLost("cuda failed"))

    assert not await client.is_server_live()
    assert not await client.is_server_ready()
    assert not await client.is_model_ready("toy")
    with pytest.raises(InferenceServerException, match="UNAVAILABLE.*has lost its device"):
        await client.infer("toy", [tensor(ROWS[:1])])
    assert (requests(engine, 503), rejected(engine, "draining")) == (1, 1)
