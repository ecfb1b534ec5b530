"""
The documented JSON bodies that `/v1` takes, as `/docs` shows them.

They are described here and parsed in `service.protocol.plain_json`: a pydantic model of a thousand
rows would cost more than the rows' computation.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

NamedValues = dict[str, float | str | bool]
_ROWS = (
    "Each names every column of the manifest's `inputs`, and no other: numbers in their own units, "
    "and categories by their names."
)


class NumberRows(BaseModel):
    """Rows of numbers, as the network takes them, or of pixels."""

    inputs: list[list[float]] = Field(description="`[rows, input width]`, finite numbers.")
    datatype: Literal["FP32", "UINT8"] = Field(
        "FP32",
        description="`UINT8` for raw pixels, scaled as the model's manifest says; pixels sent as "
        "`FP32` are refused where they look like it.",
    )


class NamedRows(BaseModel):
    """Rows that name their values, for a model whose manifest names `inputs`."""

    rows: list[NamedValues] = Field(description=_ROWS, min_length=1)


class PredictRequest(RootModel[NumberRows | NamedRows]):
    """Rows to compute."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": [[0.0] * 64]},
                {"rows": [{"carat": 0.23, "cut": "Ideal", "depth": 61.5}]},
            ]
        }
    )


class _OfNetwork(BaseModel):
    layer: str | int | None = Field(
        None,
        description="Of a network of blocks the layer to explain, by name or number; all by "
        "default. `layers` in the model's description has them.",
    )
    tokens: list[int] | None = Field(
        None, description="Of a network of blocks the tokens to explain, counted from 0; likewise."
    )


class ExplainedNumbers(NumberRows, _OfNetwork):
    """Rows of numbers, and what of them."""


class ExplainedNames(NamedRows, _OfNetwork):
    """Rows by name, and what of them."""


class ExplainBody(RootModel[ExplainedNumbers | ExplainedNames]):
    """Rows to compute and to explain."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": [[0.0] * 64]},
                {"rows": [{"carat": 0.23, "cut": "Ideal", "depth": 61.5}]},
                {"inputs": [[0] * 784], "datatype": "UINT8", "layer": 0, "tokens": [24]},
            ]
        }
    )


class CompareRequest(BaseModel):
    """Rows to compute by a model and by its baseline."""

    model: str = Field(description="A served model that names a baseline, mostly an FFF.")
    inputs: list[list[float]] = Field(
        [], description="`[rows, input width]`, finite numbers; or `rows` in their place."
    )
    datatype: Literal["FP32", "UINT8"] = "FP32"
    rows: list[NamedValues] = Field([], description=_ROWS)
    labels: list[int] | None = Field(
        None,
        description="The class that is right, of each row, from 0 to outputs - 1; refused for a "
        "regression, which has no classes.",
    )
