"""The paths of rows through a network that is one FFF."""

from typing import Any

import torch

from fff.explanation import explain
from service.engine.offload import PIECE_NUMBERS
from service.engine.served_model import ServedModel
from service.inspection.path_rows import classes_of, margins_of, rows_a_piece, steps_of
from service.job import Answer, Rows
from service.metrics.leaf_stats import LeafSnapshot
from service.protocol.json_pieces import list_items


class LayerPaths:
    """
    Walks them; see `service.inspection.explanation.Walk`.

    Args:
        model: An FFF.
        rows: `[r, i]`, float32.
        live: Margins are ranked among its rows.
    """

    def __init__(self, model: ServedModel, rows: Rows, live: LeafSnapshot):
        (self._nodes,) = model.backend.trees
        self._manifest, self._rows, self._live = model.manifest, rows, live
        nodes = self._nodes
        at_once = rows_a_piece(nodes.depth, nodes.input_width)
        self.rows_a_piece = max(1, min(at_once, PIECE_NUMBERS // model.manifest.output_width))
        self.steps, self.steps_text = nodes.depth, f"{nodes.depth}"
        self.facts: dict[str, Any] = {"depth": nodes.depth, "leaves": nodes.leaves}

    def write(self, answer: Answer, piece: slice) -> bytes:
        """Walk and write some rows."""
        leaf, logits = answer.leaf[piece, 0], answer.logits[piece]
        paths = explain(torch.from_numpy(self._rows[piece]), torch.from_numpy(leaf), self._nodes)
        columns = (
            classes_of(logits, self._manifest),
            logits,
            leaf.tolist(),
            *margins_of(paths, self._live),
            steps_of(paths),
        )
        rows: list[dict[str, Any]] = [
            {
                "class": label,
                "class_name": label_name,
                "logits": row,
                "leaf": served_by,
                "margin": nearest,
                "margin_rank": share,
                "path": steps,
            }
            for (label, label_name), row, served_by, nearest, share, steps in zip(
                *columns, strict=True
            )
        ]
        return list_items(rows)

    def found(self) -> dict[str, Any]:
        """Nothing more: what is walked is what was served."""
        return {}
