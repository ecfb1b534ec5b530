"""
The trainable layer: soft in training, hard in evaluation, exported to `fff.weights`.

Covered:      soft mixture over all leaves, region leak, leaf dropout, master leaf, depth 0; one
              leaf a row, with gradients for it; parameters named as the published package's
              (`fff.published_state`).
Not covered:  a gradient through hard decisions, so routers learn softly (nor has the original's
              `train_hardened` one, which rounds without a straight-through gradient).

Source: Belcak and Wattenhofer, arXiv:2308.14711, algorithm 1 (`F_T`), initialisation and leaf
dropout from the authors' code (pbelcak/fastfeedforward bd360ae); the master leaf from
AndreasCharalamp/fastfeedforward-experiments (1a87c30).
"""

import math
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fff.activations import activation_by_name
from fff.dense_layer import Dense as Dense
from fff.initial import check_sizes, uniform
from fff.mixing import HardOutput, Mixing, SoftOutput, mix_by_decisions, with_children_swapped
from fff.names import known_activation
from fff.number_types import at_full_precision, autocast_dtype, wide
from fff.operators import PACKED, hard_descent
from fff.published_state import PublishedState, state_of, tensors_of
from fff.weights import FFFWeights, TieRule


class FFF(PublishedState):
    """
    A fast feedforward layer. `model.train()` mixes all leaves, `model.eval()` takes one.

    Args:
        input_width: `i >= 1`.
        output_width: `o >= 1`.
        depth: `d >= 0`; depth 0 is one leaf, a plain feedforward layer.
        leaf_width: `l >= 1`, hidden neurons of a leaf.
        activation: A name of `fff.activations`.
        master_width: `m`, hidden neurons of the master leaf; 0 for none.
        region_leak: Probability that a node's two children swap, per row, in soft training.
        leaf_dropout: Probability that a leaf's activation is dropped in training.
        tie: Where a score of exactly 0 goes: `ge` right, the paper's rule, `gt` left.
        hard_training: Take one leaf in training too; nodes then get no gradient.
        device: Of the parameters, as torch's own layers take it.
        dtype: Likewise. Nodes score in float32 even where it is narrower.

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
        tie: TieRule = "ge",
        hard_training: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        check_sizes(depth, input_width, output_width, leaf_width, master_width)
        self.input_width, self.output_width = input_width, output_width
        self.depth, self.leaf_width, self.master_width = depth, leaf_width, master_width
        self.activation = known_activation(activation)
        self.region_leak, self.leaf_dropout = region_leak, leaf_dropout
        self.tie: TieRule = tie
        self.hard_training = hard_training
        leaves, nodes = 2**depth, 2**depth - 1
        by_input, by_leaf = 1 / math.sqrt(input_width), 1 / math.sqrt(leaf_width)

        def drawn(bound: float, *shape: int) -> nn.Parameter:
            return uniform(bound, *shape, device=device, dtype=dtype)

        self.node_weights = drawn(by_input, nodes, input_width)
        self.node_biases = drawn(by_input, nodes, 1)
        self.w1s = drawn(by_input, leaves, input_width, leaf_width)
        self.b1s = drawn(by_input, leaves, leaf_width)
        self.w2s = drawn(by_leaf, leaves, leaf_width, output_width)
        self.b2s = drawn(by_leaf, leaves, output_width)
        self.master, self.master_logit = None, None
        if master_width:
            widths = input_width, output_width, master_width
            self.master = Dense(*widths, activation, leaf_dropout, device, dtype)
            # 0.5 is the eFFF code's start: the tree's share begins at sigmoid(0.5) = 0.62.
            self.master_logit = nn.Parameter(torch.tensor(0.5, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """
        Compute `[..., i]` to `[..., o]`: soft in training, unless it is to be hard; else hard.

        Raises:
            ValueError: If the last dimension is not `i`, or, without autocast, the dtype not the
                parameters'.
        """
        if not self.training or (self.hard_training and not self.leaf_dropout):
            return self.hard(x).logits
        rows, dtype = self._rows(x)
        if self.hard_training:  # the kernels drop nothing
            with torch.no_grad():
                leaf = self.hard(rows).leaf
            logits = self.at_leaves(rows, leaf.long())
        else:
            logits = self.soft(rows).logits
        return logits.to(dtype).view(*x.shape[:-1], self.output_width)

    def hard(self, x: Tensor) -> HardOutput:
        """
        Take each row to its leaf: what `eval()` answers, with leaf and margin, in any mode.

        Args:
            x: `[..., i]`.

        Raises:
            ValueError: As `forward`.
        """
        (rows, dtype), before = self._rows(x), x.shape[:-1]
        layer = self.node_weights, self.node_biases, *self._leaves()
        logits, leaf, margin = hard_descent(rows, *layer, self.activation, self.tie)
        logits = self._with_master(rows, logits).to(dtype)
        if x.ndim == 2:
            return HardOutput(logits, leaf, margin)
        shaped = logits.view(*before, self.output_width)
        return HardOutput(shaped, leaf.view(before), margin.view(before))

    def soft(self, x: Tensor, gate: Mixing | None = None) -> SoftOutput:
        """
        Mix every leaf: by default by the product of the soft decisions on its path (`F_T`).

        Args:
            x: `[n, i]`.
            gate: Scores, `[n, 2**d - 1]`, to shares, `[n, 2**d]`.
        """
        scores = self.scores(x)
        mixture = (gate or self._mixture)(scores)
        hidden = self._hidden_of_leaves(x)  # [n, 2**d, l]
        share = mixture.to(hidden.dtype)
        weighted = (hidden * share[:, :, None]).flatten(1)
        logits = weighted @ self.w2s.flatten(0, 1) + share.to(self.b2s.dtype) @ self.b2s  # [n, o]
        return SoftOutput(self._with_master(x, logits), scores, mixture)

    def at_leaves(self, x: Tensor, leaf: Tensor) -> Tensor:
        """
        Compute each row in one leaf alone, with gradients for it and for the master leaf.

        Args:
            x: `[n, i]`.
            leaf: `[n]`, int64.
        """
        hidden = torch.einsum("ni,nil->nl", x, self.w1s[leaf]) + self.b1s[leaf]
        outputs = torch.einsum("nl,nlo->no", self._hidden(hidden), self.w2s[leaf]) + self.b2s[leaf]
        return self._with_master(x, outputs)

    def each_leaf(self, x: Tensor) -> Tensor:
        """What each leaf alone would answer, with the master leaf, `[n, 2**d, o]`."""
        outputs = torch.einsum("njl,jlo->njo", self._hidden_of_leaves(x), self.w2s) + self.b2s
        return self._with_master(x, outputs)

    def scores(self, x: Tensor) -> Tensor:
        """Every node's score, `[n, 2**d - 1]`, float32 under autocast and in bfloat16 too."""
        with at_full_precision(x):
            return wide(x) @ wide(self.node_weights).T + wide(self.node_biases).flatten()

    def repack(self) -> None:
        """
        Have kernels read the parameters anew when they next compute.

        For writes that torch does not count, as through `.data` or NumPy; all others, optimisers
        and `load_state_dict` among them, are noticed.
        """
        PACKED.forget(self.w1s)

    def train(self, mode: bool = True) -> Self:
        """Set the mode, as every module; whoever changes it may have written to the parameters."""
        if mode != self.training:
            self.repack()
        return super().train(mode)

    def extra_repr(self) -> str:
        """Say what it was made with, for `print(model)`."""
        names = ("input_width", "output_width", "depth", "leaf_width", "activation")
        options: dict[str, object] = {"master_width": 0, "region_leak": 0.0, "leaf_dropout": 0.0}
        options |= {"tie": "ge", "hard_training": False}
        shown = [*names, *(name for name, usual in options.items() if getattr(self, name) != usual)]
        return ", ".join(f"{name}={getattr(self, name)}" for name in shown)

    def _rows(self, x: Tensor) -> tuple[Tensor, torch.dtype]:
        """Refuse what does not fit; else all rows, `[n, i]`, and the dtype of their answers."""
        if x.ndim == 0 or x.shape[-1] != self.input_width:
            raise ValueError(f"x must be [..., {self.input_width}], got {list(x.shape)}")
        own = self.w1s.dtype
        autocast = autocast_dtype(x)
        if x.dtype != own and autocast is None:
            raise ValueError(f"x must be {own}, as the layer is; got {x.dtype}")
        rows = x if x.ndim == 2 else x.reshape(-1, self.input_width)
        return rows, own if autocast is None else autocast

    def _leaves(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.w1s, self.b1s, self.w2s, self.b2s

    def _hidden_of_leaves(self, x: Tensor) -> Tensor:
        up = self.w1s.transpose(0, 1).flatten(1)  # [i, 2**d * l]: one product for all leaves
        return self._hidden(x @ up + self.b1s.flatten()).view(-1, *self.b1s.shape)

    def _hidden(self, sums: Tensor) -> Tensor:
        act = activation_by_name(self.activation)
        return F.dropout(act(sums), self.leaf_dropout, self.training)

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
        leak = self.region_leak if self.training else 0.0
        return mix_by_decisions(with_children_swapped(right, leak) if leak else right)

    def weights(self) -> FFFWeights:
        """The parameters, detached, as float32; they share the module's memory if it is float32."""
        tensors = tensors_of(dict(self.named_parameters()))
        return FFFWeights.from_tensors(tensors, self.activation, self.tie)

    @classmethod
    def from_weights(cls, weights: FFFWeights) -> Self:
        """
        Rebuild the module from weights, to train on or to evaluate softly.

        A lineage that drops the output bias in evaluation gets none here either.
        """
        module = cls(
            *(weights.input_width, weights.output_width, weights.depth, weights.leaf_width),
            *(weights.activation, weights.master_width),
            tie=weights.tie,
        )
        module.load_state_dict(state_of(weights))
        return module
