"""A model that is being served: what it is, where it runs, and its counters."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

from fff.backends import Backend, Choice, Device, OutputClass
from fff.mixture import MixtureWeights
from fff.weights import FFFWeights
from model_store.files import Stamp
from model_store.manifest import Manifest, NetworkManifest
from model_store.store import Checkpoint
from networks.ragged import LEAST_TOKENS
from networks.text import Tokenizer
from networks.weights import AnyWeights, NetworkWeights
from service.engine.worker import Worker
from service.metrics.leaf_stats import LeafStats
from service.metrics.model_metrics import ModelFacts, ModelMetrics


@dataclass(frozen=True, slots=True)
class ServedModel:
    """
    One model of the engine.

    Attributes:
        backend: Computes it.
        stamp: Of the weights' file as it was loaded; nothing of the file is read any more.
        device: Where it computes, and why there.
        choice: By which backend, and why by that.
        output_class: What its logits depend on, as far as the warm-up has seen.
        tokenizer: Makes ids of text; None where it has none.
    """

    facts: ModelFacts
    manifest: Manifest
    backend: Backend
    stamp: Stamp | None
    device: Device
    choice: Choice
    output_class: OutputClass
    worker: Worker
    metrics: ModelMetrics
    tokenizer: Tokenizer | None

    @property
    def identity(self) -> tuple[int, Manifest]:
        """What makes it this checkpoint and no other: the manifest holds the weights' hash."""
        return self.facts.version, self.manifest

    @property
    def most_numbers(self) -> int:
        """Most numbers of one request: those of a full batch."""
        return self.most_rows * self.manifest.input_width

    @property
    def most_rows(self) -> int:
        """Most examples of a batch, however long they are."""
        most = self.worker.batcher.max_batch_tokens
        return max(1, most // LEAST_TOKENS) if self.manifest.vocabulary else most

    @property
    def full_rows(self) -> int:
        """How many examples a batch can hold that are as long as may be."""
        most = self.worker.batcher.max_batch_tokens
        return max(1, most // self.manifest.tokens) if self.manifest.vocabulary else most

    def statistics(self) -> dict[str, Any]:
        """What it has done since it was loaded: one of the protocol's `model_stats`."""
        return self.metrics.statistics.show(self.facts.name, str(self.facts.version))


class ModelObserver(Protocol):
    """Follows which models are served."""

    def watch(self, model: ServedModel) -> None:
        """Take note of a model that is served from now on."""
        ...

    def forget(self, model: ServedModel) -> None:
        """Let go of a model that has answered everything it had accepted."""
        ...


def facts_of(checkpoint: Checkpoint, backend: Backend) -> ModelFacts:
    """What is constant about a checkpoint on a backend."""
    return ModelFacts(
        name=checkpoint.name,
        version=checkpoint.version,
        kind=_kind(checkpoint.manifest),
        sha256=checkpoint.manifest.sha256,
        device=str(backend.device),
        backend=backend.name,
        dtype=backend.dtype,
        weight_bytes=checkpoint.weight_bytes,
        flops_per_row=checkpoint.weights.flops_per_row,
        bytes_per_row=_bytes_per_row(checkpoint.weights, backend.dtype),
    )


def _kind(manifest: Manifest) -> str:
    """Of a network of blocks whether it routes: what it is compared by, as a model of one layer."""
    return manifest.family if isinstance(manifest, NetworkManifest) else manifest.kind


def take_as_long(one: ModelFacts, other: ModelFacts) -> bool:
    """Whether a batch of either takes the same time: same kind, same size, computed alike."""
    cost = attrgetter("kind", "device", "backend", "dtype", "flops_per_row", "bytes_per_row")
    return bool(cost(one) == cost(other))


def leaf_stats_of(manifest: Manifest, window_rows: int) -> list[LeafStats]:
    """Counters for every layer that routes."""
    counts = getattr(manifest, "reference_leaf_rows", None) or [None] * len(manifest.layers)
    return [
        LeafStats(layer.leaves, window_rows, rows, layer.trees, layer.rows * layer.trees)
        for layer, rows in zip(manifest.layers, counts, strict=True)
    ]


def _bytes_per_row(weights: AnyWeights, dtype: str) -> int:
    saved = 0  # where weights of neurons are kept so; nodes, gates and biases stay float32
    if dtype == "bfloat16" and isinstance(weights, FFFWeights | MixtureWeights):
        saved = _saved_by_half(weights)
    elif dtype == "bfloat16" and isinstance(weights, NetworkWeights):
        for layer in weights.layers:
            tree = weights.layer(layer.name)
            if isinstance(tree, FFFWeights):
                saved += min(layer.rows, tree.leaves) * _saved_by_half(tree)
    return weights.bytes_per_row - saved


def _saved_by_half(weights: FFFWeights | MixtureWeights) -> int:
    """Bytes of the neurons of one row, halved."""
    if isinstance(weights, FFFWeights):
        neurons = weights.leaf_width + weights.master_width
    else:
        neurons = weights.top_k * weights.expert_width
    return 2 * neurons * (weights.input_width + weights.output_width)
