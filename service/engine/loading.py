"""
From a checkpoint to a model that is served: its backend, the warm-up, its queue and series.

Covered:      what may take seconds (`prepare`, in a thread) and what takes none (`serve`).
Not covered:  which model is served under a name (`engine`), who may change that (`repository`).
"""

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from fff.backends import Backend, Choice, Device
from fff.errors import DeviceLost
from model_store.errors import StoreError, TokenizerUnfit
from model_store.manifest import Manifest
from model_store.store import Checkpoint
from networks.backends import build_backend, choose_backend
from networks.overflow import largest_safe_input
from networks.ragged import bucketed
from networks.text import Tokenizer, TokenizerInvalid
from service.engine.batcher import Batcher
from service.engine.served_model import ServedModel, facts_of, leaf_stats_of
from service.engine.warmup import WarmUp, warm_up
from service.engine.worker import Worker
from service.job import Answer, Job
from service.metrics.model_metrics import ModelFacts, ModelMetrics
from service.metrics.registry import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)


_NO_MEMORY_WORDS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


class NoMemory(RuntimeError):
    """A model for which a device has not memory enough beside what is served."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    A model that has passed every check, on its backend, warm.

    Attributes:
        choice: The backend's name, and why that one.
        safe_input: Rows of numbers up to it, in absolute value, cannot overflow float32.
        tokenizer: Of a network for text.
    """

    checkpoint: Checkpoint
    backend: Backend
    choice: Choice
    facts: ModelFacts
    warm_up: WarmUp
    safe_input: float
    tokenizer: Tokenizer | None


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
            NoMemory: The device has not memory enough.
            TokenizerUnfit: A tokenizer that does not fit, or cannot be read here.
            WarmupFailed: A model that does not answer as it should.
            FileChanged: The store's file is written to meanwhile.
            DeviceLost: The device failed, for good.
        """
        device = self._device.torch_device
        choice = choose_backend(checkpoint.weights, device, self._settings.backend)
        try:
            return self._on_backend(checkpoint, choice)
        except Exception as exc:
            if isinstance(exc.__cause__, StoreError):  # a GPU's backend takes it for its own fault
                raise exc.__cause__ from None
            if not lacks_memory(exc):
                raise
            raise NoMemory(
                f"model {checkpoint.name!r} does not fit on {device} by backend {choice.name}, "
                "beside what is served"
            ) from exc

    def _on_backend(self, checkpoint: Checkpoint, choice: Choice) -> Prepared:
        settings, tokenizer = self._settings, _tokenizer_of(checkpoint)
        backend = build_backend(
            checkpoint.weights,
            self._device.torch_device,
            choice.name,
            settings.compute_threads,
            settings.leaf_dtype,
            _most_tokens(settings.max_batch_rows, checkpoint.manifest),
            settings.strict,
        )
        warm = warm_up(checkpoint, backend, _limit(settings.max_batch_rows, checkpoint.manifest))
        safe_input = largest_safe_input(checkpoint.weights, checkpoint.largest)
        facts = facts_of(checkpoint, backend)
        return Prepared(checkpoint, backend, choice, facts, warm, safe_input, tokenizer)

    def serve(
        self,
        prepared: Prepared,
        settle: Callable[[str, Job, Answer | Exception], None],
        lose: Callable[[DeviceLost], None],
        inflight: Callable[[str], int],
        measured_inline_rows: int = 0,
    ) -> ServedModel:
        """
        Give a model its queue, its worker and its series.

        Args:
            prepared: A model that has passed `prepare`.
            settle: Called with the model's name, a job and its result.
            lose: Called when a batch has found the device lost.
            inflight: Reads how many requests of a name are accepted and not yet answered.
            measured_inline_rows: `inline_rows` as measured before, of a model of the same size; a
                measurement taken while requests are served is too small.
        """
        checkpoint, backend, facts = prepared.checkpoint, prepared.backend, prepared.facts
        settings, manifest = self._settings, checkpoint.manifest
        inline_rows = max(prepared.warm_up.inline_rows, measured_inline_rows)
        layers = leaf_stats_of(manifest, settings.leaf_window_rows)
        metrics = ModelMetrics(self._metrics, facts, layers)
        limits = (settings.max_batch_rows, settings.max_queue_rows)
        batcher: Batcher[Job] = Batcher(*(_limit(limit, manifest) for limit in limits))
        settle_own = partial(settle, facts.name)
        worker = Worker(
            facts.name,
            backend,
            batcher,
            metrics,
            settle_own,
            lose,
            inline_rows,
            settings.compute_threads,
            prepared.safe_input,
        )
        metrics.watch_queue(
            lambda: batcher.queued_rows,
            lambda: _age_s(batcher.oldest_arrival_s),
            lambda: inflight(facts.name),
        )
        _log_model(facts, prepared.choice, inline_rows, manifest.vocabulary > 0)
        return ServedModel(
            facts,
            manifest,
            backend,
            checkpoint.stamp,
            self._device,
            prepared.choice,
            prepared.warm_up.output_class,
            worker,
            metrics,
            prepared.tokenizer,
        )


def _tokenizer_of(checkpoint: Checkpoint) -> Tokenizer | None:
    if checkpoint.tokenizer is None:
        return None
    try:
        return Tokenizer(checkpoint.tokenizer, checkpoint.manifest.vocabulary)
    except TokenizerInvalid as exc:
        where = f"model {checkpoint.name!r} version {checkpoint.version}"
        raise TokenizerUnfit(f"{where}: {exc}") from exc


def _most_tokens(rows: int, manifest: Manifest) -> int:
    """How many tokens as many rows are; an example, however long, must fit."""
    return max(rows, int(bucketed(np.array([manifest.tokens]))[0]))


def _limit(rows: int, manifest: Manifest) -> int:
    """
    How much as many rows are, as jobs count themselves.

    Of token ids they count tokens, and else examples, each of which is as many rows to the layers.
    """
    if manifest.vocabulary:
        return _most_tokens(rows, manifest)
    return max(1, rows // manifest.tokens)


def lacks_memory(failure: BaseException) -> bool:
    """Whether it is, or comes of, memory that was not to be had, the machine's or a GPU's."""
    if isinstance(failure, MemoryError) or getattr(failure, "errno", None) == errno.ENOMEM:
        return True
    # torch, CUDA and Triton have no type in common, and some none of their own.
    if any(words in str(failure) for words in _NO_MEMORY_WORDS):
        return True
    return failure.__cause__ is not None and lacks_memory(failure.__cause__)


def _age_s(arrived_s: float | None) -> float:
    return 0.0 if arrived_s is None else time.monotonic() - arrived_s


def _log_model(facts: ModelFacts, choice: Choice, inline_rows: int, ids: bool) -> None:
    log.info(
        "model %s version %d (%s) on %s by %s (%s); batches up to %d %s run in the event loop",
        facts.name,
        facts.version,
        facts.kind,
        facts.device,
        choice.name,
        choice.reason,
        inline_rows,
        "tokens" if ids else "rows",
    )
