"""
The weights of a network of blocks, by the names of its blocks.

Covered:      from tensors and blocks to a network, and back; what an example costs.
Not covered:  running it on a device (`networks.backend`), a file (`model_store`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

import networks.blocks  # noqa: F401  makes the types of blocks known
from fff.beta import FFFBeta
from fff.beta_weights import FFFBetaWeights
from fff.layers import FFF
from fff.routed_layer import RoutedLayer
from fff.shapes import ShapeError, expect, take
from fff.weights import FFFWeights, Weights, weight_bytes
from networks.block import Block, BlockError, Shape, parse_blocks
from networks.blocks.token_embedding import TokenEmbedding
from networks.chain import (
    blocks_of,
    flops_of,
    modules_of,
    most_rows,
    output_of,
    routed_layers,
)
from networks.run import Chain

LayerWeights = FFFWeights | FFFBetaWeights
"""Of a layer that routes."""


@dataclass(frozen=True, slots=True)
class NetworkWeights:
    """
    A network of blocks.

    Attributes:
        blocks: One after the other.
        input_shape: Of an example: a row `[i]`, an image `[c, h, w]`, or token ids, `[t]` at most.
        modules: The blocks', with their weights; in evaluation.

    Raises:
        ShapeError: If a block does not take what the one before it makes.
    """

    kind: ClassVar[Literal["network"]] = "network"

    blocks: tuple[Block, ...]
    input_shape: Shape
    modules: Chain

    def __post_init__(self) -> None:
        if not 1 <= len(self.output_shape) <= 2:
            raise ShapeError(f"a network must end in a row, or tokens; got {self.output_shape}")
        for block in self.blocks[1:]:
            if isinstance(block, TokenEmbedding):
                raise ShapeError(f"{block.name}: only the first block may be given token ids")

    @classmethod
    def of(cls, model: nn.Sequential, input_shape: Sequence[int]) -> Self:
        """
        Take a model that was put together of modules of torch and of ours.

        Its weights are shared, not copied.

        Args:
            model: The modules, each of which is a block, one after the other.
            input_shape: See above.

        Raises:
            BlockError: Naming the module that no block is for.
            ShapeError: If a block does not take what the one before it makes.
        """
        blocks = blocks_of(model)
        modules = modules_of(blocks)
        network = cls(blocks, tuple(input_shape), Chain(modules).eval())
        network.modules.load_state_dict(model.state_dict(), assign=True)
        return network

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], blocks: object, input_shape: Sequence[int]
    ) -> Self:
        """
        Build from named tensors, the inverse of `tensors`; they are shared, not copied.

        Args:
            tensors: By the name of their block, and of the tensor in it.
            blocks: As `parse_blocks` takes them.
            input_shape: See above.

        Raises:
            BlockError: Blocks that are not known, or wrong.
            ShapeError: If a tensor is missing or does not fit.
        """
        parsed = parse_blocks(blocks)
        with torch.device("meta"):  # a block may say that it is larger than memory
            try:
                modules = Chain(modules_of(parsed)).eval()
            except RuntimeError as exc:  # torch counts bytes of a tensor in 64 bits
                raise BlockError(f"blocks must have tensors that can be: {exc}") from exc
            except KeyError as exc:  # torch's own, of a name that a module has for something else
                raise BlockError(f"blocks must have names of their own: {exc}") from exc
        network = cls(parsed, tuple(input_shape), modules)
        found = {name: take(tensors, name) for name in network.tensors()}
        for name, tensor in network.tensors().items():
            expect(name, found[name], tuple(tensor.shape))
        network.modules.load_state_dict(found, strict=False, assign=True)
        return network

    @property
    def described(self) -> list[dict[str, Any]]:
        """The blocks as JSON has them."""
        return [block.model_dump(mode="json") for block in self.blocks]

    @property
    def output_shape(self) -> Shape:
        """Of an example that is as long as may be: `[o]`, or `[t, o]` where each token has one."""
        return output_of(self.blocks, self.input_shape)

    @property
    def input_width(self) -> int:
        """Numbers of an example, laid out in a row."""
        width = 1
        for side in self.input_shape:
            width *= side
        return width

    @property
    def output_width(self) -> int:
        return self.output_shape[-1]

    @property
    def vocabulary(self) -> int:
        """How many token ids there are; 0 of a network that takes numbers."""
        first = self.blocks[0]
        return first.vocabulary if isinstance(first, TokenEmbedding) else 0

    @property
    def layers(self) -> tuple[RoutedLayer, ...]:
        """The layers that route, in order."""
        return routed_layers(self.blocks, self.input_shape)

    def layer(self, name: str) -> LayerWeights:
        """The weights of a layer that routes, by the name that `layers` has for it."""
        module = self.modules.get_submodule(name)
        assert isinstance(module, FFF | FFFBeta), "only such a layer routes. This is a bug."
        return module.weights()

    def moved_to(self, device: torch.device) -> Self:
        """The same network with modules of its own, whose weights are copied if they must be."""
        tensors = {name: tensor.to(device) for name, tensor in self.tensors().items()}
        return self.from_tensors(tensors, self.blocks, self.input_shape)

    @property
    def tokens(self) -> int:
        """Most rows that any block is given of one example: what a batch counts as its size."""
        return most_rows(self.blocks, self.input_shape)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by the name of its block, and its own in it."""
        return {name: p.detach() for name, p in self.modules.named_parameters()}

    @property
    def flops_per_row(self) -> int:
        """Multiplications and additions of one example, of matrix products alone."""
        return flops_of(self.blocks, self.input_shape)

    @property
    def bytes_per_row(self) -> int:
        """
        Weight bytes that one example alone must read.

        Of a layer that routes no more than its rows' paths and leaves, and never more than all.
        """
        total = sum(tensor.nbytes for tensor in self.tensors().values())
        for layer in self.layers:
            weights = self.layer(layer.name)
            whole = weight_bytes(weights)
            total -= whole - min(whole, layer.rows * weights.bytes_per_row)
        return total


AnyWeights = Weights | NetworkWeights
"""Of a network of any kind: of one layer or more (`fff.weights`), or of blocks."""


def layers_of(weights: AnyWeights) -> tuple[RoutedLayer, ...]:
    """The layers of a network that route, in order: an FFF is one itself."""
    if isinstance(weights, NetworkWeights):
        return weights.layers
    return (RoutedLayer("", weights.leaves, 1),) if isinstance(weights, FFFWeights) else ()
