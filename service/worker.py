"""
One thread per model: take a batch, run it, split it, hand the answers back.

Covered:      the queue's lock, computing, isolating a request that makes its batch fail,
              the clean stop.
Not covered:  what waits and when it leaves (`batcher`), who asks (`engine`).

Two threads meet here: the event loop calls `submit`, the worker's thread calls `deliver`.
The batcher is touched under the worker's one condition variable, on which an idle worker
sleeps: nothing polls.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

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
        resolve: Takes the answer or the error; called once, by `deliver`.
        alone: It wants a batch of its own, to be timed.
        cancelled: Nobody waits for the answer any more.
    """

    x: npt.NDArray[np.float32]
    resolve: Callable[[Answer | Exception], None]
    arrived_s: float
    deadline_s: float = float("inf")
    alone: bool = False
    cancelled: bool = False
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = len(self.x)


Outcome = tuple[Job, Answer | Exception]


class Worker:
    """
    Runs one model.

    Args:
        name: Of the model, for the log and the thread.
        backend: Computes.
        batcher: Holds what waits.
        metrics: Counts what was computed.
        deliver: Takes a batch's outcomes, all at once, from the worker's thread.
        threads: Inside one matrix product.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        batcher: Batcher[Job],
        metrics: ModelMetrics,
        deliver: Callable[[list[Outcome]], None],
        threads: int,
    ):
        self.name = name
        self.backend = backend
        self.batcher = batcher
        self.rows_per_s = 0.0  # of the latest batches; 0 before the first
        self._metrics = metrics
        self._deliver = deliver
        self._threads = threads
        self._wake = threading.Condition()
        self._draining = False
        self._thread = threading.Thread(target=self._run, name=f"compute-{name}", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Job) -> None:
        """
        Let a job wait for its batch.

        Raises:
            QueueFull: If its rows do not fit.
        """
        with self._wake:
            self.batcher.add(job)
            self._wake.notify()

    def drain(self) -> None:
        """Compute what waits, then end. `join` waits for that."""
        with self._wake:
            self._draining = True
            self._wake.notify()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        torch.set_num_threads(self._threads)  # per thread in torch's OpenMP build
        while True:
            with self._wake:
                self._wake.wait_for(lambda: len(self.batcher) or self._draining)
                if not len(self.batcher):
                    return
                batch = self.batcher.take(time.monotonic(), self._draining)
            self._deliver(self._execute(batch))

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
        except Exception:  # the worker's one broad catch: whatever a backend raises is answered
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
