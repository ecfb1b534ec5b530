"""
Rows computed as the service computes them, without one: its engine, and its writers of answers.

Rows are computed in batches of the service's size. As for a request, all of them get an answer or
none does.

Covered:      predictions and explanations of any number of rows; the row that is refused.
Not covered:  where rows come from (`input_file`), how answers are shown (`predict_command`,
              `explain_command`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import orjson

from evaluation.errors import EvaluationError
from fff.errors import DeviceUnavailable
from model_store.errors import StoreError
from model_store.store import Store
from service.engine.engine import Engine
from service.engine.failures import OF_LOADING, for_operator
from service.engine.one_model import serving_one
from service.engine.served_model import ServedModel
from service.errors import InvalidInput, ServiceError
from service.inspection.explanation import (
    explain_rows,
    inspection_thread,
    most_rows,
    require_paths,
)
from service.job import Answer, Rows
from service.protocol.explain_request import choose
from service.protocol.plain_json import plain_answer
from service.settings import load_settings

T = TypeVar("T")
Compute = Callable[[Engine, ServedModel, Rows], Awaitable[T]]


def predict(
    store: Store, name: str, version: int | None, rows: Rows
) -> tuple[dict[str, Any], Answer]:
    """
    Compute rows, `[r, i]` float32, on a model.

    Returns:
        A `PredictResponse`, with arrays in it; and the answer that it is made of.

    Raises:
        StoreError: No such model, or one that does not pass a check.
        EvaluationError: The model cannot be run here, or gives no answer for a row, which the
            message names.
    """
    return _run(store, name, version, rows, _predicted)


def explain(
    store: Store,
    name: str,
    version: int | None,
    rows: Rows,
    layer: str | int | None = None,
    tokens: list[int] | None = None,
) -> dict[str, Any]:
    """
    Compute rows, `[r, i]` float32, on an FFF or a network with such layers, and the path of each.

    Args:
        store: Has the model.
        name: The model's.
        version: The newest by default.
        rows: At least one.
        layer: Of a network the one to explain, by name or number; all by default.
        tokens: Of a network those to explain; all by default.

    Returns:
        An `ExplainResponse`, or of a network a `NetworkExplainResponse`.

    Raises:
        StoreError, EvaluationError: As `predict`; or no layer routes, or not as many, or one row
            takes more steps than an explanation may.
    """
    return _run(store, name, version, rows, partial(_explained, layer, tokens))


def _run(store: Store, name: str, version: int | None, rows: Rows, compute: Compute[T]) -> T:
    async def run() -> T:
        settings = load_settings({})  # FFF_DEVICE and its like choose here what they choose there
        async with serving_one(settings, store, name, version) as (engine, model):
            return await compute(engine, model, rows)

    try:
        return asyncio.run(run())
    except StoreError:
        raise
    except (ServiceError, DeviceUnavailable, *OF_LOADING) as exc:
        raise EvaluationError(for_operator(exc)) from exc


async def _predicted(
    engine: Engine, model: ServedModel, rows: Rows
) -> tuple[dict[str, Any], Answer]:
    async def submit(part: Rows) -> Answer:
        return await engine.submit(model, part)

    answers = await _in_batches(engine, model, rows, _batch_rows(model), submit)
    answer = _joined(answers)
    return plain_answer(model, answer), answer


async def _explained(
    layer: str | int | None,
    tokens: list[int] | None,
    engine: Engine,
    model: ServedModel,
    rows: Rows,
) -> dict[str, Any]:
    require_paths(model)
    chosen = choose(model.manifest, layer, tokens)
    none_served = [model.metrics.layers[number].snapshot() for number in chosen.layers]
    with inspection_thread(engine.settings.compute_threads) as executor:

        async def walk(part: Rows) -> dict[str, Any]:
            pieces, _ = await explain_rows(engine, executor, model, part, chosen, none_served)
            explained: dict[str, Any] = orjson.loads(b"".join(pieces))
            return explained

        size = max(1, min(_batch_rows(model), most_rows(model, chosen)))
        parts = await _in_batches(engine, model, rows, size, walk)
    whole = parts[0] | {"rows": [row for part in parts for row in part["rows"]]}
    if "differing" in whole:
        whole["differing"] = sum(part["differing"] for part in parts)
    return whole


def _batch_rows(model: ServedModel) -> int:
    """Most rows of one request."""
    return model.most_numbers // model.manifest.input_width


async def _in_batches(
    engine: Engine,
    model: ServedModel,
    rows: Rows,
    size: int,
    compute: Callable[[Rows], Awaitable[T]],
) -> list[T]:
    parts: list[T] = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        try:
            parts.append(await compute(part))
        except InvalidInput as exc:
            row = start + await _first_refused(engine, model, part)
            raise InvalidInput(f"row {row}, counted from 0: {exc}") from exc
    return parts


async def _first_refused(engine: Engine, model: ServedModel, rows: Rows) -> int:
    """Which one; a batch says only that one is."""
    for row in range(len(rows)):
        try:
            await engine.submit(model, rows[row : row + 1])
        except InvalidInput:
            return row
    return 0


def _joined(answers: list[Answer]) -> Answer:
    logits, leaf, margin = (
        np.concatenate([getattr(answer, name) for answer in answers])
        for name in ("logits", "leaf", "margin")
    )
    return answers[0]._replace(logits=logits, leaf=leaf, margin=margin)
