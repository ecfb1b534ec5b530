"""
One worker per model: takes a batch when it is free, runs it, hands the answers back.

Covered:      where a batch runs, counting it once it is answered, clean stop; a device that is
              lost; faults outside the batch's own run, of which none stops the model.
Not covered:  what waits and when it leaves (`batcher`), who asks (`engine`), the run itself
              (`execution`).

Everything here runs on the event loop; `Execution.run` also runs on the model's one compute
thread: a batch small enough to take less than a request costs anyway is computed in
the loop, where no wake-up and no fight for the interpreter lock is paid; a larger one never
is. Nothing polls: an idle worker is a queue that nobody has added to.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from typing import ParamSpec

from fff.backends import Backend
from fff.errors import DeviceLost
from service.engine.admission import unavailable
from service.engine.batcher import Batch, Batcher
from service.engine.compute_thread import ComputeThread
from service.engine.execution import Executed, Execution
from service.engine.sampling import Sample, Sampler
from service.errors import INTERNAL_ERROR, ComputeFailed
from service.job import Answer, Job
from service.metrics.model_metrics import ModelMetrics

P = ParamSpec("P")


class Worker:
    """
    Runs one model.

    Args:
        name: Of the model, for the log and the thread.
        backend: Turns rows, `[n, i]`, into logits, leaves and margins.
        batcher: Holds the jobs that wait, and says when a batch leaves.
        metrics: Counts batches, rows, leaves and faults.
        settle: Called on the event loop with each job's result, once.
        lose: Called on the event loop after a batch whose device was lost, its jobs answered.
        inline_rows: Batches up to as many tokens run in the event loop; 0 for none.
        threads: Of torch, inside one matrix product.
        safe_input: Rows of numbers up to it, in absolute value, cannot overflow float32.
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
        safe_input: float,
    ):
        self.batcher = batcher
        self.inline_rows = inline_rows
        self.tokens_per_s = 0.0  # of the latest batches; 0 before the first
        self.draining = False
        self.running_since_s: float | None = None
        self.execution = Execution(name, backend, batcher.max_batch_tokens, metrics, safe_input)
        self._metrics = metrics
        self._settle, self._lose = settle, lose
        self._scheduled = False
        self._shared = False  # the last batch held more than one request
        self._computed = False  # whether one was computed in this turn of the loop
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.Context()  # a batch is no one request's
        self._thread = ComputeThread(name, threads)
        self._on_retired: Callable[[], None] | None = None

    @property
    def backend(self) -> Backend:
        """Computes its batches."""
        return self.execution.backend

    @backend.setter
    def backend(self, backend: Backend) -> None:
        self.execution.backend = backend

    @property
    def sampler(self) -> Sampler | None:
        """Is shown some batches, once they are answered."""
        return self.execution.sampler

    @sampler.setter
    def sampler(self, sampler: Sampler | None) -> None:
        self.execution.sampler = sampler

    @property
    def prompt(self) -> bool:
        """Whether all that waits is computed in the next turn of the loop."""
        return self.running_since_s is None and self.batcher.queued_tokens <= self.inline_rows

    def submit(self, job: Job) -> None:
        """
        Let a job wait for its batch; or compute it now, if it is small and alone.

        Raises:
            QueueFull: If it does not fit.
        """
        if self.prompt and not self._shared and not self._computed and self._fits_alone(job):
            self._computed = True
            self._loop.call_soon(self._end_turn)
            self._compute_here(Batch([job], "idle"))
            return
        self._shared = self._shared or self._computed
        self.batcher.add(job)
        self._schedule()

    def _fits_alone(self, job: Job) -> bool:
        return (
            not len(self.batcher)
            and job.tokens <= self.inline_rows
            and time.monotonic() < job.deadline_s
        )

    def _end_turn(self) -> None:
        self._computed = False

    def retire(self, rested: Callable[[], None]) -> None:
        """
        Compute what waits, end the thread, call `rested`.

        Whoever found the model before it was replaced may submit even later, and is answered;
        `rested` is called again then.
        """
        self.draining = True
        self._on_retired = rested
        self._end_if_retired()

    def _end_if_retired(self) -> None:
        if self._on_retired is not None and self.running_since_s is None and not len(self.batcher):
            self._contain("could not end its thread", self._thread.end)
            self._contain("could not be let go", self._on_retired)

    def give_up(self) -> None:
        """Answer what waits without computing it: its device is lost."""
        for job in self.batcher.clear():
            self._deliver(job, unavailable("failed", "these rows have not been computed"))

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
        if batch.tokens <= self.inline_rows:
            self._compute_here(batch)
            return
        self.running_since_s = now_s
        try:
            done = self._thread.run(self._loop, self.execution.run, batch)
        except BaseException as exc:  # there is no thread to be had
            self._finish(batch, self.execution.unanswered(batch, exc))
            return
        done.add_done_callback(lambda future: self._collect(batch, future))

    def _compute_here(self, batch: Batch[Job]) -> None:
        try:
            done = self.execution.run(batch)
        except BaseException as exc:  # its jobs would wait for ever, and others behind them
            done = self.execution.unanswered(batch, exc)
        self._finish(batch, done)

    def _collect(self, batch: Batch[Job], future: "asyncio.Future[Executed]") -> None:
        try:
            done = future.result()
        except BaseException as exc:  # as above
            done = self.execution.unanswered(batch, exc)
        self._finish(batch, done)

    def _finish(self, batch: Batch[Job], done: Executed) -> None:
        self.running_since_s = None
        for job, result in done.results:
            self._deliver(job, result)
        if done.compute_s:  # else there was nothing to compute, or no thread
            try:
                self._count(batch, done)
            except BaseException as exc:
                self.execution.fault("could not count a batch", exc)
        if done.loss is not None:
            self.give_up()  # a model that is being retired is known to nobody else
            self._contain("could not report its device lost", self._lose, done.loss)
        if done.samples:
            self._loop.call_soon(self._offer, done.samples)  # after the answers of this turn
        if len(self.batcher):
            self._schedule()
        elif self._on_retired is not None:
            self._end_if_retired()

    def _deliver(self, job: Job, result: Answer | Exception) -> None:
        try:
            self._settle(job, result)
        except BaseException as exc:
            self.execution.fault("could not hand over an answer", exc, [job])
            if not job.future.done():
                job.future.set_exception(ComputeFailed(INTERNAL_ERROR))

    def _count(self, batch: Batch[Job], done: Executed) -> None:
        """Count what was answered: what is refused is counted as refused alone."""
        self._learn(batch.tokens, done.compute_s)
        if done.rows and not batch.jobs[0].timed:
            waits = [out.queue_s for _, out in done.results if isinstance(out, Answer)]
            self._metrics.executed(batch.reason, waits, done.rows, done.compute_s)
            if done.rechecked:
                self._metrics.rechecked(done.rechecked)

    def _offer(self, samples: tuple[Sample, ...]) -> None:
        for sample in samples:
            if self.sampler is not None:
                self._contain("could not pass a sample on", self.sampler.offer, sample)

    def _contain(
        self, failure: str, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call; what it raises is logged and counted, and stops neither the loop nor the model."""
        try:
            call(*args, **kwargs)
        except BaseException as exc:
            self.execution.fault(failure, exc)

    def _learn(self, tokens: int, compute_s: float) -> None:
        # A moving average over some ten batches, for Retry-After only.
        latest = tokens / max(compute_s, 1e-9)
        self.tokens_per_s += 0.1 * (latest - self.tokens_per_s) if self.tokens_per_s else latest
