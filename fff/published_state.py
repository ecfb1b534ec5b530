"""
The `state_dict` of the published package, `fastfeedforward` 0.1.0 to 0.2.1, as the layer's own.

    depth ()    node_weights [N, i]    node_biases [N, 1]
    w1s [L, i, l]    b1s [L, l]    w2s [L, l, o]    b2s [L, o]

`N = 2**d - 1` nodes, `L = 2**d` leaves. The package keeps `depth` as an int64 parameter; here it is
a number of the module, written and checked. Its counts of use, `node_usage` and `leaf_usage`, which
are there in some modes, are read over. The activation is in neither.

Not covered:  the master leaf, which that package has not: `master.w1` and so on, `master_logit`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fff.weights import FFFWeights

_COUNTS = ("node_usage", "leaf_usage")
_NAMES = {
    "node_weight": "node_weights",
    "node_bias": "node_biases",
    **{name: f"{name}s" for name in ("w1", "b1", "w2", "b2")},
    **{f"master_{name}": f"master.{name}" for name in ("w1", "b1", "w2", "b2")},
    "master_logit": "master_logit",
}
"""Of the weights' tensors: the parameters'."""


class PublishedState(nn.Module):
    """A module with a depth that its `state_dict` has too."""

    depth: int

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        destination[f"{prefix}depth"] = torch.tensor(self.depth)
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        depth = state_dict.get(f"{prefix}depth")
        if depth is None:
            missing_keys.append(f"{prefix}depth")
        elif depth.numel() != 1 or int(depth) != self.depth:
            error_msgs.append(f"{prefix}depth must be {self.depth}, got {depth.tolist()}")
        known = {f"{prefix}{name}" for name in ("depth", *_COUNTS)}
        unexpected_keys[:] = [key for key in unexpected_keys if key not in known]


def state_of(weights: FFFWeights) -> dict[str, Tensor]:
    """The `state_dict` of a layer of these weights; one that adds no output bias has zeros."""
    tensors = weights.tensors() | {"b2": weights.output_bias}
    tensors["node_bias"] = tensors["node_bias"][:, None]
    state = {_NAMES[name]: tensor for name, tensor in tensors.items()}
    return {"depth": torch.tensor(weights.depth)} | state


def tensors_of(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `FFFWeights`, detached and float32, from a layer's parameters by name."""
    tensors = {
        name: parameters[known].detach().float()
        for name, known in _NAMES.items()
        if known in parameters
    }
    return tensors | {"node_bias": tensors["node_bias"].flatten()}
