"""
The trainable multilayer perceptron: plain, behind Fourier features, or a SIREN.

Covered:      the layers, their initialisation, export to `fff.multilayer`.
Not covered:  training itself; frequencies that are learned.

Source: Fourier features, Tancik et al., arXiv:2006.10739, section 5; SIREN, Sitzmann et al.,
arXiv:2006.09661, sections 3.2 and supplement 1.5. Written from the papers; the output layer of a
SIREN is initialised as in the authors' own code (vsitzmann/siren).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fff.activations import multilayer_activation
from fff.multilayer import MOST_HIDDEN_LAYERS, MultilayerWeights, fourier_features


class Multilayer(nn.Module):
    """
    Hidden layers one after the other, and an output layer.

    Weights begin as PyTorch's own linear layers do, uniform in `1 / sqrt(fan in)`; with the
    activation `sine` as the SIREN paper has it, by which sums keep unit variance in every layer.

    Args:
        input_width: `i`, at least 1.
        output_width: `o`, at least 1.
        hidden_widths: Of each hidden layer, from the first on; 1 to 16 of them.
        activation: A name of `fff.activations`, or `sine`.
        fourier_features: `f`, frequencies whose cosines and sines the first layer is given in place
            of the inputs; 0 for none.
        fourier_scale: Standard deviation of the frequencies, which are drawn normal and stay, in
            turns for each unit of an input: the larger, the finer the detail that is learned first.
        frequency: SIREN's omega_0, the factor of a hidden layer's sums inside the sine. Only of
            `sine`; the weights exported have it folded in.
        dropout: Probability that an activation is dropped in training.

    Raises:
        ValueError: If a size is below 1, there are too many layers, or the activation is unknown.
    """

    frequencies: Tensor | None

    def __init__(
        self,
        input_width: int,
        output_width: int,
        hidden_widths: Sequence[int],
        activation: str = "relu",
        fourier_features: int = 0,
        fourier_scale: float = 1.0,
        frequency: float = 30.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        if not 1 <= len(hidden_widths) <= MOST_HIDDEN_LAYERS:
            raise ValueError(
                f"1 to {MOST_HIDDEN_LAYERS} hidden layers were expected, got {len(hidden_widths)}"
            )
        if min(input_width, output_width, *hidden_widths) < 1 or fourier_features < 0:
            raise ValueError(
                "widths must be >= 1 and fourier_features >= 0; got "
                f"{input_width=}, {output_width=}, {hidden_widths=}, {fourier_features=}"
            )
        self.activation = activation
        self.dropout = dropout
        self._act = multilayer_activation(activation)
        self._frequency = frequency if activation == "sine" else 1.0
        drawn = torch.randn(input_width, fourier_features) * fourier_scale
        self.register_buffer("frequencies", drawn if fourier_features else None)
        first = 2 * fourier_features or input_width
        layers = [*pairwise((first, *hidden_widths, output_width))]
        bounds = self._bounds([fan_in for fan_in, _ in layers])
        self.matrices = nn.ParameterList(
            _uniform(bound, *shape) for bound, shape in zip(bounds, layers, strict=True)
        )
        self.biases = nn.ParameterList(
            _uniform(1 / math.sqrt(fan_in), width) for fan_in, width in layers
        )

    def _bounds(self, fans_in: list[int]) -> list[float]:
        """Of the uniform distribution of each layer's weights."""
        if self.activation != "sine":
            return [1 / math.sqrt(fan_in) for fan_in in fans_in]
        first, *others = fans_in
        return [1 / first, *(math.sqrt(6 / fan_in) / self._frequency for fan_in in others)]

    def forward(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`."""
        hidden = x if self.frequencies is None else fourier_features(x, self.frequencies)
        *hidden_layers, (last, last_bias) = zip(self.matrices, self.biases, strict=True)
        for matrix, bias in hidden_layers:
            hidden = self._act(self._frequency * (hidden @ matrix + bias))  # [n, h_k]
            hidden = F.dropout(hidden, self.dropout, self.training)
        outputs: Tensor = hidden @ last + last_bias
        return outputs

    def weights(self) -> MultilayerWeights:
        """
        The parameters, detached, for evaluation or export.

        They share the module's memory, but for hidden layers that a frequency is folded into.
        """
        matrices, biases = (
            (*(self._folded(t.detach()) for t in layers[:-1]), layers[-1].detach())
            for layers in ([*self.matrices], [*self.biases])
        )
        return MultilayerWeights(matrices, biases, self.activation, self.frequencies)

    def _folded(self, of_hidden_layer: Tensor) -> Tensor:
        return of_hidden_layer if self._frequency == 1 else self._frequency * of_hidden_layer


def _uniform(bound: float, *shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
