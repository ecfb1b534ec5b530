"""A prediction is a trace: one span for the whole, one a step, told to a real OTLP receiver."""

import time
from typing import Any

import grpc
import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.service import toys
from tests.service.grpc import toys as grpc_toys
from tests.service.tracing.collector import Collector, collector, plain

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BODY = {"inputs": [[0.5] * toys.WIDTH] * 3}
STEPS = ["parse", "queue", "compute", "respond"]
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture
def sink():
    with collector() as collecting:
        yield collecting


async def traced(sink: Collector, store, *requests: dict[str, Any], **settings: object) -> None:
    """Post requests one after the other; when the service has stopped, the spans have come."""
    async with toys.running(store=store.root, otlp_endpoint=sink.url, **settings) as (_, client):
        for request in requests:
            await client.post(**request)


def post(
    path: str = "/v1/models/toy/predict", body: object = BODY, **headers: str
) -> dict[str, Any]:
    return {"url": path, "json": body, "headers": headers}


def assert_nested(sink: Collector, begun_ns: int, ended_ns: int) -> None:
    root, steps = sink.tree()
    times = [root.start_time_unix_nano]
    for step in steps:
        assert step.trace_id == root.trace_id
        assert step is steps[0] or step.start_time_unix_nano == times[-1]  # no gap between steps
        times += [step.start_time_unix_nano, step.end_time_unix_nano]
    times.append(root.end_time_unix_nano)
    assert [begun_ns, *times, ended_ns] == sorted([begun_ns, *times, ended_ns])


async def test_a_prediction_is_a_span_with_its_four_steps_inside(sink, toy_store):
    begun_ns = time.time_ns()
    await traced(sink, toy_store, post(**{"x-request-id": "mine"}))

    assert_nested(sink, begun_ns, time.time_ns())
    root, steps = sink.tree()
    assert (root.name, root.parent_span_id) == ("POST /v1/models/{model}/predict", b"")
    assert [step.name for step in steps] == STEPS
    assert plain(root.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/models/{model}/predict",
        "http.response.status_code": 200,
        "url.path": "/v1/models/toy/predict",
        "url.scheme": "http",
        "fff.request_id": "mine",
        "fff.model": "toy",
        "fff.version": 1,
        "fff.kind": "fff",
        "fff.rows": 3,
        "fff.batch_rows": 3,
    }
    assert root.status.code == Status.STATUS_CODE_UNSET
    assert sink.resources[0]["service.name"] == "fff-serve"


async def test_queue_and_compute_are_what_the_answer_says_they_were(sink, toy_store):
    async with toys.running(store=toy_store.root, otlp_endpoint=sink.url) as (_, client):
        timing = (await client.post(**post())).headers["server-timing"]
    said_ms = [float(part.partition("=")[2]) for part in timing.split(",")]

    _, (_, queue, compute, _) = sink.tree()

    for span, ms in zip((queue, compute), said_ms, strict=True):
        took_ms = (span.end_time_unix_nano - span.start_time_unix_nano) * 1e-6
        assert took_ms == pytest.approx(ms, abs=1e-3)  # the header has three digits


async def test_the_clients_span_is_the_parent_and_the_exemplar_names_its_trace(sink, toy_store):
    parent = f"00-{TRACE}-{SPAN}-01"
    async with toys.running(store=toy_store.root, otlp_endpoint=sink.url) as (_, client):
        await client.post(**post(traceparent=parent))
        metrics = (await client.get("/metrics", headers=OPENMETRICS)).text

    root, _ = sink.tree()
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, SPAN)
    assert f'# {{trace_id="{TRACE}"}}' in metrics


async def test_what_the_client_does_not_sample_is_not_traced(sink, toy_store):
    parent = f"00-{TRACE}-{SPAN}-00"
    async with toys.running(store=toy_store.root, otlp_endpoint=sink.url) as (_, client):
        await client.post(**post(traceparent=parent, **{"x-request-id": "mine"}))
        metrics = (await client.get("/metrics", headers=OPENMETRICS)).text

    assert sink.spans == []
    assert '# {request_id="mine"}' in metrics


async def test_opentelemetrys_own_variables_choose_what_is_sampled_and_the_name(
    sink, toy_store, monkeypatch
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "digits")
    await traced(sink, toy_store, post(), post(traceparent=f"00-{TRACE}-{SPAN}-01"))

    assert sink.tree()[0].trace_id.hex() == TRACE
    assert sink.resources[0]["service.name"] == "digits"


@pytest.mark.parametrize(
    ("path", "body", "status", "steps", "said"),
    [
        ("/v1/models/toy/predict", {}, 400, ["parse"], "inputs must be a list of rows, got null"),
        ("/v2/models/no/versions/9/infer", {}, 404, [], ""),
        ("/v1/models/toy/predict", BODY, 413, ["parse", "queue"], "at most 2 rows, got 3"),
    ],
)
async def test_the_step_that_a_request_fails_in_says_why(
    sink, toy_store, path, body, status, steps, said
):
    await traced(sink, toy_store, post(path, body), max_batch_rows=2)

    root, children = sink.tree()
    facts = plain(root.attributes)
    assert (facts["http.response.status_code"], facts["error.type"]) == (status, str(status))
    assert [child.name for child in children] == steps
    assert "no" not in root.name.split("/")
    assert root.status.code == Status.STATUS_CODE_UNSET  # the client's fault
    for child in children[-1:]:
        assert child.status.code == Status.STATUS_CODE_ERROR
        assert said in child.status.message


async def test_our_fault_marks_the_whole_request(sink, toy_store):
    async with toys.running(store=toy_store.root, otlp_endpoint=sink.url) as (app, client):
        app.state.engine.drain()
        assert (await client.post(**post())).status_code == 503

    root, _ = sink.tree()
    assert root.status.code == Status.STATUS_CODE_ERROR
    assert "draining" in root.status.message


async def test_grpc_calls_are_traced_too(sink, toy_store):
    rows = np.zeros((2, toys.WIDTH), np.float32)
    request = grpc_toys.message("toy", "FP32", rows)
    request.raw_input_contents.append(rows.tobytes())
    metadata = (("traceparent", f"00-{TRACE}-{SPAN}-01"),)
    async with grpc_toys.running(store=toy_store.root, otlp_endpoint=sink.url) as (_, _, client):
        await client._client_stub.ModelInfer(request, metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await client._client_stub.ModelInfer(grpc_toys.message("no", "FP32", rows))

    good, bad = [span for span in sink.spans if span.name.startswith("inference.")]
    facts = plain(good.attributes)
    steps = [span.name for span in sink.spans if span.parent_span_id == good.span_id]
    assert (good.trace_id.hex(), good.name) == (TRACE, "inference.GRPCInferenceService/ModelInfer")
    assert sorted(steps) == sorted(STEPS)
    assert (facts["rpc.response.status_code"], facts["fff.rows"]) == ("OK", 2)
    assert plain(bad.attributes)["rpc.response.status_code"] == "NOT_FOUND"
