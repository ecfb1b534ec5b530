"""What infrastructure asks of any gRPC server: health, the schema, and a connection that stays."""

import asyncio
from contextlib import aclosing

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.grpc import health as health_module
from service.grpc import port as port_module
from service.grpc.schema import DESCRIPTOR_SET, SERVICE
from tests.service.grpc import toys as grpc_toys
from tests.service.grpc.toys import ROWS, message

SETTINGS = {"admin_key": "toys"}
SERVING, NOT_SERVING, UNKNOWN = (
    health_pb2.HealthCheckResponse.SERVING,
    health_pb2.HealthCheckResponse.NOT_SERVING,
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
)


@pytest.fixture
async def channel(both):
    address = f"127.0.0.1:{both[0].state.grpc_server.port}"
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


async def check(channel, service):
    asked = health_pb2.HealthCheckRequest(service=service)
    return (await health_pb2_grpc.HealthStub(channel).Check(asked)).status


@pytest.mark.parametrize("service", ["", SERVICE, "toy", "toy-dense"])
async def test_health_follows_readiness(channel, engine, service):
    assert await check(channel, service) == SERVING

    engine.drain()

    assert await check(channel, service) == NOT_SERVING


async def test_nothing_is_unknown_before_models_are_loaded(channel, engine):
    engine.state, engine.models = "starting", {}

    assert await check(channel, "") == await check(channel, "toy") == NOT_SERVING


async def test_an_unknown_service_is_not_found_and_told_what_is_known(channel):
    with pytest.raises(grpc.aio.AioRpcError, match="'nope' is unknown.*toy, toy-dense") as caught:
        await check(channel, "nope")

    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_watch_is_told_of_every_change_until_the_service_stops(
    both, channel, monkeypatch, engine
):
    monkeypatch.setattr(health_module, "WATCH_INTERVAL_S", 0.001)
    asked = health_pb2.HealthCheckRequest(service="toy")
    watch = health_pb2_grpc.HealthStub(channel).Watch(asked)
    served = dict(engine.models)

    assert (await watch.read()).status == SERVING
    engine.models = {}
    assert (await watch.read()).status == UNKNOWN
    engine.models = served
    assert (await watch.read()).status == SERVING
    engine.drain()
    assert (await watch.read()).status == NOT_SERVING
    await both[0].state.grpc_server.stop()
    assert await watch.read() is grpc.aio.EOF
    assert await watch.code() == grpc.StatusCode.OK


async def test_who_watches_when_the_service_stops_is_told_at_once(
    both, channel, monkeypatch, engine
):
    monkeypatch.setattr(health_module, "WATCH_INTERVAL_S", 3600)
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())

    assert (await watch.read()).status == SERVING
    engine.drain()
    await both[0].state.grpc_server.stop()

    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() is grpc.aio.EOF


async def reflected(channel, **question):
    asked = reflection_pb2.ServerReflectionRequest(**question)
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    async with aclosing(aiter(stub.ServerReflectionInfo(iter([asked])))) as answers:
        return await anext(answers)


async def test_the_services_are_listed_and_the_schema_is_the_one_served(channel):
    listed = await reflected(channel, list_services="")
    names = [service.name for service in listed.list_services_response.service]
    described = await reflected(channel, file_containing_symbol=SERVICE)

    assert names == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
    ]
    (raw,) = described.file_descriptor_response.file_descriptor_proto
    file = FileDescriptorProto.FromString(raw)
    assert file.SerializeToString(deterministic=True) in DESCRIPTOR_SET.read_bytes()
    for name in names:
        found = await reflected(channel, file_containing_symbol=name)
        assert found.WhichOneof("message_response") == "file_descriptor_response", name


async def test_what_does_not_exist_is_not_described(channel):
    answer = await reflected(channel, file_containing_symbol="inference.Nope")

    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_an_idle_stream_outlives_its_clients_pings(toy_store, monkeypatch):
    """
    A tenth of what is met in service: pings every second, a server that allows two a second.

    By grpc's default, one in five minutes, the stream ends with too_many_pings after 5 s.
    """
    monkeypatch.setattr(port_module, "MIN_PING_INTERVAL_MS", 500)
    pinging = [
        ("grpc.keepalive_time_ms", 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    async with grpc_toys.running(store=toy_store.root) as (app, _, _):
        address = f"127.0.0.1:{app.state.grpc_server.port}"
        async with grpc.aio.insecure_channel(address, options=pinging) as channel:
            stream = grpc_toys.service_stub(channel).ModelStreamInfer()
            asked = message("toy", "FP32", ROWS[:1])
            asked.raw_input_contents.append(ROWS[:1].tobytes())
            await stream.write(asked)
            assert not (await stream.read()).error_message

            answer = asyncio.ensure_future(stream.read())
            await asyncio.wait([answer], timeout=8)  # what is waited out is the idleness itself
            await stream.write(asked)

            assert not (await answer).error_message
