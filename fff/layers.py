"""
The trainable networks: soft in training, hard in evaluation, exported to `fff.weights`.

Covered:      soft mixture over all leaves, region leak, leaf dropout, master leaf, depth 0.
Not covered:  hardened training (rounding without a straight-through gradient gives routers no
              task gradient: docs of the original, `train_hardened`).

Source: Belcak and Wattenhofer, arXiv:2308.14711, algorithm 1 (`F_T`), initialisation and leaf
dropout from the authors' code (pbelcak/fastfeedforward bd360ae); the master leaf from
AndreasCharalamp/fastfeedforward-experiments (1a87c30).
"""

import math
import re
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fff.activations import activation_by_name
from fff.kernels.torch_grouped import TorchGrouped
from fff.mixing import Mixing, SoftOutput, mix_by_decisions
from fff.weights import FeedForwardWeights, FFFWeights, TieRule


class FFF(nn.Module):
    """
    A fast feedforward layer. `model.train()` mixes all leaves, `model.eval()` takes one.

    Args:
        input_width: `i >= 1`.
        output_width: `o >= 1`.
        depth: `d >= 0`; depth 0 is one leaf, a plain feedforward layer.
        leaf_width: `l >= 1`, hidden neurons of a leaf.
        activation: A name of `fff.activations`.
        master_width: `m`, hidden neurons of the master leaf; 0 for none.
        region_leak: Probability that a node's two children swap, per row, in training.
        leaf_dropout: Probability that a leaf's activation is dropped in training.

    Raises:
        ValueError: If a width or the depth is too small, or the activation is unknown.
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        depth: int,
        leaf_width: int,
        activation: str = "relu",
        master_width: int = 0,
        region_leak: float = 0.0,
        leaf_dropout: float = 0.0,
    ):
        super().__init__()
        _check_sizes(depth, input_width, output_width, leaf_width, master_width)
        self.depth = depth
        self.activation = activation
        self.region_leak = region_leak
        self.leaf_dropout = leaf_dropout
        self.tie: TieRule = "ge"  # the paper's; an imported network may have the other
        self._act = activation_by_name(activation)
        leaves, nodes = 2**depth, 2**depth - 1
        by_input, by_leaf = 1 / math.sqrt(input_width), 1 / math.sqrt(leaf_width)
        self.node_weight = _uniform(by_input, nodes, input_width)
        self.node_bias = _uniform(by_input, nodes)
        self.w1 = _uniform(by_input, leaves, input_width, leaf_width)
        self.b1 = _uniform(by_input, leaves, leaf_width)
        self.w2 = _uniform(by_leaf, leaves, leaf_width, output_width)
        self.b2 = _uniform(by_leaf, leaves, output_width)
        self.master, self.master_logit = None, None
        if master_width:
            self.master = Dense(input_width, output_width, master_width, activation, leaf_dropout)
            # 0.5 is the eFFF code's start: the tree's share begins at sigmoid(0.5) = 0.62.
            self.master_logit = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`: soft in training mode, hard (without gradients) in evaluation."""
        if self.training:
            return self.soft(x).logits
        weights = self.weights()
        return TorchGrouped(weights, weights.w1.device).infer(x).logits.to(x.device)

    def soft(self, x: Tensor, gate: Mixing | None = None) -> SoftOutput:
        """
        Mix every leaf: by default by the product of the soft decisions on its path (`F_T`).

        Args:
            x: `[n, i]`.
            gate: Scores, `[n, 2**d - 1]`, to shares, `[n, 2**d]`.
        """
        scores = self.scores(x)
        mixture = (gate or self._mixture)(scores)
        weighted = (self._hidden_of_leaves(x) * mixture[:, :, None]).flatten(1)
        logits = weighted @ self.w2.flatten(0, 1) + mixture @ self.b2  # [n, o]
        return SoftOutput(self._with_master(x, logits), scores, mixture)

    def at_leaves(self, x: Tensor, leaf: Tensor) -> Tensor:
        """
        Compute each row in one leaf alone, with gradients for it and for the master leaf.

        Args:
            x: `[n, i]`.
            leaf: `[n]`, int64.
        """
        hidden = torch.einsum("ni,nil->nl", x, self.w1[leaf]) + self.b1[leaf]
        outputs = torch.einsum("nl,nlo->no", self._hidden(hidden), self.w2[leaf]) + self.b2[leaf]
        return self._with_master(x, outputs)

    def each_leaf(self, x: Tensor) -> Tensor:
        """What each leaf alone would answer, with the master leaf, `[n, 2**d, o]`."""
        outputs = torch.einsum("njl,jlo->njo", self._hidden_of_leaves(x), self.w2) + self.b2
        return self._with_master(x, outputs)

    def scores(self, x: Tensor) -> Tensor:
        """Every node's score, `[n, 2**d - 1]`."""
        return x @ self.node_weight.T + self.node_bias

    def _hidden_of_leaves(self, x: Tensor) -> Tensor:
        up = self.w1.transpose(0, 1).flatten(1)  # [i, 2**d * l]: one product for all leaves
        return self._hidden(x @ up + self.b1.flatten()).view(-1, *self.b1.shape)

    def _hidden(self, sums: Tensor) -> Tensor:
        return F.dropout(self._act(sums), self.leaf_dropout, self.training)

    def _with_master(self, x: Tensor, logits: Tensor) -> Tensor:
        if self.master is None or self.master_logit is None:
            return logits
        share, master = torch.sigmoid(self.master_logit), self.master(x)
        if logits.ndim == 3:  # of each leaf
            master = master[:, None]
        mixed: Tensor = share * logits + (1 - share) * master
        return mixed

    def _mixture(self, scores: Tensor) -> Tensor:
        right = torch.sigmoid(scores)  # [n, 2**d - 1]
        if self.training and self.region_leak:
            swap = torch.rand_like(right) < self.region_leak
            right = torch.where(swap, 1 - right, right)
        return mix_by_decisions(right)

    def weights(self) -> FFFWeights:
        """The parameters, detached, for evaluation or export; they share the module's memory."""
        return FFFWeights(
            node_weight=self.node_weight.detach(),
            node_bias=self.node_bias.detach(),
            w1=self.w1.detach(),
            b1=self.b1.detach(),
            w2=self.w2.detach(),
            b2=self.b2.detach(),
            activation=self.activation,
            master=self.master.weights() if self.master is not None else None,
            master_logit=self.master_logit.detach() if self.master_logit is not None else None,
            tie=self.tie,
        )

    @classmethod
    def from_weights(cls, weights: FFFWeights) -> Self:
        """
        Rebuild the module from weights, to train on or to evaluate softly.

        A lineage that drops the output bias in evaluation gets none here either.
        """
        module = cls(
            weights.input_width,
            weights.output_width,
            weights.depth,
            weights.leaf_width,
            weights.activation,
            weights.master_width,
        )
        tensors = weights.tensors() | {"b2": weights.output_bias}
        module.tie = weights.tie
        # The stored master_w1 is the submodule's master.w1; master_logit is our own.
        module.load_state_dict(
            {re.sub("^master_(?=[wb])", "master.", k): tensors[k] for k in tensors}
        )
        return module


class Dense(nn.Module):
    """
    The dense network, `act(x @ w1 + b1) @ w2 + b2`: the baseline, and a master leaf.

    Args:
        input_width: `i`, at least 1.
        output_width: `o`, at least 1.
        hidden_width: `w`; a twin has its FFF's training width, `2**d * l + m`.
        activation: A name of `fff.activations`.
        dropout: Probability that an activation is dropped in training.
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        hidden_width: int,
        activation: str = "relu",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.activation = activation
        self.dropout = dropout
        self._act = activation_by_name(activation)
        by_input, by_hidden = 1 / math.sqrt(input_width), 1 / math.sqrt(hidden_width)
        self.w1 = _uniform(by_input, input_width, hidden_width)
        self.b1 = _uniform(by_input, hidden_width)
        self.w2 = _uniform(by_hidden, hidden_width, output_width)
        self.b2 = _uniform(by_hidden, output_width)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`."""
        hidden = F.dropout(self._act(x @ self.w1 + self.b1), self.dropout, self.training)
        return hidden @ self.w2 + self.b2

    def weights(self) -> FeedForwardWeights:
        """The parameters, detached, for evaluation or export; they share the module's memory."""
        w1, b1, w2, b2 = (t.detach() for t in (self.w1, self.b1, self.w2, self.b2))
        return FeedForwardWeights(w1, b1, w2, b2, self.activation)


def _check_sizes(
    depth: int, input_width: int, output_width: int, leaf_width: int, master_width: int
) -> None:
    if depth < 0 or min(input_width, output_width, leaf_width) < 1 or master_width < 0:
        raise ValueError(
            "depth and master_width must be >= 0, the other widths >= 1; got "
            f"{depth=}, {input_width=}, {output_width=}, {leaf_width=}, {master_width=}"
        )


def _uniform(bound: float, *shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
