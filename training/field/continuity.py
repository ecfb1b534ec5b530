"""
How far a tree's answer jumps where one leaf's cell borders on another's.

Covered:      the border nearest to each of some rows, crossed at a right angle.
Not covered:  borders where no rows are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fff.explanation import explain
from fff.weights import FFFWeights
from networks.backends import build_backend

_BEYOND = 2.0**-20
"""Of a score's largest part: as near to the border as float32 surely tells the sides apart."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """
    Absolute differences of the outputs of the two leaves at a border, in the outputs' units.

    Attributes:
        largest: Of any border looked at, `[o]`, float64; 0 where there is none.
        mean: `[o]`, float64; likewise.
    """

    largest: Tensor
    mean: Tensor


@torch.inference_mode()
def jumps(weights: FFFWeights, x: Tensor) -> Jumps:
    """
    Measure the jumps at the borders nearest to rows.

    Args:
        weights: On the CPU.
        x: Rows, `[n, i]`, float32.
    """
    backend = build_backend(weights, torch.device("cpu"))
    paths = explain(x, backend.infer(x).leaf[:, 0], weights)
    found = torch.zeros(0, weights.output_width, dtype=torch.float64)
    if weights.depth:
        nearest = paths.distance.argmin(1, keepdim=True)  # [n, 1]
        node = paths.node.gather(1, nearest)[:, 0]
        normal, bias = weights.node_weight[node].double(), weights.node_bias[node].double()
        bounded = normal.square().sum(1) > 0
        normal, bias = normal[bounded], bias[bounded]
        rows, score = x.double()[bounded], paths.score.gather(1, nearest)[bounded]
        beyond = _BEYOND * (rows.norm(dim=1) * normal.norm(dim=1) + bias.abs())[:, None]
        step = normal / normal.square().sum(1, keepdim=True)
        sides = [backend.infer((rows - (score + sign * beyond) * step).float()) for sign in (-1, 1)]
        crossed = (sides[0].leaf != sides[1].leaf)[:, 0]
        found = (sides[0].logits.double() - sides[1].logits.double()).abs()[crossed]
    if not len(found):
        none = torch.zeros(weights.output_width, dtype=torch.float64)
        return Jumps(none, none)
    return Jumps(found.amax(0), found.mean(0))
