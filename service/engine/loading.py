"""
From a checkpoint to a model that is served: its backend, the warm-up, its queue and series.

Covered:      what may take seconds (`prepare`, in a thread) and what takes none (`serve`).
Not covered:  which model is served under a name (`engine`), who may change that (`repository`).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fff.backends import Backend, Device, build_backend
from model_store.store import Checkpoint
from service.engine.batcher import Batcher
from service.engine.served_model import ServedModel, facts_of, leaf_stats_of
from service.engine.warmup import warm_up
from service.engine.worker import Worker
from service.job import Answer, Job
from service.metrics.model_metrics import ModelFacts, ModelMetrics
from service.metrics.registry import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that has passed every check, on its backend, warm."""

    checkpoint: Checkpoint
    backend: Backend
    facts: ModelFacts
    inline_rows: int


class Loader:
    """
    Makes models ready to serve on one device.

    Args:
        settings: Of the service.
        metrics: Gets the series of every model.
        device: Computes all of them.
    """

    def __init__(self, settings: Settings, metrics: Metrics, device: Device):
        self._settings, self._metrics, self._device = settings, metrics, device

    def prepare(self, checkpoint: Checkpoint) -> Prepared:
        """
        Put a checkpoint on its backend and warm it up.

        Raises:
            BackendUnavailable: The backend asked for cannot run on the device.
            WarmupFailed: A model that does not answer as it should.
        """
        settings = self._settings
        backend = build_backend(
            checkpoint.weights,
            self._device.torch_device,
            settings.backend,
            settings.compute_threads,
            settings.leaf_dtype,
        )
        inline_rows = warm_up(checkpoint, backend, settings.max_batch_rows)
        return Prepared(checkpoint, backend, facts_of(checkpoint, backend), inline_rows)

    def serve(
        self,
        prepared: Prepared,
        settle: Callable[[str, Job, Answer | Exception], None],
        inflight: Callable[[str], int],
        measured_inline_rows: int = 0,
    ) -> ServedModel:
        """
        Give a model its queue, its worker and its series.

        Args:
            prepared: A model that has passed `prepare`.
            settle: Called with the model's name, a job and its result.
            inflight: Reads how many requests of a name are accepted and not yet answered.
            measured_inline_rows: `inline_rows` as measured before, of a model of the same size; a
                measurement taken while requests are served is too small.
        """
        facts, backend, settings = prepared.facts, prepared.backend, self._settings
        manifest = prepared.checkpoint.manifest
        inline_rows = max(prepared.inline_rows, measured_inline_rows)
        layers = leaf_stats_of(manifest, settings.leaf_window_rows)
        metrics = ModelMetrics(self._metrics, facts, layers, lambda: backend.rechecked_rows)
        batcher: Batcher[Job] = Batcher(settings.max_batch_rows, settings.max_queue_rows)
        worker = Worker(
            facts.name,
            backend,
            batcher,
            metrics,
            partial(settle, facts.name),
            manifest.input_width,
            inline_rows,
            settings.compute_threads,
        )

        def oldest_age_s() -> float:
            arrived_s = batcher.oldest_arrival_s
            return 0.0 if arrived_s is None else time.monotonic() - arrived_s

        metrics.watch_queue(lambda: batcher.queued_rows, oldest_age_s, lambda: inflight(facts.name))
        log.info(
            "model %s version %d (%s) on %s by %s; batches up to %d rows run in the event loop",
            facts.name,
            facts.version,
            facts.kind,
            facts.device,
            facts.backend,
            inline_rows,
        )
        weights = prepared.checkpoint.weights
        return ServedModel(facts, manifest, weights, self._device, worker, metrics)
