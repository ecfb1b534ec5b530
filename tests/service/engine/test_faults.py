"""Whatever fails inside a batch: everybody is answered once, the next request works, it is seen."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from prometheus_client import Counter

from fff.inference_result import InferenceResult
from fff.kernels.cpu.backend import NumbaGrouped
from service.engine import execution
from service.engine.compute_thread import ComputeThread
from service.engine.engine import Engine
from service.engine.execution import Execution
from service.engine.sampling import Sample
from service.engine.worker import Worker
from service.errors import ComputeFailed
from service.job import Answer
from service.metrics.histogram import HistogramSeries
from service.metrics.leaf_stats import LeafStats
from service.metrics.model_metrics import ModelMetrics
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(4, 1, toys.WIDTH)).astype(np.float32)


class Everything:
    """A sampler that wants every batch."""

    def chooses(self) -> bool:
        return True

    def offer(self, sample: Sample) -> None:
        assert sample.rows


COMPUTING = {  # a fault here costs a request that is alone its answer
    "staging": (Execution, "_stage"),
    "infer": (NumbaGrouped, "infer"),
    "isfinite": (execution, "all_finite"),
    "answers": (execution, "answers_of"),
}
AROUND = {  # and here nobody
    "choosing a sample": (Everything, "chooses"),
    "making a sample": (execution, "sample_of"),
    "passing a sample on": (Everything, "offer"),
    "counting leaves": (LeafStats, "observe"),
    "counting a batch": (ModelMetrics, "executed"),
    "any counter": (Counter, "inc"),
    "any histogram": (HistogramSeries, "observe"),
    "the rate": (Worker, "_learn"),
}
OUTSIDE = {  # and here all of the batch
    "the whole run": (Execution, "run"),
    "the thread": (ComputeThread, "run"),
}
PROBES = {
    **dict.fromkeys(("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"), 503),
    **{"/v2/models/toy/ready": 503, "/v2/models/toy-dense/ready": 200},
}
"""What each answers while the toy hangs."""
FAULTS = (ValueError, MemoryError, RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit)


def once(real: Callable[..., Any], fault: type[BaseException]) -> Callable[..., Any]:
    """Fail at the first call."""
    due = [fault("injected")]

    def call(*args: Any, **kwargs: Any) -> Any:
        if due:
            raise due.pop()
        return real(*args, **kwargs)

    return call


async def outcomes(engine: Engine, rows: np.ndarray) -> list[Answer | BaseException]:
    model = engine.model("toy")
    futures = [engine.submit(model, row) for row in rows]
    return await asyncio.gather(*futures, return_exceptions=True)


async def right(engine: Engine) -> list[np.ndarray]:
    answers = await outcomes(engine, ROWS)
    return [answer.logits for answer in answers if isinstance(answer, Answer)]


def are_right(answers: list[Answer | BaseException], truth: list[np.ndarray]) -> bool:
    return all(
        isinstance(answer, Answer) and np.array_equal(answer.logits, logits)
        for answer, logits in zip(answers, truth, strict=True)
    )


def faults_seen(engine: Engine) -> float:
    labels = {"model": "toy", "version": "1", "kind": "fff"}
    return engine.metrics.registry.get_sample_value("fff_batch_faults_total", labels) or 0.0


CASES = [
    pytest.param(step, inline_rows, id=f"{step}, in the {'loop' if inline_rows else 'thread'}")
    for step, inline_rows in itertools.product([*COMPUTING, *AROUND, *OUTSIDE], (0, 64))
    if (step, inline_rows) != ("the thread", 64)
]


@pytest.mark.parametrize(("step", "inline_rows"), CASES)
async def test_a_fault_at_any_step_is_answered_counted_and_over(
    engine, monkeypatch, step, inline_rows
):
    owner, name = (COMPUTING | AROUND | OUTSIDE)[step]
    worker = engine.model("toy").worker
    worker.inline_rows, worker.sampler = inline_rows, Everything()
    truth = await right(engine)
    counting_fails = step == "any counter"  # the first to fail may be that of faults

    for fault, alone in itertools.product(FAULTS, (True, False)):
        before = faults_seen(engine)
        asked = slice(1) if alone else slice(1, None)
        with monkeypatch.context() as patch:
            if not alone:
                first = engine.submit(engine.model("toy"), ROWS[0])  # the others share a batch
                if inline_rows == 0:
                    await first
            patch.setattr(owner, name, once(getattr(owner, name), fault))
            answers = await outcomes(engine, ROWS[asked])
            await asyncio.sleep(0)  # a sample is passed on after the answers

        if step in AROUND or (step in COMPUTING and not alone):
            assert are_right(answers, truth[asked])
        else:
            assert are_right(answers, truth[asked]) or {*map(type, answers)} == {ComputeFailed}
        assert faults_seen(engine) > before or counting_fails
        assert are_right(await outcomes(engine, ROWS), truth)
    assert engine.requests.accepted == engine.requests.answered
    assert engine.requests.inflight("toy") == 0


async def test_a_computation_that_hangs_is_not_ready_and_not_alive_until_it_comes_back(
    toy, monkeypatch
):
    """Whoever is refused meanwhile, or asks any probe, is told why; the other model serves on."""
    app, client = toy
    engine, gate = app.state.engine, threading.Event()
    model = engine.model("toy")
    model.worker.inline_rows, infer = 0, model.worker.backend.infer
    monkeypatch.setattr(model.worker.backend, "infer", lambda x: (gate.wait(), infer(x))[1])
    monkeypatch.setattr("service.engine.readiness.HANGING_S", 0.0)
    ready = {path: (await client.get(path)).status_code for path in PROBES}
    hanging = engine.submit(model, ROWS[0])
    try:
        await asyncio.sleep(0)  # it is in the thread

        answers = {path: await client.get(path) for path in PROBES}
        refused = await client.post("/v1/models/toy/predict", json={"inputs": ROWS[0].tolist()})
        other = await client.post("/v1/models/toy-dense/predict", json={"inputs": ROWS[0].tolist()})
        shown = (await client.get("/v1/models/toy")).json()
        index = (await client.post("/v2/repository/index")).json()
    finally:
        gate.set()
    await hanging

    text = "a computation of model 'toy' hangs: no new requests are accepted"
    assert {*ready.values()} == {200}
    assert {path: answer.status_code for path, answer in answers.items()} == PROBES
    assert answers["/readyz"].json() == {"ready": False, "state": "ready", "error": text}
    assert answers["/v2/models/toy/ready"].json()["error"] == text
    assert (refused.status_code, refused.json()) == (503, {"error": text})
    assert (shown["ready"], shown["unready_reason"]) == (False, text)
    assert [entry["state"] for entry in index] == ["UNAVAILABLE", "READY"]
    assert other.status_code == 200
    assert {(await client.get(path)).status_code for path in PROBES} == {200}


async def test_nan_made_by_the_model_is_our_fault_and_by_too_large_rows_the_clients(
    toy, monkeypatch, caplog
):
    app, client = toy
    backend = app.state.engine.model("toy").worker.backend
    infer: Callable[[torch.Tensor], InferenceResult] = backend.infer

    def broken(x: torch.Tensor) -> InferenceResult:
        result = infer(x)
        result.logits.numpy()[x[:, 0].numpy() == 13.5] = np.nan
        return result

    monkeypatch.setattr(backend, "infer", broken)
    answers = [
        await client.post("/v1/models/toy/predict", json={"inputs": [[value] * toys.WIDTH]})
        for value in (13.5, 3.4e38, 1e30, 1.0)
    ]

    assert [answer.status_code for answer in answers] == [500, 400, 200, 200]
    assert answers[0].json() == {"error": "the model gave NaN or infinity for finite inputs"}
    assert answers[1].json()["error"].endswith("with values up to 3.4e+38 float32 overflows")
    assert "made no finite numbers" in caplog.text
    assert faults_seen(app.state.engine) == 1


async def test_a_counter_of_requests_that_fails_costs_nobody_the_answer(client, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError("injected")

    monkeypatch.setattr(ModelMetrics, "answered", fail)

    body = {"inputs": ROWS[0].tolist()}
    assert (await client.post("/v1/models/toy/predict", json=body)).status_code == 200
    assert (await client.post("/v1/models/toy/predict", json={})).status_code == 400
