"""
One batch on its backend: its rows staged and computed, its answers cut, its leaves counted.

Whatever fails here is the batch's own: a request at fault fails alone, a counter that fails costs
nobody an answer, and each fault is logged whole and counted.

Covered:      isolating a request that makes its batch fail; a device that is lost; samples.
Not covered:  where and when a batch runs (`worker`), whose rows are whose (`answers`).

`Execution.run` runs in the event loop or on the model's one compute thread, one batch at a time.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from fff.backends import Backend
from fff.errors import DeviceLost
from networks.ragged import NO_TOKEN
from service.engine.answers import BatchResult, all_finite, answers_of, counted_of
from service.engine.batcher import Batch
from service.engine.sampling import Sample, Sampler, sample_of
from service.errors import INTERNAL_ERROR, ComputeFailed, DeadlinePassed, Disconnected
from service.job import Answer, Job, JobResult
from service.metrics.model_metrics import ModelMetrics

log = logging.getLogger(__name__)

_FEW_ROWS = 64
"""Batches up to this size have their view of the staging memory made beforehand."""


@dataclass(slots=True)
class Executed:
    """
    What became of a batch.

    Attributes:
        results: Each of its jobs, once, with its answer or what went wrong.
        started_s: When it started, in the clock of the jobs' `arrived_s`.
        compute_s: Seconds that it took.
        rows: How many were answered.
        rechecked: Rows whose leaf was in doubt at first, of runs without a row that was refused.
        samples: Of those chosen.
        loss: Set if the device was lost.
    """

    results: list[JobResult]
    started_s: float
    compute_s: float = 0.0
    rows: int = 0
    rechecked: int = 0
    samples: tuple[Sample, ...] = ()
    loss: DeviceLost | None = None


class Execution:
    """
    Computes one model's batches.

    Args:
        name: Of the model, for the log.
        backend: Turns rows, `[n, i]`, into logits, leaves and margins.
        max_rows: Of a batch, at most.
        metrics: Counts leaves and faults.
        safe_input: Rows of numbers up to it, in absolute value, cannot overflow float32.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        max_rows: int,
        metrics: ModelMetrics,
        safe_input: float,
    ):
        self.name = name
        self.backend = backend
        self.sampler: Sampler | None = None  # is shown some batches, once they are answered
        self._rows = backend.staging(max_rows)
        self._few_rows = [self._rows[:n] for n in range(min(_FEW_ROWS, max_rows) + 1)]
        self._staging = self._rows.numpy()  # the same memory
        self._ids = self._staging.dtype.kind == "i"
        # On a GPU the thread's clock would measure the wait for it.
        self._computes = backend.device.type == "cpu"
        self._metrics = metrics
        self._safe_input = safe_input

    def run(self, batch: Batch[Job]) -> Executed:
        """Compute a batch; whatever goes wrong is in the results."""
        results: list[JobResult] = [
            (job, DeadlinePassed("the request's timeout ended while it waited"))
            for job in batch.expired
        ]
        results += [(job, Disconnected("the client left")) for job in batch.cancelled]
        done = Executed(results, time.monotonic())
        if batch.jobs:
            sampled = self.sampler is not None and self._is_sampled(batch, self.sampler)
            self._answer(batch.jobs, done, sampled)
            done.compute_s = time.monotonic() - done.started_s
        return done

    def unanswered(self, batch: Batch[Job], exc: BaseException) -> Executed:
        """Answer a batch that could not be run at all."""
        self.fault("did not run a batch", exc, batch.jobs)
        jobs = (*batch.jobs, *batch.expired, *batch.cancelled)
        return Executed([(job, ComputeFailed(INTERNAL_ERROR)) for job in jobs], time.monotonic())

    def fault(self, what: str, exc: BaseException, jobs: Sequence[Job] = ()) -> None:
        """Log and count a fault of ours, whatever it is: the service goes on."""
        alone = len(jobs) == 1
        of, ids = ({"request_id": jobs[0].request_id}, "") if alone else ({}, _request_ids(jobs))
        log.error("model %s %s%s", self.name, what, ids, exc_info=exc, extra=of)
        try:
            self._metrics.faulted()
        except BaseException:
            log.exception("a fault of model %s could not be counted", self.name)

    def _is_sampled(self, batch: Batch[Job], sampler: Sampler) -> bool:
        try:
            return not batch.jobs[0].timed and sampler.chooses()
        except BaseException as exc:
            self.fault("could not choose a batch to sample", exc)
            return False

    def _answer(self, jobs: Sequence[Job], done: Executed, sampled: bool) -> None:
        try:
            self._compute(jobs, done, sampled)
        except DeviceLost as exc:  # no row is at fault, and no further attempt can succeed
            done.loss = exc
            log.error("model %s lost its device on a batch%s", self.name, _request_ids(jobs))
            done.results += [(job, ComputeFailed(INTERNAL_ERROR)) for job in jobs]
        # The service's one broad catch: a backend may raise anything, SystemExit included.
        except BaseException as exc:
            if len(jobs) == 1:
                self.fault(f"failed to compute {jobs[0].rows} rows", exc, jobs)
                failed = ComputeFailed("the model failed to compute these rows")
                done.results.append((jobs[0], failed))
                return
            # Find the one at fault; its batch-mates get their answers.
            self.fault("failed on a batch; each alone now", exc, jobs)
            for job in jobs:
                self._answer([job], done, sampled)

    def _compute(self, jobs: Sequence[Job], done: Executed, sampled: bool) -> None:
        begun_s = time.monotonic()
        n, rechecked = self._stage(jobs), self.backend.rechecked_rows
        begun_ns = time.thread_time_ns() if sampled else 0  # 1 µs a call: not for every batch
        rows = self._few_rows[n] if n <= _FEW_ROWS else self._rows[:n]
        if self._ids:
            rows = rows[:, : max(job.x.shape[1] for job in jobs)]
        result = BatchResult.of(self.backend.infer(rows))
        fff_ns = time.thread_time_ns() - begun_ns if sampled and self._computes else None
        compute_s = time.monotonic() - begun_s
        if len(result.logits) != n:
            raise RuntimeError(f"{n} rows in, {len(result.logits)} out. This is a bug.")
        finite = all_finite(self._staging[:n], result.logits)
        safe_input = None if finite else self._safe_input
        results = answers_of(jobs, result, done.started_s, compute_s, safe_input)
        done.results += results  # whatever counting does from here on
        try:
            if finite:
                done.rows += n
                done.rechecked += self.backend.rechecked_rows - rechecked
            else:
                done.rows += sum(job.rows for job, out in results if isinstance(out, Answer))
            self._observe(jobs, result, results, finite)
            if sampled:
                done.samples += (sample_of(results, finite, n, fff_ns),)
        except BaseException as exc:
            self.fault("could not count a batch", exc, jobs)

    def _observe(
        self, jobs: Sequence[Job], result: BatchResult, results: list[JobResult], finite: bool
    ) -> None:
        if not finite:
            for job, out in results:
                if isinstance(out, ComputeFailed):
                    self.fault("made no finite numbers of finite rows", out, [job])
        if not jobs[0].timed:
            whole = finite and all([job.observed for job in jobs])
            leaf, margin = (result.leaf, result.margin) if whole else counted_of(results, result)
            start = 0
            for stats in self._metrics.layers:
                trees = slice(start, start := start + stats.trees)
                stats.observe(leaf[:, trees], margin[:, trees])

    def _stage(self, jobs: Sequence[Job]) -> int:
        """Copy the jobs' rows together, the one copy between their bodies and the device."""
        if self._ids:
            return self._stage_ids(jobs)
        stop = 0
        for job in jobs:
            start, stop = stop, stop + len(job.x)
            self._staging[start:stop] = job.x
        return stop

    def _stage_ids(self, jobs: Sequence[Job]) -> int:
        """The same of examples of different lengths."""
        stop = 0
        for job in jobs:
            start, stop = stop, stop + len(job.x)
            self._staging[start:stop, : job.x.shape[1]] = job.x
            self._staging[start:stop, job.x.shape[1] :] = NO_TOKEN
        return stop


def _request_ids(jobs: Sequence[Job]) -> str:
    ids = b" ".join(job.request_id for job in jobs).decode("latin-1")
    return f": {ids}" if jobs else ""
