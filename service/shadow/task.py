"""
All shadows of the service: one task of the event loop sends samples to one process, one by one.

The task takes a sample of each model in turn, so that a busy one does not keep the others from
being seen, and rests after each, so that the twins never take more than `SHARE` of a core.

Covered:      the share, failures, twins that are replaced meanwhile, a stop that waits for none.
Not covered:  sampling (`sampler`), the process (`link`).

Why a process, and how both sides are timed: docs/decisions/0011-shadow.md.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from model_store.manifest import Manifest
from networks.ragged import NO_TOKEN
from service.engine.sampling import Sample
from service.engine.served_model import ServedModel
from service.job import Answer, Rows
from service.settings import Settings
from service.shadow.link import ShadowFailed, ShadowLink
from service.shadow.messages import ComputeRequest, ComputeSettings, Floats, Twin
from service.shadow.sampler import Shadow
from service.shadow.series import ShadowCollector

log = logging.getLogger(__name__)

SHARE = 0.01
"""
Of one core, at most: what shares the caches and, in a container with limited processor time, the
time itself with live requests must touch fewer than one of them in a hundred, or p99 shows it. It
is enough for a hundred rows a second of a usual twin.
"""
QUEUED_BATCHES = 2  # full ones of a model: one being computed, one waiting
IDLE_S = 60.0  # without a sample; then the process is ended, its memory free
END_S = 2.0  # to end once killed, at the stop; milliseconds, but for a disk that hangs
FAILURE_REST_S = 10.0  # of that model: a process that always dies takes 2 s of a core to start


class Shadows:
    """
    Computes what shadows have sampled.

    Args:
        settings: The service's: backend, threads, sampled share, window and queue.
        store: Path of the model store that twins are loaded from.
        find_model: Looks up the model that is served under a name.
        registry: Prometheus' registry, where the series are exposed.
    """

    def __init__(
        self,
        settings: Settings,
        store: Path,
        find_model: Callable[[str], ServedModel | None],
        registry: CollectorRegistry,
    ):
        self._settings, self._find_model = settings, find_model
        self._collector = ShadowCollector()
        registry.register(self._collector)
        backend = "auto" if settings.backend == "triton" else settings.backend  # on a CPU
        self.link = ShadowLink(
            ComputeSettings(
                store, backend, settings.leaf_dtype, settings.compute_threads, settings.strict
            )
        )
        self._shadows: list[Shadow] = []  # replaced, never changed: the task walks it
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self, model: ServedModel) -> None:
        """Begin to sample a model, if it is an FFF that names a baseline."""
        facts, manifest, settings = model.facts, model.manifest, self._settings
        if not manifest.layers or manifest.baseline is None:
            return
        labels = facts.name, str(facts.version), manifest.baseline
        shadow = Shadow(
            labels,
            manifest,
            self._find_twin,
            settings.shadow_ratio,
            QUEUED_BATCHES * settings.max_batch_rows,
            self._collector.begin(labels, settings.leaf_window_rows),
            self._work.set,
        )
        self._shadows = [*self._shadows, shadow]
        model.worker.sampler = shadow
        log.info("shadow of %s version %s: baseline %s, ratio %g", *labels, shadow.ratio)
        if model.device.torch_device.type != "cpu":
            text = "shadow of %s: no speed-up, since it computes on %s and its baseline on the CPU"
            log.info(text, facts.name, facts.device)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def forget(self, model: ServedModel) -> None:
        """Drop the waiting samples of a model that is no longer served, and end its gauges."""
        shadow, model.worker.sampler = self.of(model), None
        if shadow is None:
            return
        while (sample := shadow.take()) is not None:
            shadow.stats.drop(sample.rows)
        self._shadows = [other for other in self._shadows if other is not shadow]
        if all(other.labels != shadow.labels for other in self._shadows):
            self._collector.end(shadow.labels)

    def of(self, model: ServedModel) -> Shadow | None:
        """The shadow of a served model, if it has one."""
        sampler = model.worker.sampler
        return next((shadow for shadow in self._shadows if shadow is sampler), None)

    async def stop(self) -> None:
        """Drop the samples that wait or are being computed, and end the process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            async with asyncio.timeout(END_S):
                await self.link.end()
        except TimeoutError:
            log.warning("the shadow's process was killed, but has not ended within %g s", END_S)

    def _find_twin(self, name: str) -> tuple[Twin, Manifest] | None:
        model = self._find_model(name)
        if model is None:
            return None
        facts, manifest = model.facts, model.manifest
        widths = manifest.input_width, manifest.output_width
        return Twin(facts.name, facts.version, facts.sha256, *widths), manifest

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._work.wait()
            except TimeoutError:
                await self.link.end()
                await self._work.wait()
            self._work.clear()
            for shadow in self._shadows:
                sample = shadow.take()
                if sample is not None:
                    self._work.set()  # there may be more
                    await asyncio.sleep(await self._compute(shadow, sample))
                    del sample  # it holds a batch's rows

    async def _compute(self, shadow: Shadow, sample: Sample) -> float:
        """Have a sample computed; returns the seconds to rest after it."""
        twin = shadow.twin()
        if twin is None or time.monotonic() < shadow.paused_until_s:
            shadow.stats.drop(sample.rows)
            return 0.0
        rows, logits = _arrays(sample, twin.input_width)
        try:
            request = ComputeRequest(twin, self._twins(), shadow.rule)
            comparison, busy_s = await self.link.compute(request, rows, logits)
        except ShadowFailed as exc:
            shadow.failed(sample.rows, str(exc))
            shadow.paused_until_s = time.monotonic() + FAILURE_REST_S
            return 0.0
        shadow.succeeded()
        shadow.stats.record(twin, sample.rows, comparison, sample.fff_ns)
        return busy_s * (1 / SHARE - 1)

    def _twins(self) -> frozenset[Twin]:
        return frozenset(twin for shadow in self._shadows if (twin := shadow.twin()) is not None)


def _arrays(sample: Sample, width: int) -> tuple[list[Floats], list[Floats]]:
    """Rows and logits of the jobs that were answered, one contiguous array a job."""
    answered = [(job, out) for job, out in sample.results if isinstance(out, Answer)]
    rows = [np.ascontiguousarray(_as_floats(job.x, width)) for job, _ in answered]
    logits = [np.ascontiguousarray(answer.logits) for _, answer in answered]
    return rows, logits


def _as_floats(x: Rows, width: int) -> Floats:
    """Token ids as numbers, of which float32 holds 16 million, and all of one length."""
    if x.dtype.kind == "f":
        return x.astype(np.float32, copy=False)
    behind = ((0, 0), (0, width - x.shape[1]))
    return np.pad(x, behind, constant_values=NO_TOKEN).astype(np.float32)
