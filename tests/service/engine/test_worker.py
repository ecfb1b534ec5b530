"""What a worker owes every job: one outcome, its own, whatever its batch-mates do."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from fff.backends import OutputClass
from fff.errors import DeviceLost
from fff.inference_result import InferenceResult
from model_store.store import Store
from networks.backends import build_backend
from service.engine.batcher import Batcher
from service.engine.worker import Worker
from service.errors import ComputeFailed, InvalidInput
from service.job import Answer, Job
from service.metrics.model_metrics import ModelFacts, ModelMetrics
from service.metrics.registry import Metrics
from tests.service import toys

CPU = torch.device("cpu")


class ToyBackend:
    """The toy model behind a gate, refusing to compute rows that start with 13."""

    name, device, dtype = "toy", CPU, "float32"
    output_class: OutputClass = "fast"
    rechecked_rows = 0
    trees = ()

    def __init__(self, store: Store):
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []
        self.read_from: list[int] = []  # addresses of the rows
        self.memory = torch.empty(64, toys.WIDTH)
        self._real = build_backend(store.load("toy").weights, CPU)

    def staging(self, rows: int) -> torch.Tensor:
        return self.memory[:rows]

    def infer(self, x: torch.Tensor) -> InferenceResult:
        self.gate.wait()
        self.read_from.append(x.data_ptr())
        self.batches.append(len(x))
        if (x[:, 0] == 13).any():
            raise RuntimeError("secret of the backend")
        return self._real.infer(x)


@pytest.fixture
def backend(toy_store):
    return ToyBackend(toy_store)


def _no_loss(loss: DeviceLost) -> None:
    raise AssertionError(loss)


def settle(job: Job, outcome: Answer | Exception) -> None:
    if isinstance(outcome, Exception):
        job.future.set_exception(outcome)
    else:
        job.future.set_result(outcome)


def make_worker(
    backend: ToyBackend,
    inline_rows: int,
    settle: Callable[[Job, Answer | Exception], None] = settle,
) -> Worker:
    facts = ModelFacts("toy", 1, "fff", "0" * 64, "cpu", "toy", "float32", 1, 1, 1)
    metrics = ModelMetrics(Metrics(64, 64), facts, [])
    return Worker("toy", backend, Batcher(64, 640), metrics, settle, _no_loss, inline_rows, 1, 1e30)


def submit(worker: Worker, *row_values: float) -> asyncio.Future[Answer]:
    """Submit one request of constant rows."""
    x = np.repeat(np.array(row_values, np.float32)[:, None], toys.WIDTH, axis=1)
    job = Job(x, asyncio.get_running_loop().create_future(), arrived_s=0.0)
    worker.submit(job)
    return job.future


async def test_what_arrives_in_one_turn_of_the_loop_is_one_batch(backend):
    worker = make_worker(backend, inline_rows=0)

    answers = await asyncio.gather(*(submit(worker, k) for k in range(5)))

    assert backend.batches == [5]
    assert {answer.batch_rows for answer in answers} == {5}
    worker.close()


async def test_in_the_loop_a_lone_request_is_answered_at_once_and_company_makes_batches(backend):
    worker = make_worker(backend, inline_rows=64)

    lone = submit(worker, 0)
    assert lone.done()
    await asyncio.gather(*(submit(worker, k) for k in range(5)))  # the first of them comes alone
    await asyncio.sleep(0)
    await asyncio.gather(*(submit(worker, k) for k in range(5)))
    await asyncio.gather(submit(worker, 0))  # nobody else came
    quiet = submit(worker, 0)

    assert quiet.done()
    assert backend.batches == [1, 5, 5, 1, 1]
    worker.close()


async def test_while_a_batch_runs_the_next_one_forms(backend):
    worker = make_worker(backend, inline_rows=0)
    backend.gate.clear()
    first = submit(worker, 0)
    await asyncio.sleep(0)  # lets the loop hand the first batch to the thread
    others = [submit(worker, k) for k in range(4)]
    backend.gate.set()

    await asyncio.gather(first, *others)

    assert backend.batches == [1, 4]
    worker.close()


@pytest.mark.parametrize("position", range(4))
async def test_a_request_that_fails_its_batch_fails_alone(backend, position, caplog):
    worker = make_worker(backend, inline_rows=64)
    values = [0.0, 1.0, 2.0, 3.0]
    values[position] = 13.0

    outcomes = await asyncio.gather(*(submit(worker, v) for v in values), return_exceptions=True)

    assert isinstance(outcomes.pop(position), ComputeFailed)
    assert [len(answer.logits) for answer in outcomes if isinstance(answer, Answer)] == [1] * 3
    assert "secret of the backend" in caplog.text
    worker.close()


@pytest.mark.parametrize("inline_rows", [0, 64], ids=["thread", "loop"])
@pytest.mark.parametrize("late", [False, True], ids=["before-the-answer", "after-it"])
async def test_an_answer_that_cannot_be_handed_over_costs_nobody_else_theirs(
    backend, inline_rows, late
):
    def fail(job: Job, outcome: Answer | Exception) -> None:
        chosen = job.x[0, 0] == 2
        if late or not chosen:
            settle(job, outcome)
        if chosen:
            raise SystemExit

    worker = make_worker(backend, inline_rows, fail)
    asked = [submit(worker, value) for value in (0.0, 1.0, 2.0, 3.0)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    expected = [Answer, Answer, Answer if late else ComputeFailed, Answer]
    assert [type(outcome) for outcome in outcomes] == expected
    assert isinstance(await submit(worker, 1.0), Answer)
    worker.close()


async def test_rows_that_overflow_float32_are_told_so_and_harm_nobody(backend):
    worker = make_worker(backend, inline_rows=64)

    huge, fine = await asyncio.gather(
        *(submit(worker, value) for value in (3.4e38, 1.0)), return_exceptions=True
    )

    assert isinstance(huge, InvalidInput)
    assert "float32 overflows" in str(huge)
    assert isinstance(fine, Answer)
    assert np.isfinite(fine.logits).all()
    worker.close()


async def test_jobs_of_several_rows_get_their_own_rows_back(backend, toy_store):
    worker = make_worker(backend, inline_rows=64)
    sizes = [(1.0,), (2.0, 3.0, 4.0), (5.0, 6.0)]

    answers = await asyncio.gather(*(submit(worker, *values) for values in sizes))

    alone = [await submit(worker, *values) for values in sizes]
    for together, single in zip(answers, alone, strict=True):
        assert (together.leaf == single.leaf).all()
        np.testing.assert_allclose(together.logits, single.logits, rtol=1e-5, atol=1e-6)
    worker.close()


async def test_rows_are_copied_once_into_the_memory_of_the_backend(backend):
    """On a GPU that memory is pinned, and nothing is copied again before the device has it."""
    worker = make_worker(backend, inline_rows=64)

    await asyncio.gather(*(submit(worker, value) for value in (1.0, 2.0)))
    await submit(worker, 3.0, 4.0)

    assert {*backend.read_from} == {backend.memory.data_ptr()}
    worker.close()
