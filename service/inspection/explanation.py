"""
Why rows went where they went: each row's path beside the answer it was served.

The answer is the engine's, so an explained row is a served row: admitted, limited and counted
like any other. Its path is then walked apart from the model's queue, a bounded piece at a time.

Covered:      FFF models on any backend, networks of blocks with such layers; how much at once.
Not covered:  HTTP (`service.http`), the walks themselves (`layer_paths`, `network_paths`).
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch

from fff.names import KIND_NAMES
from model_store.manifest import NetworkManifest
from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.errors import InvalidInput, TooLarge
from service.inspection.layer_paths import LayerPaths
from service.inspection.network_paths import NetworkPaths
from service.job import Answer, Rows
from service.metrics.leaf_stats import LeafSnapshot
from service.protocol.explain_request import Chosen
from service.protocol.json_pieces import Pieces, json_list, json_object
from service.protocol.outputs import shown_target

MOST_STEPS = 16_384
"""
Rows times depth of one request: 1,024 rows of 2**15 leaves, as large as one prediction. Of a
network each token of each layer that is asked for is a row, and no decision counts as one step.
"""


class Walk(Protocol):
    """
    Walks the paths of the rows of one request.

    Attributes:
        rows_a_piece: How many rows to walk at once.
        steps: Of one row.
        steps_text: The same, with what it comes of where that is not plain.
        facts: Of the model, for the answer.
    """

    rows_a_piece: int
    steps: int
    steps_text: str
    facts: dict[str, Any]

    def write(self, answer: Answer, piece: slice) -> bytes:
        """Walk the paths of some rows, and write them as `list_items` does; not in the loop."""
        ...

    def found(self) -> dict[str, Any]:
        """What there is to say of all rows once they are walked."""
        ...


async def explain_rows(
    engine: Engine,
    executor: Executor,
    model: ServedModel,
    rows: Rows,
    chosen: Chosen,
    live: Sequence[LeafSnapshot] | None = None,
) -> tuple[Pieces, Answer]:
    """
    Serve rows and walk their paths.

    Args:
        engine: Computes the rows.
        executor: Walks and writes the paths, a piece at a time; of one thread, so that the event
            loop never waits for more than one piece.
        model: An FFF, or a network with layers that are.
        rows: `[r, i]`, float32, at least one.
        chosen: Which layers, and tokens of a network; of an FFF its only one.
        live: Of each of these layers the rows that margins are ranked among; by default those
            served before.

    Returns:
        An `ExplainResponse` as JSON, and the answer served.

    Raises:
        InvalidInput: If no layer of the model routes, or as `engine.submit` raises it.
        TooLarge: More than `MOST_STEPS` steps.
        ServiceError: As `engine.submit`.
    """
    require_paths(model)
    walk = _walk_of(model, rows, chosen, live)
    if len(rows) * walk.steps > MOST_STEPS:
        raise TooLarge(
            f"an explanation may take at most {MOST_STEPS} steps, "
            f"got {len(rows)} rows of {walk.steps_text}"
        )
    answer = await engine.submit(model, rows)
    loop = asyncio.get_running_loop()
    parts: list[bytes] = []
    for start in range(0, len(rows), walk.rows_a_piece):
        piece = slice(start, start + walk.rows_a_piece)
        parts.append(await loop.run_in_executor(executor, partial(walk.write, answer, piece)))
    manifest = model.manifest
    targets = None if manifest.targets is None else [shown_target(t) for t in manifest.targets]
    head = {"model": model.facts.name, "version": model.facts.version} | walk.facts
    head |= {"task": manifest.task, "targets": targets} | walk.found()
    return json_object(head, rows=json_list(parts)), answer


def most_rows(model: ServedModel, chosen: Chosen) -> int:
    """How many rows of a model may be explained at once, 0 where even one takes too many steps."""
    none = np.empty((0, model.manifest.input_width), np.float32)
    return MOST_STEPS // max(1, _walk_of(model, none, chosen, None).steps)


def require_paths(model: ServedModel) -> None:
    """
    Refuse a model without layers that route.

    Raises:
        InvalidInput: It has none, so that there are no paths.
    """
    if not model.backend.trees:
        raise InvalidInput(
            f"an explanation needs an FFF; {model.facts.name!r} is "
            f"{KIND_NAMES[model.manifest.kind]}, which has no tree, so that no path is taken"
        )


def inspection_thread(threads: int) -> ThreadPoolExecutor:
    """
    Make the executor for explanations: one thread, however many ask.

    Args:
        threads: Of torch, inside one matrix product: as many as served rows are computed with, for
            how products round may depend on it.
    """
    return ThreadPoolExecutor(1, "inspection", torch.set_num_threads, (threads,))


def _walk_of(
    model: ServedModel, rows: Rows, chosen: Chosen, live: Sequence[LeafSnapshot] | None
) -> Walk:
    if live is None:  # before these rows are counted
        live = [model.metrics.layers[layer].snapshot() for layer in chosen.layers]
    if isinstance(model.manifest, NetworkManifest):
        return NetworkPaths(model, rows, live, chosen)
    (own,) = live
    return LayerPaths(model, rows, own)
