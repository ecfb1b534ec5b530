"""
From a model that somebody put together and trained in Python to one that is served.

Covered:      modules that are blocks (`networks.blocks`), one after the other.
Not covered:  files that others published (`fff-serve import`).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from evaluation.errors import EvaluationError
from evaluation.leaf_counts import LeafCounts
from evaluation.regression import computed
from model_store.manifest import Uint8Scaling
from model_store.opening import open_writable_store
from model_store.origin import ModuleOrigin
from model_store.store import Checkpoint
from networks.backends import build_backend
from networks.weights import NetworkWeights


def publish(
    model: nn.Sequential,
    input_shape: Sequence[int],
    name: str,
    store: Path | str | None = None,
    *,
    uint8: tuple[float, float] | None = None,
    rows: Tensor | None = None,
    notes: str = "",
    **fields: object,
) -> Checkpoint:
    """
    Put a model into a store, as its next version.

    Args:
        model: Modules of torch and of ours, each of which is a block; float32.
        input_shape: Of an example: `[i]` of a row, `[c, h, w]` of an image.
        name: Of the model in the store.
        store: A folder, made where it is not there; None is the user's own store.
        uint8: Scale and shift that make the network's input of a pixel; None where it takes none.
        rows: What the model was trained on, or some of it, `[n, i]`, float32: routing drift is
            measured against the leaves that these take. None for a model without drift.
        notes: On where it comes from.
        fields: Others of the manifest: `baseline`, `classes`, `targets`, ...

    Raises:
        BlockError: Naming the module that no block is for.
        ShapeError: A module does not take what the one before it makes.
        EvaluationError: `rows` do not fit.
        StoreError: As `Store.publish`.
    """
    weights = NetworkWeights.of(model, input_shape)
    if store is not None:
        Path(store).mkdir(parents=True, exist_ok=True)
    origin = ModuleOrigin(torch=torch.__version__, notes=notes)
    fields |= {"origin": origin, "reference_leaf_rows": None}
    if uint8 is not None:
        fields["uint8"] = Uint8Scaling(scale=uint8[0], shift=uint8[1])
    if rows is not None and weights.layers:
        fields["reference_leaf_rows"] = _leaf_rows(weights, rows)
    return open_writable_store(store).publish(name, weights, **fields)


def _leaf_rows(weights: NetworkWeights, rows: Tensor) -> list[list[int]]:
    if rows.ndim < 2 or rows[0].numel() != weights.input_width or rows.dtype != torch.float32:
        raise EvaluationError(
            f"rows must be float32, [n, {weights.input_width}], got {rows.dtype}, "
            f"{list(rows.shape)}"
        )
    backend = build_backend(weights, torch.device("cpu"))
    _, leaf = computed(backend, rows.reshape(len(rows), -1).numpy())
    return [counts.tolist() for counts in LeafCounts(weights, leaf).rows]
