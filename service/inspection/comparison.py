"""
A model and its baseline on the same rows, timed in turn on the models as they serve.

Each round computes the rows on both sides, in batches of their own, so that neither side is
charged for somebody else's rows; sides go first by turns; medians over the rounds.
"""

import asyncio
from concurrent.futures import Executor
from functools import partial
from typing import Any

from fff.agreement import AgreementRule
from fff.comparison import OutputDifference, Tally, speedup, turns
from model_store.baseline import incomparable
from model_store.manifest import Manifest
from service.engine.engine import Engine
from service.engine.offload import PIECE_NUMBERS
from service.engine.served_model import ServedModel
from service.errors import InvalidInput
from service.job import Answer
from service.protocol.json_pieces import Pieces, json_list, json_object, list_items
from service.protocol.outputs import shown_target
from service.protocol.plain_json import ComparisonRequest, Labels
from service.protocol.tensor_bytes import Rows

ROUNDS = 6  # even, so that both go first as often; few, since live requests share the threads


def baseline_of(engine: Engine, model: ServedModel) -> ServedModel:
    """
    Find the network that a model is compared with.

    Raises:
        InvalidInput: If the model names none, or one whose answers cannot be compared with its own.
        ModelNotServed: If it names one that is not served.
    """
    name = model.manifest.baseline
    if name is None:
        raise InvalidInput(
            f"model {model.facts.name!r} must name a baseline to be compared; it names none"
        )
    twin = engine.model(name)
    if difference := incomparable(model.manifest, twin.manifest):
        raise InvalidInput(
            f"model {model.facts.name!r} must have a baseline that takes and predicts the same to "
            f"be compared; {name!r} {difference}"
        )
    return twin


async def compare(engine: Engine, executor: Executor, request: ComparisonRequest) -> Pieces:
    """
    Compute rows on a model and its baseline.

    Args:
        engine: Computes the rows of both, in batches of their own.
        executor: Compares and writes the outputs, a piece at a time; of one thread, so that the
            event loop never waits for more than one piece.
        request: At least one row, for a model that names a baseline.

    Returns:
        A `CompareResponse` as JSON.

    Raises:
        InvalidInput: If it names none that could be compared, or a regression comes with labels.
        ServiceError: As `engine.submit`.
    """
    models, rows = (request.model, baseline_of(engine, request.model)), request.rows
    manifest = request.model.manifest
    loop = asyncio.get_running_loop()
    answers: tuple[list[Answer], list[Answer]] = ([], [])
    for order in turns(ROUNDS):
        for side in order:
            # The first is traffic like any other, and not timed; the others only repeat it.
            timed = len(answers[side]) > 0
            answers[side].append(await engine.submit(models[side], rows, timed=timed))
    ours, theirs = (given[0].logits for given in answers)
    times = speedup(*([answer.compute_s for answer in given[1:]] for given in answers))
    tally = Tally(AgreementRule(manifest.tolerances))
    parts: list[tuple[bytes, bytes]] = []
    size = max(1, PIECE_NUMBERS // ours[0].size)
    for start in range(0, len(rows), size):
        piece = slice(start, start + size)
        labels = None if request.labels is None else request.labels[piece]
        count = partial(_count, tally, ours[piece], theirs[piece], labels)
        parts.append(await loop.run_in_executor(executor, count))
    fff_outputs, dense_outputs = (json_list(part) for part in zip(*parts, strict=True))
    agreement, (fff_accuracy, dense_accuracy) = tally.agreement, tally.accuracies
    content = {
        "rows": len(rows),
        "rounds": ROUNDS,
        "task": manifest.task,
        "agreement": tally.share,
        "targets": _targets(manifest, tally.differences),
        "largest_difference": agreement.largest_difference,
        "mean_difference": agreement.mean_difference,
        "threads": engine.settings.compute_threads,
        "speedup": times.median,
        "speedup_low": times.low,
        "speedup_high": times.high,
        "difference_seen": times.difference_seen,
    }
    fff = _side(models[0], len(rows), times.first_s, fff_accuracy)
    dense = _side(models[1], len(rows), times.second_s, dense_accuracy)
    return json_object(
        content,
        fff=json_object(fff, outputs=fff_outputs),
        dense=json_object(dense, outputs=dense_outputs),
    )


def _targets(
    manifest: Manifest, differences: list[OutputDifference]
) -> list[dict[str, Any]] | None:
    if manifest.targets is None:
        return None
    return [
        shown_target(target)
        | {"largest_difference": difference.largest, "mean_difference": difference.mean}
        for target, difference in zip(manifest.targets, differences, strict=True)
    ]


def _count(tally: Tally, ours: Rows, theirs: Rows, labels: Labels | None) -> tuple[bytes, bytes]:
    tally.add(ours, theirs, labels)
    return list_items(ours), list_items(theirs)


def _side(
    model: ServedModel, rows: int, compute_s: float, accuracy: float | None
) -> dict[str, Any]:
    return {
        "model": model.facts.name,
        "version": model.facts.version,
        "compute_ms": compute_s * 1e3,
        "compute_us_per_row": compute_s * 1e6 / rows,
        "flops_per_row": model.facts.flops_per_row,
        "bytes_per_row": model.facts.bytes_per_row,
        "accuracy": accuracy,
    }
