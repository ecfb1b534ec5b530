"""
The fields that a manifest has whatever the kind of its network.

Imports neither PyTorch nor NumPy: listing a store takes less time than importing them.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from fff.routed_layer import RoutedLayer
from model_store.columns import Column, Target, Text, check_distinct, shortened
from model_store.encoding import Encoder
from model_store.origin import Origin, Sha256
from model_store.strict import Strict

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Width = Annotated[int, Field(ge=1)]
Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
"""A million wrong ones are one error."""
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Task = Literal["classification", "regression"]
MainOutput = Literal["logits", "embedding", "token_logits"]
"""What a network's own numbers are: scores or values, an embedding, scores of every token's id."""


class Uint8Scaling(Strict):
    """How raw pixels become the network's input: `pixel * scale + shift`."""

    scale: float
    shift: float

    def decode(self, pixels: "npt.NDArray[np.uint8]") -> "npt.NDArray[np.float32]":
        """
        Scale pixels of any shape, through a table of the 256 possible values.

        Rounded once from float64, so a pixel has one float32 value everywhere.
        """
        import numpy as np  # here, for the sake of who only reads manifests

        table = (np.arange(256) * self.scale + self.shift).astype(np.float32)
        return table[pixels]


class CommonFields(Strict):
    """
    What a manifest of any kind has.

    Attributes:
        uint8: How raw pixels become its input; None where they are no input for it.
        inputs: Columns that make its input, in order; None where its numbers have no names.
        targets: Of each output what value it is; None of a classification.
        classes: Name of each class, in order; None where they have none.
        class_column: Name of the column that holds the class in a table of such rows; None where
            there is no such table, and of a regression, whose target is named as its column is.
    """

    schema_version: Literal[1] = 1
    input_width: Width
    output_width: Width
    dtype: Literal["float32"] = "float32"
    uint8: Uint8Scaling | None = None
    sha256: Sha256
    origin: Origin
    baseline: Name | None = None
    inputs: Annotated[list[Column], Field(min_length=1)] | None = None
    targets: Annotated[list[Target], Field(min_length=1)] | None = None
    classes: Annotated[list[Text], Field(min_length=1)] | None = None
    class_column: Text | None = None

    @property
    def layers(self) -> tuple[RoutedLayer, ...]:
        """Its layers that route, in order: only some kinds have any."""
        return ()

    @property
    def example_shape(self) -> list[int]:
        """What one example may be sent as, beside a row of its numbers: an image, for instance."""
        return [self.input_width]

    @property
    def tokens(self) -> int:
        """Rows that one example is to its layers: what it counts as in a batch."""
        return 1

    @property
    def vocabulary(self) -> int:
        """How many token ids it takes; 0 where it takes numbers."""
        return 0

    @property
    def tokenizer_hash(self) -> str | None:
        """SHA-256 of its tokenizer; None where it has none."""
        return None

    @property
    def masked_id(self) -> int | None:
        """The token id whose places are to be filled in; None where there is none."""
        return None

    @property
    def main_output(self) -> MainOutput:
        """What its own numbers are."""
        return "logits"

    @property
    def task(self) -> Task:
        """`regression` where targets are named: outputs are values then, not scores of classes."""
        return "classification" if self.targets is None else "regression"

    @cached_property
    def encoder(self) -> Encoder | None:
        """What makes its input of rows by name; None where inputs have no names."""
        return None if self.inputs is None else Encoder(self.inputs)

    @property
    def tolerances(self) -> tuple[float, ...] | None:
        """Of each target, in its unit; None of a classification: `fff.agreement` takes it."""
        return None if self.targets is None else tuple(t.tolerance for t in self.targets)

    @property
    def output_names(self) -> list[str]:
        """Of each output its target with its unit, or its class; empty where they have no names."""
        if self.targets is not None:
            return [target.label for target in self.targets]
        return self.classes or []

    @property
    def predicts(self) -> str:
        """What its outputs say, for people: `classes`, or `values (elevation in m)`."""
        names = f" ({shortened(self.output_names)})" if self.output_names else ""
        return ("classes" if self.targets is None else "values") + names

    @model_validator(mode="after")
    def _names_fit_widths(self) -> Self:
        if self.inputs is not None:
            width = sum(column.width for column in self.inputs)
            if width != self.input_width:
                raise ValueError(f"inputs must make {self.input_width} numbers, they make {width}")
            check_distinct("names of inputs", [column.name for column in self.inputs])
        if self.targets is not None and self.classes is not None:
            raise ValueError("targets are of a regression, classes of a classification; not both")
        if self.class_column is not None and self.classes is None:
            raise ValueError(f"class_column {self.class_column!r} needs classes, which have names")
        for what, names in (
            ("targets", [target.name for target in self.targets or []]),
            ("classes", self.classes or []),
        ):
            if names and len(names) != self.output_width:
                raise ValueError(f"{what} must be {self.output_width}, got {len(names)}")
            check_distinct(f"names of {what}", names)
        return self
