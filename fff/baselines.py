"""
The trainable baselines beside `fff.layers.Dense`: a network of low rank, a mixture of experts.

Covered:      noisy top-k gating in training, the gates and loads that the losses of balance need
              (`fff.expert_balance`), export to `fff.weights`.
Not covered:  those losses, training itself; export of the noise weights, which only training uses.

Source: Shazeer et al., Outrageously Large Neural Networks, arXiv:1701.06538, section 2.1 and
appendix A; written from the paper.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fff.activations import activation_by_name
from fff.expert_balance import smooth_load
from fff.low_rank import LowRankWeights
from fff.mixture import Gate, MixtureWeights

_LEAST_NOISE = 1e-2
"""Added to softplus, so that a trained gate's noise, which divides in the load, is never 0."""


class LowRank(nn.Module):
    """
    A dense network whose up projection has a rank, `act((x @ u) @ v + b1) @ w2 + b2`.

    Args:
        input_width: `i`, at least 1.
        output_width: `o`, at least 1.
        hidden_width: `w`, at least 1.
        rank: `r`, at least 1; from `i w / (i + w)` on it saves nothing.
        activation: A name of `fff.activations`.
        dropout: Probability that an activation is dropped in training.

    Raises:
        ValueError: If a size is below 1, or the activation is unknown.
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        hidden_width: int,
        rank: int,
        activation: str = "relu",
        dropout: float = 0.0,
    ):
        super().__init__()
        if min(input_width, output_width, hidden_width, rank) < 1:
            raise ValueError(
                "widths and rank must be >= 1; got "
                f"{input_width=}, {output_width=}, {hidden_width=}, {rank=}"
            )
        self.activation = activation
        self.dropout = dropout
        self._act = activation_by_name(activation)
        self.u = _uniform(input_width, input_width, rank)
        self.v = _uniform(rank, rank, hidden_width)
        self.b1 = _uniform(rank, hidden_width)
        self.w2 = _uniform(hidden_width, hidden_width, output_width)
        self.b2 = _uniform(hidden_width, output_width)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`."""
        hidden = self._act((x @ self.u) @ self.v + self.b1)  # [n, w]
        hidden = F.dropout(hidden, self.dropout, self.training)
        return hidden @ self.w2 + self.b2

    def weights(self) -> LowRankWeights:
        """The parameters, detached, for evaluation or export; they share the module's memory."""
        u, v, b1, w2, b2 = (t.detach() for t in (self.u, self.v, self.b1, self.w2, self.b2))
        return LowRankWeights(u, v, b1, w2, b2, self.activation)


@dataclass(frozen=True, slots=True)
class MixtureOutput:
    """
    A pass of a mixture of `E` experts over `n` rows.

    Attributes:
        logits: `[n, o]`, float32, differentiable.
        gates: Share of each expert, `[n, E]`: `k` of a row are not 0; rows sum to 1.
        load: Probability that an expert is given to a row, over the noise of its own score,
            `[n, E]`, differentiable; without noise 1 where it is and 0 elsewhere.
    """

    logits: Tensor
    gates: Tensor
    load: Tensor


class Mixture(nn.Module):
    """
    A sparsely gated mixture of experts of one hidden layer each.

    `model.train()` adds noise to the gate's scores, `model.eval()` selects as what it exports does.

    Args:
        input_width: `i`, at least 1.
        output_width: `o`, at least 1.
        experts: `E`, at least 1.
        expert_width: `l`, hidden neurons of an expert.
        top_k: `k`, from 1 to E: experts of a row. With one, its share is always 1, so the logits
            have no gradient for the gate: the load alone has.
        activation: A name of `fff.activations`.
        dropout: Probability that an expert's activation is dropped in training.

    Raises:
        ValueError: If a size is below 1, `top_k` above E, or the activation unknown.
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        experts: int,
        expert_width: int,
        top_k: int,
        activation: str = "relu",
        dropout: float = 0.0,
    ):
        super().__init__()
        if min(input_width, output_width, expert_width, top_k) < 1 or top_k > experts:
            raise ValueError(
                "widths must be >= 1 and top_k from 1 to experts; got "
                f"{input_width=}, {output_width=}, {expert_width=}, {experts=}, {top_k=}"
            )
        self.top_k = top_k
        self.activation = activation
        self.dropout = dropout
        self._act = activation_by_name(activation)
        # Both at zero, as in the source: all experts begin with as many rows.
        self.gate_weight = nn.Parameter(torch.zeros(input_width, experts))
        self.gate_bias = nn.Parameter(torch.zeros(experts))
        self.noise_weight = nn.Parameter(torch.zeros(input_width, experts))
        self.w1 = _uniform(input_width, experts, input_width, expert_width)
        self.b1 = _uniform(input_width, experts, expert_width)
        self.w2 = _uniform(expert_width, experts, expert_width, output_width)
        self.b2 = _uniform(expert_width, experts, output_width)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`."""
        return self.gated(x).logits

    def gated(self, x: Tensor) -> MixtureOutput:
        """
        Compute rows with their gates and loads: noisy in training, as exported in evaluation.

        All experts compute all rows, in two matrix products: for up to some 64 of them that is
        quicker than sorting rows.
        """
        gates, load = self._noisy_gates(x) if self.training else self._exact_gates(x)
        hidden = self._act(torch.einsum("ni,eil->nel", x, self.w1) + self.b1)  # [n, E, l]
        hidden = F.dropout(hidden, self.dropout, self.training)
        weighted = (hidden * gates[:, :, None]).flatten(1)  # [n, E * l]
        return MixtureOutput(weighted @ self.w2.flatten(0, 1) + gates @ self.b2, gates, load)

    def _noisy_gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        score = x @ self.gate_weight + self.gate_bias  # [n, E]
        deviation = F.softplus(x @ self.noise_weight) + _LEAST_NOISE
        noisy = score + torch.randn_like(score) * deviation
        load = smooth_load(score, noisy, deviation, self.top_k)
        return _shares(noisy, noisy.topk(self.top_k, dim=1).indices), load

    def _exact_gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            expert = Gate(self.gate_weight, self.gate_bias, self.top_k).select(x).expert  # [n, k]
        gates = _shares(x @ self.gate_weight + self.gate_bias, expert)
        return gates, torch.zeros_like(gates).scatter(1, expert, 1.0)

    def weights(self) -> MixtureWeights:
        """The parameters, detached, for evaluation or export; they share the module's memory."""
        parts = (self.gate_weight, self.gate_bias, self.w1, self.b1, self.w2, self.b2)
        gate, bias, w1, b1, w2, b2 = (tensor.detach() for tensor in parts)
        return MixtureWeights(gate, bias, w1, b1, w2, b2, self.activation, self.top_k)


def _shares(score: Tensor, expert: Tensor) -> Tensor:
    """Softmax over the selected scores, `[n, E]`, 0 for all others."""
    shares = torch.softmax(score.gather(1, expert), 1)  # [n, k]
    return torch.zeros_like(score).scatter(1, expert, shares)


def _uniform(fan_in: int, *shape: int) -> nn.Parameter:
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
