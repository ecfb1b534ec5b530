"""
An FFF and its dense twin on the same rows, timed in turn on the models as they serve.

Each round computes the rows on both sides, in batches of their own, so that neither side is
charged for somebody else's rows; medians over the rounds.
"""

from statistics import median
from typing import Any

import numpy as np

from service.engine import Engine
from service.errors import InvalidInput
from service.job import Answer
from service.served_model import ServedModel
from service.tensor_bytes import Rows

ROUNDS = 5  # odd, for the median; few, since live requests share the compute threads


def baseline_of(engine: Engine, model: ServedModel) -> ServedModel:
    """
    Find the dense twin.

    Raises:
        InvalidInput: If the model names none.
        ModelNotServed: If it names one that is not served.
    """
    name = model.manifest.baseline
    if name is None:
        raise InvalidInput(
            f"model {model.facts.name!r} must name a dense baseline to be compared; it names none"
        )
    twin = engine.model(name)
    if twin.manifest.output_width != model.manifest.output_width:
        raise InvalidInput(
            f"{model.facts.name!r} has {model.manifest.output_width} outputs, "
            f"its baseline {name!r} {twin.manifest.output_width}"
        )
    return twin


async def compare(engine: Engine, model: ServedModel, rows: Rows) -> dict[str, Any]:
    """Compute rows on a model and its baseline; a `CompareResponse` as a dictionary."""
    twin = baseline_of(engine, model)
    fff: list[Answer] = []
    dense: list[Answer] = []
    for _ in range(ROUNDS):
        fff.append(await engine.submit(model, rows, alone=True))
        dense.append(await engine.submit(twin, rows, alone=True))
    ours, theirs = fff[0].logits, dense[0].logits
    fff_s, dense_s = (median(a.compute_s for a in side) for side in (fff, dense))
    return {
        "fff": _side(model, ours, fff_s),
        "dense": _side(twin, theirs, dense_s),
        "rows": len(rows),
        "rounds": ROUNDS,
        "agreement": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "speedup": dense_s / fff_s,
    }


def _side(model: ServedModel, outputs: Rows, compute_s: float) -> dict[str, Any]:
    return {
        "model": model.facts.name,
        "version": model.facts.version,
        "outputs": outputs,
        "compute_ms": compute_s * 1e3,
    }
