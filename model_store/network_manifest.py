"""
The manifest of a network of blocks: what goes in, what comes out, and its blocks in their order.

Imports neither PyTorch nor NumPy: listing a store takes less time than importing them.
"""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from fff.routed_layer import RoutedLayer
from model_store.common_fields import CommonFields, Counts, MainOutput, Width
from model_store.origin import Sha256


class NetworkManifest(CommonFields):
    """
    A network of blocks, one after the other.

    Attributes:
        input_shape: Of an example: `[i]` of a row, `[c, h, w]` of an image, `[t]` of at most as
            many token ids.
        blocks: As `networks.block` describes them, which checks them when weights are read.
        output: What it answers with: `token_logits` if it ends in tokens, and only then.
        mask_token: The id whose places are to be filled in, of `token_logits`; None where every
            place is.
        tokenizer_sha256: Of the `tokenizer.json` beside the weights; None where there is none.
        reference_leaf_rows: As of an `FFFManifest`; each token is a row.
    """

    kind: Literal["network"] = "network"
    input_shape: Annotated[list[Width], Field(min_length=1, max_length=3)]
    blocks: Annotated[list[dict[str, Any]], Field(min_length=1)]
    output: MainOutput = "logits"
    mask_token: Annotated[int, Field(ge=0)] | None = None
    tokenizer_sha256: Sha256 | None = None
    reference_leaf_rows: Annotated[list[Counts], Field(fail_fast=True)] | None = None

    @cached_property
    def layers(self) -> tuple[RoutedLayer, ...]:
        """Its layers that route, in order."""
        from networks.description import routed_layers  # PyTorch comes with it

        return routed_layers(self.blocks, self.input_shape)

    @property
    def example_shape(self) -> list[int]:
        """The input's shape."""
        return self.input_shape

    @cached_property
    def tokens(self) -> int:
        """Most rows that one of its blocks is given of an example."""
        from networks.description import tokens_of

        return tokens_of(self.blocks, self.input_shape)

    @property
    def vocabulary(self) -> int:
        """How many token ids its first block takes; 0 where that takes numbers."""
        first = self.blocks[0]
        if first.get("type") != "token_embedding":
            return 0
        known = first.get("vocabulary")  # which `networks.block` checks
        return known if isinstance(known, int) else 0

    @property
    def tokenizer_hash(self) -> str | None:
        """As the field `tokenizer_sha256` says."""
        return self.tokenizer_sha256

    @property
    def masked_id(self) -> int | None:
        """As the field `mask_token` says."""
        return self.mask_token

    @property
    def main_output(self) -> MainOutput:
        """As the field `output` says."""
        return self.output

    @model_validator(mode="after")
    def _outputs_fit_what_is_said_of_them(self) -> Self:
        if self.output != "logits" and (self.targets or self.classes):
            raise ValueError(f"targets and classes are of logits; output is {self.output}")
        if self.mask_token is not None and self.output != "token_logits":
            raise ValueError(f"mask_token is of token_logits; output is {self.output}")
        if self.tokenizer_sha256 is not None and not self.vocabulary:
            raise ValueError("a tokenizer is of a network that begins with a token_embedding")
        if self.mask_token is not None and self.mask_token >= max(1, self.vocabulary):
            raise ValueError(
                f"mask_token must be below the vocabulary, {self.vocabulary}, got {self.mask_token}"
            )
        return self

    @property
    def family(self) -> Literal["fff", "dense"]:
        """Whether a layer of it routes."""
        return "fff" if self.layers else "dense"
