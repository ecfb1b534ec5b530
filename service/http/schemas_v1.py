"""
The documented JSON answers of `/v1`, as `/docs` shows them: predictions and models.

Those of comparisons and explanations are in `service.http.schemas_inspection`; requests in
`service.http.schemas_v1_requests`.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from model_store.columns import Column, Target
from model_store.manifest import Kind, Task


class ErrorBody(BaseModel):
    """Every error, on every path."""

    error: str = Field(description="What was expected and what came.")


class PredictResponse(BaseModel):
    """Outputs and the leaf that made each."""

    model: str
    version: int
    outputs: list[list[float]] = Field(
        description="`[rows, output width]`: logits or, of a regression, values in their units, in "
        "the order of the model's `targets`."
    )
    leaves: list[list[int | list[int]]] = Field(
        description="Leaf of each row in each routed layer, `[rows, layers]`; no layer if no FFF. "
        "Of a network with tokens `[rows, layers, tokens]`, -1 where a layer is not given one."
    )


class ShadowState(BaseModel):
    """What the baseline made of a sample of live rows."""

    baseline: str
    ratio: float = Field(description="Share of live batches sampled.")
    rows: int = Field(description="Computed by both since start.")
    dropped_rows: int = Field(description="Sampled, and not computed by the baseline.")
    waiting_rows: int = Field(description="Sampled, and neither yet.")
    window_rows: int = Field(description="Latest rows, behind agreement and speed-up.")
    agreement: float | None = Field(
        description="Share on which both agree: the same class or, of a regression, every value "
        "within its target's tolerance; null before any row."
    )
    speedup: float | None = Field(
        description="Processor time of the baseline over the FFF's, for the same batches; null "
        "before any, and where the FFF computes on a GPU: its baseline computes on the CPU."
    )
    mean_difference: float | None = Field(
        description="Mean of the rows' largest absolute difference of an output, since start."
    )


class RoutedLayerFacts(BaseModel):
    """A layer that routes; its place in the list is what the metrics' label `layer` has."""

    name: str = Field(
        description="Of its block in a network, with those that it is in before it; empty of a "
        "model that is one FFF."
    )
    leaves: int = Field(description="Of all of its trees together.")
    rows: int = Field(description="Tokens that it is given of an example, at most; or 1.")
    trees: int = Field(description="Trees that a row goes down, to a leaf of each.")


class ModelDescription(BaseModel):
    """A served model: what it is, where it runs and why there."""

    name: str
    version: int
    kind: Kind
    task: Task
    inputs: list[Column] | None = Field(
        description="Columns that make a row of `inputs`, in order; null where its numbers have no "
        "names."
    )
    targets: list[Target] | None = Field(
        description="What value each output of a regression is, with `mean` and `deviation` of "
        "those it learnt from; answers that differ by no more than `tolerance`, in the unit, "
        "agree. Null of a classification."
    )
    classes: list[str] | None = Field(
        description="Names of the classes; null where they have none."
    )
    ready: bool
    unready_reason: str | None = Field(description="Why it takes no predictions now, or null.")
    backend: str
    backend_reason: str
    device: str
    device_reason: str
    inline_rows: int = Field(
        description="Batches of up to so many rows, or tokens of texts, are computed in the event "
        "loop, larger ones in the model's thread; measured at start-up."
    )
    output_class: Literal["strict", "fast"] = Field(
        description="strict: a row's logits are bitwise the same whatever it is batched with, as "
        "the warm-up has seen too; fast: within float32 rounding. Leaves never depend on the batch."
    )
    dtype: str = Field(description="In which the leaves, or another network, are kept.")
    weight_bytes: int
    flops_per_row: int
    bytes_per_row: int
    layers: list[RoutedLayerFacts] = Field(description="Those that route, in order.")
    shadow: ShadowState | None = Field(
        description="Null if the setting `shadow_ratio` is 0 or the manifest names no baseline."
    )
    datatypes: list[Literal["FP32", "UINT8", "INT64", "BYTES"]] = Field(
        description="Of `inputs`; UINT8 are pixels, of which `pixel * scale + shift` of the "
        "manifest's `uint8` makes FP32."
    )
    manifest: dict[str, Any] = Field(description="The checkpoint's manifest, as stored.")


class ModelList(BaseModel):
    """Everything that is served."""

    models: list[ModelDescription]


class LeafLayer(BaseModel):
    """One routed layer: counts since start, shares over the window."""

    name: str = Field(description="As in `layers` of the model's description.")
    leaves: int
    rows_total: int
    rows: list[int] = Field(description="Rows per leaf since the model was loaded.")
    window_rows: int = Field(description="Rows the following fields look back over.")
    shares: list[float]
    dead: list[int] = Field(description="Leaves that no row of the window reached.")
    expected_dead: float = Field(
        description="How many chance alone leaves so in a window as large, of rows drawn like the "
        "reference, or evenly without one; 0 while the window is empty."
    )
    unexpectedly_dead: list[int] | None = Field(
        description="Those of them that the reference used, beyond chance; null without one."
    )
    max_share: float
    entropy_ratio: float = Field(description="1 when balanced, 0 when one leaf takes all.")
    drift_js: float | None = Field(
        description="Jensen-Shannon distance from the reference, 0 to 1; null without one."
    )
    drift_noise_js: float | None = Field(
        description="Drift that chance alone exceeds in one window of a thousand as large as this "
        "one: only above it is drift more than that. Null without a reference."
    )


class LeavesResponse(BaseModel):
    """How a model's leaves are used."""

    model: str
    version: int
    layers: list[LeafLayer]
