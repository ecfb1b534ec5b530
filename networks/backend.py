"""
A network on a device: the dense parts by torch, each layer that routes by its own kernel.

Covered:      rows, images and token ids; a batch at once, or one example after the other
              (`strict`), so that the bits of an answer depend on nothing but the example.
Not covered:  the kernels (`fff.backends`), what waits for a batch (`service.engine`), which
              examples of different lengths are computed together (`networks.ragged`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fff.backends import Backend, OutputClass
from fff.beta import FFFBeta
from fff.decision import NO_BOUNDARY
from fff.inference_result import InferenceResult
from fff.layers import FFF
from fff.nodes import Nodes
from fff.routed_layer import leaf_shape
from networks.block import Shape
from networks.ragged import parts_of, put_back
from networks.routed import NO_LEAF, OnDevice, Routed
from networks.run import Run
from networks.weights import LayerWeights, NetworkWeights

_TOGETHER_ROWS = 4096
"""Rows, or tokens, of what is computed at once: memory is bounded by it, not by the batch."""


class NetworkBackend:
    """
    A network, ready to compute; `infer` may be called from several threads.

    Args:
        weights: Copied to the device where they are elsewhere.
        device: Where the dense parts compute.
        build: Puts a layer that routes on its backend, which is given rows on the CPU; None where
            layers compute where the dense parts do, by the operator of the layer.
        strict: Whether each example is computed alone, so that it has the same bits in any batch:
            matrix products round by their shape.
    """

    def __init__(
        self,
        weights: NetworkWeights,
        device: torch.device,
        build: Callable[[LayerWeights], Backend] | None,
        strict: bool = False,
    ):
        self.device = device
        self.output_class: OutputClass = "strict" if strict else "fast"
        self._input_shape, self._leaf_shape = weights.input_shape, leaf_shape(weights.layers)
        self._input_width, self._output_shape = weights.input_width, weights.output_shape
        self._together = 1 if strict else max(1, _TOGETHER_ROWS // weights.tokens)
        self.takes_ids = weights.vocabulary > 0
        self._modules = weights.moved_to(device).modules
        self._layers: list[Backend | OnDevice] = []
        for name in (layer.name for layer in weights.layers):
            layer = self._modules.get_submodule(name)
            assert isinstance(layer, FFF | FFFBeta), "only such a layer routes. This is a bug."
            computing = OnDevice(layer) if build is None else build(layer.weights())
            self._layers.append(computing)
            within, _, own_name = name.rpartition(".")
            setattr(self._modules.get_submodule(within), own_name, Routed(computing.infer))
        self.name = self._layers[0].name if self._layers else "torch"
        self.dtype = self._layers[0].dtype if self._layers else "float32"

    @property
    def rechecked_rows(self) -> int:
        """Of all layers together, each token a row."""
        return sum(layer.rechecked_rows for layer in self._layers)

    @property
    def trees(self) -> tuple[Nodes, ...]:
        """Of the layers that route, in order."""
        return tuple(tree for layer in self._layers for tree in layer.trees)

    def staging(self, rows: int) -> Tensor:
        """Memory to write examples into, `[rows, i]`; of token ids int32."""
        dtype = torch.int32 if self.takes_ids else torch.float32
        return torch.empty(rows, self._input_width, dtype=dtype)

    def infer(self, x: Tensor) -> InferenceResult:
        """
        Compute `[n, i]` float32 examples; see `fff.backends.Backend`.

        Or token ids, `[n, t]` int32, `t` any length up to `i`, with `networks.ragged.NO_TOKEN`
        behind the last of each example.

        Returns:
            Logits `[n, o]`, or `[n, t, o]` of a network that answers for each token; leaves and
            margins `[n, layers]`, or `[n, layers, t]` where layers are given tokens: `NO_LEAF` and
            `NO_BOUNDARY` of those that one of them is not given. Logits are 0 where there is no
            token.

        Raises:
            ValueError: If `x` is not `[n, i]`, or no ids.
        """
        return self.infer_and_keep(x)[0]

    @torch.inference_mode()
    def infer_and_keep(
        self, x: Tensor, inputs: bool = False
    ) -> tuple[InferenceResult, list[Tensor]]:
        """
        Compute as `infer` does.

        Args:
            x: As of `infer`.
            inputs: Whether to keep what each layer that routes was given.

        Returns:
            The result, and the inputs that were kept: of each layer `[n, i]` or `[n, t, i]`.
        """
        if self.takes_ids:
            return self._infer_ids(x, inputs)
        if x.ndim != 2 or x.shape[1] != self._input_width:
            raise ValueError(f"x must be [n, {self._input_width}], got {list(x.shape)}")
        parts = [self._compute(part, inputs) for part in torch.split(x, self._together)]
        if len(parts) == 1:
            return parts[0]
        results, kept = zip(*parts, strict=True)
        return (
            InferenceResult(
                torch.cat([result.logits for result in results]),
                torch.cat([result.leaf for result in results]),
                torch.cat([result.margin for result in results]),
            ),
            [torch.cat(layer) for layer in zip(*kept, strict=True)],
        )

    def _infer_ids(self, x: Tensor, inputs: bool) -> tuple[InferenceResult, list[Tensor]]:
        if x.ndim != 2 or not 1 <= x.shape[1] <= self._input_width:
            wanted = f"[n, up to {self._input_width}]"
            raise ValueError(f"token ids must be {wanted}, got {list(x.shape)}")
        n, t = x.shape
        if not n:
            return self._compute(x, inputs)
        parts = parts_of(x.int(), _TOGETHER_ROWS, self.output_class == "strict")
        results, kept = zip(*[self._compute(p.ids, inputs, p.mask) for p in parts], strict=True)

        def whole(made: list[Tensor], full: int, tokens: int, missing: float = 0) -> Tensor:
            """Of `full` dimensions, where those of tokens are among them."""
            return put_back(parts, made, n, t, tokens if made[0].ndim == full else None, missing)

        return (
            InferenceResult(
                whole([result.logits for result in results], 3, 1),
                whole([result.leaf for result in results], 3, 2, NO_LEAF),
                whole([result.margin for result in results], 3, 2, NO_BOUNDARY),
            ),
            [whole([*layer], 3, 1) for layer in zip(*kept, strict=True)],
        )

    def _compute(
        self, x: Tensor, inputs: bool, mask: Tensor | None = None
    ) -> tuple[InferenceResult, list[Tensor]]:
        n, given = len(x), x.to(self.device)
        output_shape, leaf_shape = self._output_shape, self._leaf_shape
        if self.takes_ids:  # shapes are those of examples that are as long as may be
            t = x.shape[1:]
            output_shape = (*t, *output_shape[1:]) if len(output_shape) == 2 else output_shape
            leaf_shape = (leaf_shape[0], *t) if len(leaf_shape) == 2 else leaf_shape
        else:
            given = given.view(n, *self._input_shape)
        run = Run(None if mask is None else mask.to(self.device), inputs=[] if inputs else None)
        # Of no example torch makes no attention.
        logits = self._modules(given, run).cpu() if n else torch.empty(0, *output_shape)
        if mask is not None and len(output_shape) == 2:
            logits.masked_fill_(~mask[..., None], 0)
        leaf = _of_layers(n, leaf_shape, [r.leaf for r in run.layers], NO_LEAF)
        margin = _of_layers(n, leaf_shape, [r.margin for r in run.layers], NO_BOUNDARY)
        return InferenceResult(logits, leaf.int(), margin.float()), run.inputs or []


def _of_layers(n: int, shape: Shape, layers: list[Tensor], missing: float) -> Tensor:
    """Put what layers gave, `[n * t, trees]` each, into `[n, layers]`, or `[n, layers, t]`."""
    if not layers:
        return torch.empty(n, *shape)
    if len(shape) == 1:
        return layers[0] if len(layers) == 1 else torch.cat(layers, 1)
    parts = [layer.view(n, -1, layer.shape[1]).transpose(1, 2) for layer in layers]
    missed = [shape[1] - part.shape[2] for part in parts]
    padded = (F.pad(p, (0, m), value=missing) for p, m in zip(parts, missed, strict=True))
    return torch.cat([*padded], 1)
