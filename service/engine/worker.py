"""
One worker per model: takes a batch when it is free, runs it, hands the answers back.

Covered:      where a batch runs, isolating a request that makes its batch fail, clean stop; a
              device that is lost.
Not covered:  what waits and when it leaves (`batcher`), who asks (`engine`), whose rows are whose
              (`answers`).

Everything here runs on the event loop except `_execute`, which also runs on the model's one
compute thread: a batch small enough to take less than a request costs anyway is computed in
the loop, where no wake-up and no fight for the interpreter lock is paid; a larger one never
is. Nothing polls: an idle worker is a queue that nobody has added to.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable

from fff.backends import Backend
from fff.errors import DeviceLost
from service.engine.admission import unavailable
from service.engine.answers import BatchResult, all_finite, answers_of
from service.engine.batcher import Batch, Batcher
from service.engine.compute_thread import ComputeThread
from service.engine.sampling import Sample, Sampler, sample_of
from service.errors import INTERNAL_ERROR, ComputeFailed, DeadlinePassed, Disconnected
from service.job import Answer, Job, JobResult
from service.metrics.model_metrics import ModelMetrics

log = logging.getLogger(__name__)


class Worker:
    """
    Runs one model.

    Args:
        name: Of the model, for the log and the thread.
        backend: Turns rows, `[n, i]`, into logits, leaves and margins.
        batcher: Holds the jobs that wait, and says when a batch leaves.
        metrics: Counts batches, rows and leaves.
        settle: Called on the event loop with each job's result, once.
        lose: Called on the event loop after a batch whose device was lost, its jobs answered.
        inline_rows: Batches up to this size run in the event loop; 0 for none.
        threads: Of torch, inside one matrix product.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        batcher: Batcher[Job],
        metrics: ModelMetrics,
        settle: Callable[[Job, "Answer | Exception"], None],
        lose: Callable[[DeviceLost], None],
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
        self.sampler: Sampler | None = None  # is shown some batches, once they are answered
        self._sampled: list[Sample] = []
        self._rows = backend.staging(batcher.max_batch_rows)
        self._staging = self._rows.numpy()  # the same memory
        # On a GPU the thread's clock would measure the wait for it.
        self._computes = backend.device.type == "cpu"
        self._metrics = metrics
        self._settle, self._lose = settle, lose
        self._loss: DeviceLost | None = None
        self._scheduled = False
        self._shared = False  # the last batch held more than one request
        self._computed = False  # whether one was computed in this turn of the loop
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.Context()  # a batch is no one request's
        self._thread = ComputeThread(name, threads)
        self._on_retired: Callable[[], None] | None = None

    @property
    def prompt(self) -> bool:
        """Whether all that waits is computed in the next turn of the loop."""
        return self.running_since_s is None and self.batcher.queued_rows <= self.inline_rows

    def submit(self, job: Job) -> None:
        """
        Let a job wait for its batch; or compute it now, if it is small and alone.

        Raises:
            QueueFull: If its rows do not fit.
        """
        if self.prompt and not self._shared and not self._computed and self._fits_alone(job):
            self._computed = True
            self._loop.call_soon(self._end_turn)
            self._finish(self._execute(Batch([job], "idle")))
            return
        self._shared = self._shared or self._computed
        self.batcher.add(job)
        self._schedule()

    def _fits_alone(self, job: Job) -> bool:
        return (
            not len(self.batcher)
            and job.rows <= self.inline_rows
            and time.monotonic() < job.deadline_s
        )

    def _end_turn(self) -> None:
        self._computed = False

    def retire(self, rested: Callable[[], None]) -> None:
        """
        Compute what waits, end the thread, call `on_retired`.

        Whoever found the model before it was replaced may submit even later, and is answered.
        """
        self.draining = True
        self._on_retired = rested
        self._end_if_retired()

    def _end_if_retired(self) -> None:
        if self._on_retired is not None and self.running_since_s is None and not len(self.batcher):
            self._thread.end()
            self._on_retired()

    def give_up(self) -> None:
        """Answer what waits without computing it: its device is lost."""
        for job in self.batcher.clear():
            self._settle(job, unavailable("failed", "these rows have not been computed"))

    def close(self) -> None:
        """End the compute thread; nothing may wait any more."""
        self._thread.end()

    def _schedule(self) -> None:
        # Not at once: what else arrives in this turn of the loop joins the batch.
        if self.running_since_s is None and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._dispatch, context=self._context)

    def _dispatch(self) -> None:
        self._scheduled = False
        now_s = time.monotonic()
        batch = self.batcher.take(now_s, self.draining)
        self._shared = len(batch.jobs) > 1
        if batch.rows <= self.inline_rows:
            self._finish(self._execute(batch))
            return
        self.running_since_s = now_s
        done = self._thread.run(self._loop, self._execute, batch)
        done.add_done_callback(lambda future: self._finish(future.result()))

    def _finish(self, results: list[JobResult]) -> None:
        self.running_since_s = None
        for job, result in results:
            self._settle(job, result)
        if self._loss is not None:
            self.give_up()  # a model that is being retired is known to nobody else
            self._lose(self._loss)
        if self._sampled:
            self._loop.call_soon(self._offer, self._sampled)  # after the answers of this turn
            self._sampled = []
        if len(self.batcher):
            self._schedule()
        elif self._on_retired is not None:
            self._end_if_retired()

    def _offer(self, samples: list[Sample]) -> None:
        if self.sampler is not None:
            for sample in samples:
                self.sampler.offer(sample)

    def _execute(self, batch: Batch[Job]) -> list[JobResult]:
        results: list[JobResult] = [
            (job, DeadlinePassed("the request's timeout ended while it waited"))
            for job in batch.expired
        ]
        results += [(job, Disconnected("the client left")) for job in batch.cancelled]
        if batch.jobs:
            started_s = time.monotonic()
            results += self._answers(list(batch.jobs), started_s)
            compute_s = time.monotonic() - started_s
            if not batch.jobs[0].timed:
                waits = [started_s - job.arrived_s for job in batch.jobs]
                self._metrics.executed(batch.reason, waits, batch.rows, compute_s)
            self._learn(batch.rows, compute_s)
        return results

    def _answers(self, jobs: list[Job], started_s: float) -> list[JobResult]:
        try:
            return self._compute(jobs, started_s)
        except DeviceLost as exc:  # no row is at fault, and no further attempt can succeed
            self._loss = exc
            log.error("model %s lost its device on a batch: %s", self.name, _ids(jobs))
            return [(job, ComputeFailed(INTERNAL_ERROR)) for job in jobs]
        except Exception:  # the service's one broad catch: whatever a backend raises is answered
            if len(jobs) > 1:  # find the one at fault; its batch-mates get their answers
                log.warning("model %s failed on a batch; each alone now: %s", self.name, _ids(jobs))
                return [result for job in jobs for result in self._answers([job], started_s)]
            of = {"request_id": jobs[0].request_id}
            log.exception("model %s failed to compute %d rows", self.name, jobs[0].rows, extra=of)
            return [(jobs[0], ComputeFailed("the model failed to compute these rows"))]

    def _compute(self, jobs: list[Job], started_s: float) -> list[JobResult]:
        counted = not jobs[0].timed
        sampled = counted and self.sampler is not None and self.sampler.chooses()
        begun_s = time.monotonic()
        n = self._stage(jobs)
        begun_ns = time.thread_time_ns() if sampled else 0  # 1 µs a call: not for every batch
        result = BatchResult.of(self.backend.infer(self._rows[:n]))
        fff_ns = time.thread_time_ns() - begun_ns if sampled and self._computes else None
        compute_s = time.monotonic() - begun_s
        if len(result.logits) != n:
            raise RuntimeError(f"{n} rows in, {len(result.logits)} out. This is a bug.")
        finite = all_finite(self._staging[:n], result.logits)
        for layer, stats in enumerate(self._metrics.layers if counted else ()):
            stats.observe(result.leaf[:, layer], result.margin[:, layer])
        results = answers_of(jobs, result, finite, started_s, compute_s)
        if sampled:
            self._sampled.append(sample_of(results, finite, n, fff_ns))
        return results

    def _stage(self, jobs: list[Job]) -> int:
        """Copy the jobs' rows together, the one copy between their bodies and the device."""
        stop = 0
        for job in jobs:
            start, stop = stop, stop + len(job.x)
            self._staging[start:stop] = job.x
        return stop

    def _learn(self, rows: int, compute_s: float) -> None:
        # A moving average over some ten batches, for Retry-After only.
        latest = rows / max(compute_s, 1e-9)
        self.rows_per_s += 0.1 * (latest - self.rows_per_s) if self.rows_per_s else latest


def _ids(jobs: list[Job]) -> str:
    return b" ".join(job.request_id for job in jobs).decode("ascii")
