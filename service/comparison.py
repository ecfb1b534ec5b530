"""
An FFF and its dense twin on the same rows, timed in turn on the models as they serve.

Each round computes the rows on both sides, in batches of their own, so that neither side is
charged for somebody else's rows; sides go first by turns; medians over the rounds.
"""

from statistics import median
from typing import Any

import numpy.typing as npt

from fff.comparison import Tally, turns
from service.engine import Engine
from service.errors import InvalidInput
from service.job import Answer
from service.served_model import ServedModel
from service.tensor_bytes import Rows

ROUNDS = 6  # even, so that both go first as often; few, since live requests share the threads

Labels = npt.NDArray[Any]


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


async def compare(
    engine: Engine, model: ServedModel, rows: Rows, labels: Labels | None = None
) -> dict[str, Any]:
    """
    Compute rows on a model and its baseline.

    Args:
        engine: Computes.
        model: An FFF that names a baseline.
        rows: `[r, i]`, float32, at least one.
        labels: Their true classes, `[r]`, or None where nobody knows them.

    Returns:
        A `CompareResponse` as a dictionary.
    """
    sides = model, baseline_of(engine, model)
    answers: tuple[list[Answer], list[Answer]] = ([], [])
    for order in turns(ROUNDS):
        for side in order:
            answers[side].append(await engine.submit(sides[side], rows, alone=True))
    ours, theirs = (given[0].logits for given in answers)
    fff_s, dense_s = (median(answer.compute_s for answer in given[1:]) for given in answers)
    tally = Tally()
    tally.add(ours, theirs, labels)
    agreement, (fff_reached, dense_reached) = tally.agreement, tally.accuracies
    return {
        "fff": _side(sides[0], ours, fff_s, fff_reached),
        "dense": _side(sides[1], theirs, dense_s, dense_reached),
        "rows": len(rows),
        "rounds": ROUNDS,
        "agreement": agreement.same_class,
        "largest_difference": agreement.largest_difference,
        "mean_difference": agreement.mean_difference,
        "speedup": dense_s / fff_s,
    }


def _side(
    model: ServedModel, outputs: Rows, compute_s: float, accuracy: float | None
) -> dict[str, Any]:
    return {
        "model": model.facts.name,
        "version": model.facts.version,
        "outputs": outputs,
        "compute_ms": compute_s * 1e3,
        "compute_us_per_row": compute_s * 1e6 / len(outputs),
        "flops_per_row": model.facts.flops_per_row,
        "bytes_per_row": model.facts.bytes_per_row,
        "accuracy": accuracy,
    }
