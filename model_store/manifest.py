"""
The description of a checkpoint: `manifest.json`, checked field by field.

A manifest comes from outside, so it is parsed strictly: an unknown field, a wrong type or a
width of 0 is an error that names the field.

Imports neither PyTorch nor NumPy: listing a store takes less time than importing them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from fff.names import Kind as Kind
from fff.names import TieRule, known_activation
from model_store.columns import Column, Target, Text, check_distinct, shortened
from model_store.errors import ManifestInvalid
from model_store.origin import ImportOrigin as ImportOrigin
from model_store.origin import Origin, Sha256
from model_store.origin import TrainingOrigin as TrainingOrigin
from model_store.strict import Strict

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST_PROBLEMS = 20
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Width = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Task = Literal["classification", "regression"]


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


Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
"""A million wrong ones are one error."""


class _Common(Strict):
    """
    What a network of any kind says of itself.

    Attributes:
        uint8: How raw pixels become its input; None where they are no input for it.
        inputs: Columns that make its input, in order; None where its numbers have no names.
        targets: Of each output what value it is; None of a classification.
        classes: Name of each class, in order; None where they have none.
    """

    schema_version: Literal[1] = 1
    input_width: Width
    output_width: Width
    activation: str
    dtype: Literal["float32"] = "float32"
    uint8: Uint8Scaling | None = None
    sha256: Sha256
    origin: Origin
    baseline: Name | None = None
    inputs: Annotated[list[Column], Field(min_length=1)] | None = None
    targets: Annotated[list[Target], Field(min_length=1)] | None = None
    classes: Annotated[list[Text], Field(min_length=1)] | None = None

    @property
    def task(self) -> Task:
        """`regression` where targets are named: outputs are values then, not scores of classes."""
        return "classification" if self.targets is None else "regression"

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

    @field_validator("activation")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_activation(name)

    @model_validator(mode="after")
    def _names_fit_widths(self) -> Self:
        if self.inputs is not None:
            width = sum(column.width for column in self.inputs)
            if width != self.input_width:
                raise ValueError(f"inputs must make {self.input_width} numbers, they make {width}")
            check_distinct("names of inputs", [column.name for column in self.inputs])
        if self.targets is not None and self.classes is not None:
            raise ValueError("targets are of a regression, classes of a classification; not both")
        for what, names in (
            ("targets", [target.name for target in self.targets or []]),
            ("classes", self.classes or []),
        ):
            if names and len(names) != self.output_width:
                raise ValueError(f"{what} must be {self.output_width}, got {len(names)}")
            check_distinct(f"names of {what}", names)
        return self


class FFFManifest(_Common):
    """
    A fast feedforward layer.

    Attributes:
        baseline: Name of the network it is compared with, by default its dense twin.
        reference_leaf_rows: Rows of reference data per leaf, for each routed layer; routing
            drift is measured against these shares. None where no reference data was at hand.
    """

    kind: Literal["fff"] = "fff"
    depth: Annotated[int, Field(ge=0, le=24)]
    leaf_width: Width
    master_width: Annotated[int, Field(ge=0)] = 0
    tie: TieRule = "ge"
    leaf_output_bias: bool = True
    reference_leaf_rows: Annotated[list[Counts], Field(fail_fast=True)] | None = None

    @property
    def leaves(self) -> int:
        return 1 << self.depth

    @model_validator(mode="after")
    def _one_count_a_leaf(self) -> Self:
        layers = [len(layer) for layer in self.reference_leaf_rows or []]
        if self.reference_leaf_rows is not None and layers != [self.leaves]:
            raise ValueError(
                f"reference_leaf_rows must hold one layer of {self.leaves} counts, "
                f"got layers of {layers}"
            )
        return self


class DenseManifest(_Common):
    """A dense feedforward network with one hidden layer."""

    kind: Literal["dense"] = "dense"
    hidden_width: Width


class LowRankManifest(_Common):
    """A dense network with one hidden layer, whose up projection has a rank."""

    kind: Literal["low_rank"] = "low_rank"
    hidden_width: Width
    rank: Width


class MixtureManifest(_Common):
    """A mixture of experts, of which a row is given to `top_k`."""

    kind: Literal["mixture"] = "mixture"
    experts: Annotated[int, Field(ge=1, le=1 << 15)]  # the most of the FFF's paper, figure 3
    expert_width: Width
    top_k: Width

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> Self:
        if self.top_k > self.experts:
            raise ValueError(f"top_k must be from 1 to {self.experts} experts, got {self.top_k}")
        return self


Manifest = FFFManifest | DenseManifest | LowRankManifest | MixtureManifest
"""Of a network of any kind; `kind` says which."""

_ADAPTER: TypeAdapter[Manifest] = TypeAdapter(Annotated[Manifest, Field(discriminator="kind")])


def parse_manifest(text: bytes, where: str) -> Manifest:
    """
    Read a manifest.

    Args:
        text: JSON, as bytes.
        where: The version's name in messages.

    Raises:
        ManifestInvalid: Naming `where` and every field that is wrong.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as exc:
        raise ManifestInvalid(f"{where}: {_problems(exc)}") from exc


def new_manifest(fields: Mapping[str, object]) -> Manifest:
    """
    Make a manifest of its fields.

    Raises:
        ManifestInvalid: Naming every field that is wrong.
    """
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as exc:
        raise ManifestInvalid(f"a new manifest: {_problems(exc)}") from exc


def _problems(exc: ValidationError) -> str:
    errors = exc.errors(include_url=False, include_input=False)
    named = [f"{'.'.join(map(str, e['loc'])) or 'manifest'}: {e['msg']}" for e in errors]
    more = [f"and {len(named) - _MOST_PROBLEMS} more"] if len(named) > _MOST_PROBLEMS else []
    return "; ".join([problem[:200] for problem in named[:_MOST_PROBLEMS]] + more)
