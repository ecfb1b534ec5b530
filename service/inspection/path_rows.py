"""What explanations say of rows, whatever the network: their classes, margins and steps."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fff.explanation import Paths
from model_store.manifest import Manifest
from service.metrics.leaf_stats import LeafSnapshot

PIECE_ROWS = 32  # of the demo take 0.8 ms, mostly with the interpreter held (Xeon VM, 2026-11-25)
_TORCH_NUMBERS = 32_768  # from here on torch shares an operation out among threads of its own


def rows_a_piece(depth: int, input_width: int) -> int:
    """Most rows whose paths are walked at once, down a tree of a depth; may be 0."""
    return min(PIECE_ROWS, _TORCH_NUMBERS // (max(1, depth) * input_width))


def classes_of(
    logits: npt.NDArray[np.float32], manifest: Manifest
) -> list[tuple[int | None, str | None]]:
    """
    Of each row its class and that class's name.

    None where there is none: of a regression, and of a row that has an answer for each token,
    `[r, t, o]` in place of `[r, o]`.
    """
    if manifest.targets is not None or logits.ndim == 3:
        return [(None, None)] * len(logits)
    names = manifest.classes
    found = logits.argmax(axis=1).tolist()
    return [(label, None if names is None else names[label]) for label in found]


# orjson writes the infinite distances and margins, of rows that nothing bounds, as null.


def margins_of(paths: Paths, live: LeafSnapshot) -> tuple[list[float], list[float | None]]:
    """Of each row its margin, and that margin's rank among live rows; None before there was one."""
    margin = paths.margin.numpy()
    rank = live.margin_rank(margin)
    return margin.tolist(), [None] * len(margin) if rank is None else rank.tolist()


def steps_of(paths: Paths) -> list[list[dict[str, Any]]]:
    """Of each row the decisions on its path, from the root."""
    columns = (paths.node, paths.score, paths.distance, paths.right)
    return [
        [
            {"node": node, "score": score, "distance": distance, "right": right}
            for node, score, distance, right in zip(*path, strict=True)
        ]
        for path in zip(*(column.tolist() for column in columns), strict=True)
    ]
