"""Calls that compute nothing: the same facts as over HTTP, asked by the real client."""

import grpc
import pytest
from tritonclient.utils import InferenceServerException

from tests.service import toys
from tests.service.grpc import toys as grpc_toys
from tests.service.grpc.toys import ROWS, tensor

KEY = {"authorization": "Bearer toys"}


SETTINGS = {"admin_key": "toys"}


def plain(value):
    """JSON of a message without its unset fields: int64 is text, what is 0 is absent."""
    if isinstance(value, dict):
        shown = {key: plain(field) for key, field in value.items()}
        return {key: field for key, field in shown.items() if field not in ("0", {}, [], "False")}
    return [plain(item) for item in value] if isinstance(value, list) else str(value)


async def test_a_service_that_is_ready_says_so(client):
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("toy")
    assert await client.is_model_ready("toy", "1")
    assert not await client.is_model_ready("toy", "2")
    assert not await client.is_model_ready("nope")


async def test_metadata_and_configuration_are_those_of_http(both):
    _, http, client = both
    for path, got in (
        ("/v2", await client.get_server_metadata(as_json=True)),
        ("/v2/models/toy", await client.get_model_metadata("toy", as_json=True)),
        ("/v2/models/toy-dense", await client.get_model_metadata("toy-dense", "1", as_json=True)),
    ):
        described = (await http.get(path)).json()
        for described_tensor in (*described.get("inputs", ()), *described.get("outputs", ())[:1]):
            del described_tensor["parameters"]  # for which the message has no field
        assert plain(got) == plain(described)
    config = (await client.get_model_config("toy", as_json=True))["config"]
    assert plain(config) == plain((await http.get("/v2/models/toy/config")).json())


async def test_statistics_count_requests_of_both_ports(both):
    _, http, client = both
    await client.infer("toy", [tensor(ROWS[:3])])
    await http.post("/v1/models/toy/predict", json={"inputs": ROWS[:4].tolist()})

    (one,) = (await client.get_inference_statistics("toy", as_json=True))["model_stats"]
    every = await client.get_inference_statistics(as_json=True)

    assert one["inference_count"] == "7"
    assert one["inference_stats"]["success"]["count"] == "2"
    assert plain(every) == plain((await http.get("/v2/models/stats")).json())


async def test_models_are_unloaded_and_loaded_with_the_key(client):
    for headers, status in ((None, "UNAUTHENTICATED"), ({"authorization": "Bearer x"}, "UNAUTH")):
        with pytest.raises(InferenceServerException, match=status):
            await client.unload_model("toy", headers=headers)

    await client.unload_model("toy", headers=KEY)
    gone = await client.get_model_repository_index(as_json=True)
    with pytest.raises(InferenceServerException, match="NOT_FOUND"):
        await client.infer("toy", [tensor(ROWS[:1])])
    with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT.*got config"):
        await client.load_model("toy", headers=KEY, config="{}")
    with pytest.raises(InferenceServerException, match="NOT_FOUND"):
        await client.load_model("nope", headers=KEY)
    await client.load_model("toy", headers=KEY)

    states = {model["name"]: model["state"] for model in gone["models"]}
    assert states == {"toy": "UNAVAILABLE", "toy-dense": "READY"}
    assert await client.is_model_ready("toy")


async def test_without_a_configured_key_nobody_loads_or_unloads(toy_store):
    async with grpc_toys.running(store=toy_store.root) as (_, __, client):
        with pytest.raises(InferenceServerException, match="PERMISSION_DENIED"):
            await client.unload_model("toy", headers=KEY)


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda c: c.get_model_metadata("nope"), "NOT_FOUND"),
        (lambda c: c.get_model_config("toy", "7"), "NOT_FOUND"),
        (lambda c: c.get_inference_statistics("nope"), "NOT_FOUND"),
        (lambda c: c.get_log_settings(), "UNIMPLEMENTED"),
        (lambda c: c.get_trace_settings(), "UNIMPLEMENTED"),
        (lambda c: c.register_system_shared_memory("a", "b", 1), "UNIMPLEMENTED"),
        (lambda c: c.get_cuda_shared_memory_status(), "UNIMPLEMENTED"),
    ],
)
async def test_what_is_not_there_has_a_status(client, ask, status):
    with pytest.raises(InferenceServerException, match=status):
        await ask(client)


async def test_what_fails_in_here_says_nothing_of_the_inside(both, monkeypatch):
    app, _, client = both

    def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(app.state.engine, "statistics", fail)
    with pytest.raises(InferenceServerException, match="INTERNAL.*internal error") as caught:
        await client.get_inference_statistics()
    assert "secret" not in str(caught.value)


async def test_a_port_in_use_is_named(toy_store, both):
    from service.grpc.port import PortUnavailable

    port = both[0].state.grpc_server.port
    with pytest.raises(PortUnavailable, match=f"cannot listen on 127.0.0.1:{port}"):
        async with toys.running(store=toy_store.root, grpc_port=port):
            pass
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.channel_ready()
