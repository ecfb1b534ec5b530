"""
The description of a checkpoint: `manifest.json`, checked field by field.

A manifest comes from outside, so it is parsed strictly: an unknown field, a wrong type or a
width of 0 is an error that names the field.

Covered:      each kind's own fields, reading and making manifests.
Not covered:  the fields of every kind (`model_store.common_fields`), those of a network of blocks
              (`model_store.network_manifest`).

Imports neither PyTorch nor NumPy: listing a store takes less time than importing them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from fff.names import Kind as Kind
from fff.names import TieRule, known_activation, known_multilayer_activation
from fff.routed_layer import RoutedLayer
from model_store.common_fields import NAME_PATTERN as NAME_PATTERN
from model_store.common_fields import CommonFields, Counts, Width
from model_store.common_fields import Name as Name
from model_store.common_fields import Task as Task
from model_store.common_fields import Uint8Scaling as Uint8Scaling
from model_store.errors import ManifestInvalid
from model_store.network_manifest import NetworkManifest as NetworkManifest
from model_store.origin import ImportOrigin as ImportOrigin
from model_store.origin import TrainingOrigin as TrainingOrigin

_MOST_PROBLEMS = 20

Activation = Annotated[str, AfterValidator(known_activation)]


class FFFManifest(CommonFields):
    """
    A fast feedforward layer.

    Attributes:
        baseline: Name of the network it is compared with, by default its dense twin.
        reference_leaf_rows: Rows of reference data per leaf, for each routed layer; routing
            drift is measured against these shares. None where no reference data was at hand.
    """

    kind: Literal["fff"] = "fff"
    activation: Activation
    depth: Annotated[int, Field(ge=0, le=24)]
    leaf_width: Width
    master_width: Annotated[int, Field(ge=0)] = 0
    tie: TieRule = "ge"
    leaf_output_bias: bool = True
    reference_leaf_rows: Annotated[list[Counts], Field(fail_fast=True)] | None = None

    @property
    def leaves(self) -> int:
        return 1 << self.depth

    @property
    def layers(self) -> tuple[RoutedLayer, ...]:
        """Itself."""
        return (RoutedLayer("", self.leaves, 1),)

    @model_validator(mode="after")
    def _one_count_a_leaf(self) -> Self:
        layers = [len(layer) for layer in self.reference_leaf_rows or []]
        if self.reference_leaf_rows is not None and layers != [self.leaves]:
            raise ValueError(
                f"reference_leaf_rows must hold one layer of {self.leaves} counts, "
                f"got layers of {layers}"
            )
        return self


class DenseManifest(CommonFields):
    """A dense feedforward network with one hidden layer."""

    kind: Literal["dense"] = "dense"
    activation: Activation
    hidden_width: Width


class LowRankManifest(CommonFields):
    """A dense network with one hidden layer, whose up projection has a rank."""

    kind: Literal["low_rank"] = "low_rank"
    activation: Activation
    hidden_width: Width
    rank: Width


class MixtureManifest(CommonFields):
    """A mixture of experts, of which a row is given to `top_k`."""

    kind: Literal["mixture"] = "mixture"
    activation: Activation
    experts: Annotated[int, Field(ge=1, le=1 << 15)]  # the most of the FFF's paper, figure 3
    expert_width: Width
    top_k: Width

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> Self:
        if self.top_k > self.experts:
            raise ValueError(f"top_k must be from 1 to {self.experts} experts, got {self.top_k}")
        return self


class MultilayerManifest(CommonFields):
    """
    Hidden layers one after the other, and an output layer.

    Attributes:
        hidden_widths: From the first hidden layer on.
        fourier_features: Frequencies whose cosines and sines the first layer is given; 0 if it is
            given the inputs.
    """

    kind: Literal["multilayer"] = "multilayer"
    activation: Annotated[str, AfterValidator(known_multilayer_activation)]
    hidden_widths: Annotated[list[Width], Field(min_length=1, max_length=16)]
    fourier_features: Annotated[int, Field(ge=0)] = 0


class RasterManifest(CommonFields):
    """
    Values on a regular grid over `[-1, 1]` for each input, and interpolation between them.

    Attributes:
        shape: Samples along each axis, in the order of the values: input 0 runs along the last.
    """

    kind: Literal["raster"] = "raster"
    shape: Annotated[list[Width], Field(min_length=1, max_length=4)]

    @model_validator(mode="after")
    def _an_axis_an_input(self) -> Self:
        if len(self.shape) != self.input_width:
            raise ValueError(f"shape must be of {self.input_width} axes, got {len(self.shape)}")
        return self


Manifest = (
    FFFManifest
    | DenseManifest
    | LowRankManifest
    | MixtureManifest
    | MultilayerManifest
    | RasterManifest
    | NetworkManifest
)
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
