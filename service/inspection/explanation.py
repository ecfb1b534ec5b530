"""
Why rows went where they went: each row's path beside the answer it was served.

The answer is the engine's, so an explained row is a served row: admitted, limited and counted
like any other. Its path is then walked apart from the model's queue, a bounded piece at a time.

Covered:      FFF models on any backend, the margin's rank among live rows.
Not covered:  HTTP (`service.http`), the walk itself (`fff.explanation`).
"""

import asyncio
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fff.explanation import Paths, explain
from fff.names import KIND_NAMES
from fff.nodes import Nodes
from model_store.manifest import Manifest
from service.engine.engine import Engine
from service.engine.offload import PIECE_NUMBERS
from service.engine.served_model import ServedModel
from service.errors import InvalidInput, TooLarge
from service.job import Answer, Rows
from service.metrics.leaf_stats import LeafSnapshot
from service.protocol.json_pieces import Pieces, json_list, json_object, list_items
from service.protocol.outputs import shown_target

MOST_STEPS = 16_384
"""Rows times depth of one request: 1,024 rows of 2**15 leaves, as large as one prediction."""

_PIECE_ROWS = 32  # of the demo take 0.8 ms, mostly with the interpreter held (Xeon VM, 2026-11-25)
_TORCH_NUMBERS = 32_768  # from here on torch shares an operation out among threads of its own

Floats = npt.NDArray[np.float64]


async def explain_rows(
    engine: Engine,
    executor: Executor,
    model: ServedModel,
    rows: Rows,
    live: LeafSnapshot | None = None,
) -> tuple[Pieces, Answer]:
    """
    Serve rows and walk their paths.

    Args:
        engine: Computes the rows.
        executor: Walks and writes the paths, a piece at a time; of one thread, so that the event
            loop never waits for more than one piece.
        model: An FFF.
        rows: `[r, i]`, float32, at least one.
        live: Margins are ranked among these rows; by default among those served before.

    Returns:
        An `ExplainResponse` as JSON, and the answer served.

    Raises:
        InvalidInput: If the model is no FFF, or as `engine.submit` raises it.
        TooLarge: More than `MOST_STEPS` steps.
        ServiceError: As `engine.submit`.
    """
    nodes = tree_of(model)
    steps = len(rows) * nodes.depth
    if steps > MOST_STEPS:
        raise TooLarge(
            f"an explanation may take at most {MOST_STEPS} steps, "
            f"got {len(rows)} rows of {nodes.depth}"
        )
    if live is None:
        live = model.metrics.layers[0].snapshot()  # before these rows are counted
    answer = await engine.submit(model, rows)
    loop = asyncio.get_running_loop()
    parts: list[bytes] = []
    numbers = max(1, nodes.depth) * nodes.input_width  # that explaining a row takes
    size = min(_PIECE_ROWS, _TORCH_NUMBERS // numbers, PIECE_NUMBERS // model.manifest.output_width)
    size = max(1, size)
    for start in range(0, len(rows), size):
        piece = slice(start, start + size)
        write = partial(_write, nodes, model.manifest, rows, answer, live, piece)
        parts.append(await loop.run_in_executor(executor, write))
    manifest = model.manifest
    targets = None if manifest.targets is None else [shown_target(t) for t in manifest.targets]
    head = {"model": model.facts.name, "version": model.facts.version}
    head |= {"depth": nodes.depth, "leaves": nodes.leaves}
    head |= {"task": manifest.task, "targets": targets}
    return json_object(head, rows=json_list(parts)), answer


def tree_of(model: ServedModel) -> Nodes:
    """
    Find the tree a model's rows go down.

    Raises:
        InvalidInput: If it has none.
    """
    if len(model.backend.trees) != 1:
        raise InvalidInput(
            f"an explanation needs an FFF; {model.facts.name!r} is "
            f"{KIND_NAMES[model.manifest.kind]}, which has no tree, so that no path is taken"
        )
    return model.backend.trees[0]


def _write(
    nodes: Nodes,
    manifest: Manifest,
    rows: Rows,
    answer: Answer,
    live: LeafSnapshot,
    piece: slice,
) -> bytes:
    leaf = answer.leaf[piece, 0]
    paths = explain(torch.from_numpy(rows[piece]), torch.from_numpy(leaf), nodes)
    margin, logits = paths.margin.numpy(), answer.logits[piece]
    found = _classes(logits, manifest)
    return list_items(_rows(logits, found, leaf, paths, margin, live.margin_rank(margin)))


def _classes(
    logits: npt.NDArray[np.float32], manifest: Manifest
) -> list[tuple[int | None, str | None]]:
    """Of each row its class and that class's name; None where there is none."""
    if manifest.targets is not None:
        return [(None, None)] * len(logits)
    names = manifest.classes
    found = logits.argmax(axis=1).tolist()
    return [(label, None if names is None else names[label]) for label in found]


def _rows(
    logits: npt.NDArray[np.float32],
    classes: list[tuple[int | None, str | None]],
    leaf: npt.NDArray[np.int32],
    paths: Paths,
    margin: Floats,
    rank: Floats | None,
) -> list[dict[str, Any]]:
    # orjson writes the infinite distances and margins, of rows that nothing bounds, as null.
    ranks = [None] * len(margin) if rank is None else rank.tolist()
    columns = (classes, logits, leaf.tolist(), margin.tolist(), ranks)
    steps = (paths.node, paths.score, paths.distance, paths.right)
    return [
        {
            "class": label,
            "class_name": label_name,
            "logits": row,
            "leaf": served_by,
            "margin": nearest,
            "margin_rank": share,
            "path": [
                {"node": node, "score": score, "distance": distance, "right": right}
                for node, score, distance, right in zip(*path, strict=True)
            ],
        }
        for (label, label_name), row, served_by, nearest, share, *path in zip(
            *columns, *(step.tolist() for step in steps), strict=True
        )
    ]
