"""
What a network's outputs are linear in, whatever its kind: its output layer.

Of an FFF these are `w2` and `b2` of every leaf and of the master leaf, of a mixture those of every
expert, of a multilayer perceptron the last layer, of a raster its values. What routes a row, mixes
leaves or comes before stays, and so do leaves, margins and costs.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from fff.multilayer import MultilayerWeights
from fff.raster import RasterWeights
from fff.weights import FFFWeights, Weights

W = TypeVar("W", bound=Weights)


def with_outputs(
    weights: W, weight: Callable[[Tensor], Tensor], bias: Callable[[Tensor], Tensor]
) -> W:
    """
    Return the network whose outputs are transformed, by an affine map of each.

    Args:
        weights: Left as they are.
        weight: Applies the map without its constant, to `[..., o]` of any kind's weights.
        bias: Applies the map, to `[..., o]` biases, or to a raster's values.
    """
    if isinstance(weights, RasterWeights):
        return replace(weights, values=bias(weights.values))
    if isinstance(weights, MultilayerWeights):
        return replace(
            weights,
            matrices=(*weights.matrices[:-1], weight(weights.matrices[-1])),
            biases=(*weights.biases[:-1], bias(weights.biases[-1])),
        )
    changed = replace(weights, w2=weight(weights.w2), b2=bias(weights.b2))
    if isinstance(changed, FFFWeights) and changed.master is not None:
        return replace(changed, master=with_outputs(changed.master, weight, bias))
    return changed
