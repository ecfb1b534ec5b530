"""
The description of a checkpoint: `manifest.json`, checked field by field.

A manifest comes from outside, so it is parsed strictly: an unknown field, a wrong type or a
width of 0 is an error that names the field.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from torch import Tensor

from fff.activations import activation_by_name
from fff.weights import FeedForwardWeights, FFFWeights, TieRule, Weights
from model_store.errors import ManifestInvalid

_MOST_PROBLEMS = 20
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Width = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Uint8Scaling(_Strict):
    """How raw pixels become the network's input: `pixel * scale + shift`."""

    scale: float
    shift: float

    def decode(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """
        Scale pixels of any shape, through a table of the 256 possible values.

        Rounded once from float64, so a pixel has one float32 value everywhere.
        """
        table = (np.arange(256) * self.scale + self.shift).astype(np.float32)
        return table[pixels]


class ImportOrigin(_Strict):
    """A checkpoint somebody else published."""

    how: Literal["import"] = "import"
    format: str
    sha256: Sha256


class TrainingOrigin(_Strict):
    """A checkpoint trained here: the recipe and seed that repeat it, and its metrics."""

    how: Literal["training"] = "training"
    recipe: dict[str, str | int | float | bool]
    seed: int
    metrics: dict[str, float]


Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
"""A million wrong ones are one error."""
Origin = Annotated[ImportOrigin | TrainingOrigin, Field(discriminator="how")]


class _Common(_Strict):
    schema_version: Literal[1] = 1
    input_width: Width
    output_width: Width
    activation: str
    dtype: Literal["float32"] = "float32"
    uint8: Uint8Scaling | None = None
    sha256: Sha256
    origin: Origin
    baseline: Name | None = None

    @field_validator("activation")
    @classmethod
    def _known(cls, name: str) -> str:
        activation_by_name(name)
        return name


class FFFManifest(_Common):
    """
    A fast feedforward layer.

    Attributes:
        baseline: Name of the dense twin it is compared with.
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


Manifest = Annotated[FFFManifest | DenseManifest, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[FFFManifest | DenseManifest] = TypeAdapter(Manifest)


def parse_manifest(text: bytes, where: str) -> FFFManifest | DenseManifest:
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


def _problems(exc: ValidationError) -> str:
    errors = exc.errors(include_url=False, include_input=False)
    named = [f"{'.'.join(map(str, e['loc'])) or 'manifest'}: {e['msg']}" for e in errors]
    more = [f"and {len(named) - _MOST_PROBLEMS} more"] if len(named) > _MOST_PROBLEMS else []
    return "; ".join([problem[:200] for problem in named[:_MOST_PROBLEMS]] + more)


def describe(weights: Weights) -> dict[str, int | str | bool]:
    """The manifest fields that follow from a network's weights; `Store.load` compares them."""
    common: dict[str, int | str | bool] = {
        "input_width": weights.input_width,
        "output_width": weights.output_width,
        "activation": weights.activation,
    }
    if isinstance(weights, FeedForwardWeights):
        return common | {"kind": "dense", "hidden_width": weights.hidden_width}
    return common | {
        "kind": "fff",
        "depth": weights.depth,
        "leaf_width": weights.leaf_width,
        "master_width": weights.master_width,
        "tie": weights.tie,
        "leaf_output_bias": weights.leaf_output_bias,
    }


def new_manifest(weights: Weights, **rest: object) -> FFFManifest | DenseManifest:
    """
    Make the manifest of weights about to be published.

    Args:
        weights: The network to be published; its shapes and activation become fields.
        rest: The fields that do not follow from it: `sha256`, `origin`, `uint8`, `baseline`, ...

    Raises:
        ManifestInvalid: Naming every field that is wrong.
    """
    try:
        return _ADAPTER.validate_python(describe(weights) | rest)
    except ValidationError as exc:
        raise ManifestInvalid(f"a new manifest: {_problems(exc)}") from exc


def weights_from(
    manifest: FFFManifest | DenseManifest, tensors: Mapping[str, Tensor]
) -> FFFWeights | FeedForwardWeights:
    """
    Build a network of the manifest's kind from named tensors.

    Raises:
        fff.weights.ShapeError: If a tensor is missing or does not fit the others.
    """
    if isinstance(manifest, DenseManifest):
        return FeedForwardWeights.from_tensors(tensors, manifest.activation)
    return FFFWeights.from_tensors(
        tensors, manifest.activation, manifest.tie, manifest.leaf_output_bias
    )
