"""
One worker per model: takes a batch when it is free, runs it, hands the answers back.

Covered:      where a batch runs, isolating a request that makes its batch fail, clean stop.
Not covered:  what waits and when it leaves (`batcher`), who asks (`engine`).

Everything here runs on the event loop except `_execute`, which also runs on the model's one
compute thread: a batch small enough to take less than a request costs anyway is computed in
the loop, where no wake-up and no fight for the interpreter lock is paid; a larger one never
is. Nothing polls: an idle worker is a queue that nobody has added to.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fff.backends import Backend
from service.batcher import Batch, Batcher
from service.errors import ComputeFailed, DeadlinePassed, Disconnected, InvalidInput
from service.metrics import ModelMetrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a request gets.

    Attributes:
        logits: `[r, o]`, float32.
        leaf: `[r, layers]`, int32.
        margin: `[r, layers]`, float32.
        queue_s: How long it waited for its batch to start.
        compute_s: How long its batch ran.
        batch_rows: Rows of that batch.
    """

    logits: npt.NDArray[np.float32]
    leaf: npt.NDArray[np.int32]
    margin: npt.NDArray[np.float32]
    queue_s: float
    compute_s: float
    batch_rows: int


@dataclass(slots=True, eq=False)
class Job:
    """
    A request on its way: `x` is `[rows, i]`, float32, finite.

    Attributes:
        future: Gets the answer or the error; whoever stops waiting cancels it.
        alone: It wants a batch of its own, to be timed.
    """

    x: npt.NDArray[np.float32]
    future: asyncio.Future[Answer]
    arrived_s: float
    deadline_s: float = float("inf")
    alone: bool = False

    @property
    def rows(self) -> int:
        return len(self.x)

    @property
    def cancelled(self) -> bool:
        return self.future.cancelled()


Outcome = tuple[Job, Answer | Exception]


class Worker:
    """
    Runs one model.

    Args:
        name: Of the model, for the log and the thread.
        backend: Computes.
        batcher: Holds what waits.
        metrics: Counts what was computed.
        settle: Takes each job's outcome, once, on the event loop.
        inline_rows: Batches up to this size run in the event loop; 0 for none.
        threads: Inside one matrix product.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        batcher: Batcher[Job],
        metrics: ModelMetrics,
        settle: Callable[[Job, "Answer | Exception"], None],
        inline_rows: int,
        threads: int,
    ):
        self.name = name
        self.backend = backend
        self.batcher = batcher
        self.inline_rows = inline_rows
        self.rows_per_s = 0.0  # of the latest batches; 0 before the first
        self.draining = False
        self.running_since_s: float | None = None
        self._metrics = metrics
        self._settle = settle
        self._scheduled = False
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(
            max_workers=1,
            thread_name_prefix=f"compute-{name}",
            # Per thread in torch's OpenMP build.
            initializer=torch.set_num_threads,
            initargs=(threads,),
        )

    def submit(self, job: Job) -> None:
        """
        Let a job wait for its batch.

        Raises:
            QueueFull: If its rows do not fit.
        """
        self.batcher.add(job)
        self._schedule()

    def close(self) -> None:
        """End the compute thread; nothing may wait any more."""
        self._thread.shutdown()

    def _schedule(self) -> None:
        # Not at once: what else arrives in this turn of the loop joins the batch.
        if self.running_since_s is None and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        now_s = time.monotonic()
        batch = self.batcher.take(now_s, self.draining)
        if batch.rows <= self.inline_rows:
            self._finish(self._execute(batch))
            return
        self.running_since_s = now_s
        done = self._loop.run_in_executor(self._thread, self._execute, batch)
        done.add_done_callback(lambda future: self._finish(future.result()))

    def _finish(self, outcomes: list[Outcome]) -> None:
        self.running_since_s = None
        for job, outcome in outcomes:
            self._settle(job, outcome)
        if len(self.batcher):
            self._schedule()

    def _execute(self, batch: Batch[Job]) -> list[Outcome]:
        outcomes: list[Outcome] = [
            (job, DeadlinePassed("the request's timeout ended while it waited"))
            for job in batch.expired
        ]
        outcomes += [(job, Disconnected("the client left")) for job in batch.cancelled]
        if batch.jobs:
            started_s = time.monotonic()
            outcomes += self._answers(list(batch.jobs), started_s)
            compute_s = time.monotonic() - started_s
            waits = [started_s - job.arrived_s for job in batch.jobs]
            self._metrics.executed(batch.reason, waits, batch.rows, compute_s)
            self._learn(batch.rows, compute_s)
        return outcomes

    def _answers(self, jobs: list[Job], started_s: float) -> list[Outcome]:
        try:
            return self._compute(jobs, started_s)
        except Exception:  # the service's one broad catch: whatever a backend raises is answered
            if len(jobs) > 1:  # find the one at fault; its batch-mates get their answers
                return [outcome for job in jobs for outcome in self._answers([job], started_s)]
            log.exception("model %s failed to compute %d rows", self.name, jobs[0].rows)
            return [(jobs[0], ComputeFailed("the model failed to compute these rows"))]

    def _compute(self, jobs: list[Job], started_s: float) -> list[Outcome]:
        begun_s = time.monotonic()
        x = jobs[0].x if len(jobs) == 1 else np.concatenate([job.x for job in jobs])  # [n, i]
        prediction = self.backend.infer(torch.from_numpy(x))
        compute_s = time.monotonic() - begun_s
        if len(prediction) != len(x):
            raise RuntimeError(f"{len(x)} rows in, {len(prediction)} out. This is a bug.")
        logits, leaf = prediction.logits.numpy(), prediction.leaf.numpy()
        margin = prediction.margin.numpy()
        for layer, stats in enumerate(self._metrics.layers):
            stats.observe(leaf[:, layer], margin[:, layer])

        outcomes: list[Outcome] = []
        start = 0
        for job in jobs:
            rows = slice(start, start + job.rows)
            start += job.rows
            if not np.isfinite(logits[rows]).all():
                outcomes.append((job, InvalidInput(_overflow(job.x))))
                continue
            wait_s = started_s - job.arrived_s
            answer = Answer(logits[rows], leaf[rows], margin[rows], wait_s, compute_s, len(x))
            outcomes.append((job, answer))
        return outcomes

    def _learn(self, rows: int, compute_s: float) -> None:
        # A moving average over some ten batches, for Retry-After only.
        latest = rows / max(compute_s, 1e-9)
        self.rows_per_s += 0.1 * (latest - self.rows_per_s) if self.rows_per_s else latest


def _overflow(x: npt.NDArray[np.float32]) -> str:
    largest = float(np.abs(x).max())
    return f"inputs must give finite outputs; with values up to {largest:g} float32 overflows"
