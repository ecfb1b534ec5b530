"""
The paths of tokens through the layers of a network of blocks.

What a layer was given is known only to who computes the network. So each example is computed once
more, alone, and its paths are walked over what its layers were given then. Its answer, and the
leaves in it, were computed in a batch, whose dense parts round otherwise in their last bits: a
decision that is a near tie may turn, and what lies behind it follows. Where that happened, both
leaves are told. With the setting `strict` the batch is computed example by example too, and none
differs.

Covered:      all layers that route, or one of them; all tokens, or some; rows are one token.
Not covered:  which ones are asked for (`service.protocol.explain_request`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fff.explanation import explain
from fff.nodes import Nodes
from fff.routed_layer import RoutedLayer, columns_of
from networks.backend import NetworkBackend
from networks.routed import NO_LEAF
from service.engine.served_model import ServedModel
from service.inspection.path_rows import classes_of, margins_of, rows_a_piece, steps_of
from service.job import Answer, Rows
from service.metrics.leaf_stats import LeafSnapshot
from service.metrics.pacing import let_go
from service.protocol.explain_request import Chosen
from service.protocol.json_pieces import Pieces, joined_list, json_list, json_object, list_items

Leaves = npt.NDArray[np.int32]


class NetworkPaths:
    """
    Walks them; see `service.inspection.explanation.Walk`.

    Args:
        model: A network of blocks, at least one of which routes.
        rows: `[r, i]`, float32.
        live: Of each layer chosen the rows that margins are ranked among.
        chosen: Layers, at least one, and tokens.
    """

    rows_a_piece = 1

    def __init__(
        self,
        model: ServedModel,
        rows: Rows,
        live: Sequence[LeafSnapshot],
        chosen: Chosen,
    ):
        assert isinstance(model.backend, NetworkBackend), "it computes all of them. This is a bug."
        self._backend, self._manifest, self._rows = model.backend, model.manifest, rows
        self._tokens = chosen.tokens
        layers, trees = model.manifest.layers, model.backend.trees
        columns = columns_of(layers)
        self._layers = [
            _Layer(number, tree, columns[number].start + tree, layers[number], nodes, seen)
            for number, seen in zip(chosen.layers, live, strict=True)
            for tree, nodes in enumerate(trees[columns[number]])
        ]
        self.steps = sum(
            self._count(layer.routed) * max(1, layer.nodes.depth) for layer in self._layers
        )
        self.steps_text = f"{self.steps} (tokens times depth, of {len(self._layers)} layers)"
        self.facts: dict[str, Any] = {"layers": [layer.facts for layer in self._layers]}
        self._differing = 0

    def write(self, answer: Answer, piece: slice) -> bytes:
        """Compute, walk and write one row, letting go of the interpreter between its parts."""
        result, given = self._backend.infer_and_keep(torch.from_numpy(self._rows[piece]), True)
        logits = answer.logits[piece]
        ((label, label_name),) = classes_of(logits, self._manifest)
        row = {"class": label, "class_name": label_name, "logits": logits[0]}
        layers = [
            self._walk(
                layer,
                given[layer.number][0].cpu(),
                result.leaf[0, layer.column],
                answer.leaf[piece][0, layer.column],
            )
            for layer in self._layers
        ]
        return b"".join([b",", *json_object(row, layers=joined_list(layers))])

    def found(self) -> dict[str, Any]:
        """How many of the tokens walked were served by another leaf."""
        return {"differing": self._differing}

    def _count(self, layer: RoutedLayer) -> int:
        """How many of its tokens are asked for."""
        if self._tokens is None:
            return layer.rows
        return sum(token < layer.rows for token in self._tokens)

    def _walk(self, layer: "_Layer", x: Tensor, leaf: Tensor, served: Leaves) -> Pieces:
        """Of one example: `x` is `[i]` or `[t, i]`, the leaves `[]`, or `[t]` and `NO_LEAF`s."""
        x, leaf = x.reshape(-1, x.shape[-1]), leaf.reshape(-1)
        tokens = (leaf != NO_LEAF).nonzero()[:, 0]
        if self._tokens is not None:
            tokens = tokens[torch.isin(tokens, torch.tensor(self._tokens))]
        parts = [
            self._tokens_of(layer, some, x[some], leaf[some], served.reshape(-1)[some.numpy()])
            for some in torch.split(tokens, layer.at_once)
        ]
        named = {"layer": layer.number, "name": layer.routed.name} | layer.tree
        return json_object(named, tokens=json_list(parts) if len(tokens) else [b"[]"])

    def _tokens_of(
        self, layer: "_Layer", tokens: Tensor, x: Tensor, leaf: Tensor, served: Leaves
    ) -> bytes:
        paths = explain(x, leaf, layer.nodes)
        differs = leaf.numpy() != served
        self._differing += int(differs.sum())
        columns = (
            *(column.tolist() for column in (tokens, leaf, served, differs)),
            *margins_of(paths, layer.live),
            steps_of(paths),
        )
        written = list_items(
            [
                {
                    "token": token,
                    "leaf": at,
                    "served_leaf": served_by,
                    "differs": other,
                    "margin": nearest,
                    "margin_rank": share,
                    "path": steps,
                }
                for token, at, served_by, other, nearest, share, steps in zip(*columns, strict=True)
            ]
        )
        let_go()
        return written


@dataclass(frozen=True, slots=True)
class _Layer:
    """
    One that is asked for, or a tree of one that has several.

    `number` is its place among those that route, `column` its place in a row's leaves.
    """

    number: int
    own_tree: int
    column: int
    routed: RoutedLayer
    nodes: Nodes
    live: LeafSnapshot

    @property
    def at_once(self) -> int:
        return max(1, rows_a_piece(self.nodes.depth, self.nodes.input_width))

    @property
    def facts(self) -> dict[str, Any]:
        facts = {"layer": self.number, "name": self.routed.name, "leaves": self.nodes.leaves}
        return facts | self.tree | {"depth": self.nodes.depth, "tokens": self.routed.rows}

    @property
    def tree(self) -> dict[str, int]:
        """Which tree of its layer it is, counted from 0; nothing of a layer of one."""
        return {} if self.routed.trees == 1 else {"tree": self.own_tree}
