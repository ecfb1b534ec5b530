"""
Checkpoints of other projects: which layout a file has, and the same network as `FFFWeights`.

Covered:      FFF layers of the package fastfeedforward (all versions) and of the eFFF
              experiments (load balanced, master leaf), alone or as the one layer of a model.
Not covered:  the tree-of-neurons layer of UltraFastBERT; networks with anything around the FFF.

The layouts, `L = 2**depth` leaves and `N = L - 1` nodes (the letters: `fff.weights`):

    fastfeedforward  depth (), node_weights [N, i], node_biases [N, 1], w1s [L, i, l],
                     b1s [L, l], w2s [L, l, o], b2s [L, o]; node_usage, leaf_usage with usage
    efff             the same, f [L]; with a master leaf magic_w1 [1, i, m], magic_b1 [1, m],
                     magic_w2 [1, m, o], magic_b2 [1, o], k ()

Source: pbelcak/fastfeedforward (0.1.0 to bd360ae); AndreasCharalamp/fastfeedforward-experiments
(1a87c30).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.weights import FFFWeights, ShapeError
from model_store.errors import ImportRefused, refusal
from model_store.import_archive import read_tensors

FORMATS = ("auto", "fastfeedforward", "efff", "ultrafastbert")

_LAYER = {
    "node_weights": "node_weight",
    "node_biases": "node_bias",
    "w1s": "w1",
    "b1s": "b1",
    "w2s": "w2",
    "b2s": "b2",
}
_MASTER = {
    "magic_w1": "master_w1",
    "magic_b1": "master_b1",
    "magic_w2": "master_w2",
    "magic_b2": "master_b2",
    "k": "master_logit",
}
_EFFF_ONLY = {"f", *_MASTER}
# Depth follows from the shapes. The counts are of the last training batch: no statistic.
_NOT_WEIGHTS = {"depth", "node_usage", "leaf_usage", "f"}
_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Imported:
    """
    A foreign checkpoint, converted.

    Attributes:
        weights: Finite float32 tensors on the CPU.
        format: The file's layout, `fastfeedforward` or `efff`.
        sha256: Of the file's bytes, 64 hexadecimal digits.
    """

    weights: FFFWeights
    format: str
    sha256: str


def import_checkpoint(
    path: Path, format: str = "auto", activation: str = "relu", leaf_output_bias: bool = True
) -> Imported:
    """
    Read a published checkpoint without executing anything in it.

    Args:
        path: A file of `torch.save(model.state_dict(), path)`, or the same in safetensors.
        format: `auto`, or the layout that it must have, a name of `FORMATS`.
        activation: The leaves', a name of `fff.activations`; no layout stores it.
        leaf_output_bias: False reproduces fastfeedforward 0.2.1, which leaves `b2s` out in
            evaluation; see docs/decisions/0002-leaf-output-bias.md.

    Raises:
        ImportRefused: With what was expected and what the file holds.
    """
    _check_request(format, activation)
    sha256, tensors = _read(path)
    try:
        layer = _single_layer(tensors)
        layout = _layout(layer, format)
        weights = FFFWeights.from_tensors(
            _named(layer), activation, leaf_output_bias=leaf_output_bias
        )
        _check_depth(layer.get("depth"), weights)
    except (ImportRefused, ShapeError) as exc:
        raise ImportRefused(f"{path.name}: {exc}") from exc
    return Imported(weights, layout, sha256)


def _check_request(format: str, activation: str) -> None:
    if format not in FORMATS:
        raise ImportRefused(f"format must be one of {', '.join(FORMATS)}; got {format!r}")
    if format == "ultrafastbert":
        raise ImportRefused("format ultrafastbert is not supported yet: tree-of-neurons layer")
    try:
        activation_by_name(activation)
    except ValueError as exc:
        raise ImportRefused(str(exc)) from exc


def _read(path: Path) -> tuple[str, dict[str, Tensor]]:
    """SHA-256 and tensors of a file."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return sha256, read_tensors(file, path.name)
    except OSError as exc:
        raise ImportRefused(f"{path.name} cannot be read: {refusal(exc, 'read it')}") from exc


def _single_layer(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the one FFF layer, by their names inside the layer."""
    ends = "node_weights"
    prefixes = [n.removesuffix(ends) for n in tensors if f".{n}".endswith(f".{ends}")]
    if not prefixes:
        raise ImportRefused(_no_layer(tensors))
    if len(prefixes) > 1:
        raise ImportRefused(
            f"one FFF layer was expected, got {len(prefixes)}: "
            f"{_list(prefix + ends for prefix in prefixes)}"
        )
    prefix = prefixes[0]
    known = {prefix + name for name in (*_LAYER, *_MASTER, *_NOT_WEIGHTS)}
    unknown = [name for name in tensors if name not in known]
    if unknown:
        raise ImportRefused(
            f"a network that is one FFF layer was expected; besides {prefix}{ends} and its kin "
            f"the file holds {_list(unknown)}"
        )
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _no_layer(tensors: Mapping[str, Tensor]) -> str:
    ends = {name.rpartition(".")[2] for name in tensors}
    neurons = any(n.endswith(("linear_in.weight", "linear_in_weight")) for n in tensors)
    if neurons or {"X", "Y"} <= ends or {"w1s", "w2s"} <= ends:
        return f"not supported yet: tree-of-neurons layer ({_list(tensors)})"
    return f"tensors {_list(_LAYER)} were expected, got {_list(tensors)}"


def _layout(layer: Mapping[str, Tensor], requested: str) -> str:
    efff_names = [name for name in layer if name in _EFFF_ONLY]
    layout = "efff" if efff_names else "fastfeedforward"
    if requested not in ("auto", layout):
        reason = f"with {_list(efff_names)}" if efff_names else "without f"
        raise ImportRefused(f"format {requested} was asked for; the file is {layout}, {reason}")
    return layout


def _named(layer: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The layer's tensors under the names and in the shapes of `fff.weights`, float32."""
    has_master = any(name in layer for name in _MASTER)
    names = _LAYER | _MASTER if has_master else _LAYER
    missing = [name for name in names if name not in layer]
    if missing:
        raise ImportRefused(f"tensors {_list(names)} were expected, missing {_list(missing)}")
    tensors = {names[name]: _float32(name, layer[name]) for name in names}
    if tensors["node_bias"].ndim == 2 and tensors["node_bias"].shape[1] == 1:
        tensors["node_bias"] = tensors["node_bias"][:, 0]  # [N]
    for name, ndim in (("w1", 3), ("b1", 2), ("w2", 3), ("b2", 2)):
        master = tensors.get(f"master_{name}")
        if master is not None and master.ndim == ndim and len(master) == 1:
            tensors[f"master_{name}"] = master[0]  # stored as a layer of one leaf
    return tensors


def _float32(name: str, tensor: Tensor) -> Tensor:
    if tensor.dtype not in _DTYPES:
        expected = ", ".join(str(dtype).removeprefix("torch.") for dtype in _DTYPES)
        raise ImportRefused(f"{name} must be {expected}; got {tensor.dtype}")
    # A copy: saved tensors may be views of one storage, which safetensors would refuse to write.
    converted = tensor.to(torch.float32, copy=True).contiguous()
    if not torch.isfinite(converted).all():
        raise ImportRefused(f"{name} must be finite in float32, it holds NaN or infinity")
    return converted


def _check_depth(depth: Tensor | None, weights: FFFWeights) -> None:
    if depth is None:
        return
    if depth.numel() != 1 or depth.is_floating_point() or depth.is_complex():
        raise ImportRefused(f"depth must be one integer, got {depth.dtype} {list(depth.shape)}")
    if int(depth) != weights.depth:
        raise ImportRefused(
            f"depth {int(depth)} was announced, but there are {weights.leaves - 1} nodes, "
            f"which is depth {weights.depth}"
        )


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
