"""
The documented JSON answers of `/v1`, as `/docs` shows them; requests are in
`service.http.schemas_v1_requests`.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from model_store.manifest import Kind


class ErrorBody(BaseModel):
    """Every error, on every path."""

    error: str = Field(description="What was expected and what came.")


class PredictResponse(BaseModel):
    """Outputs and the leaf that made each."""

    model: str
    version: int
    outputs: list[list[float]] = Field(description="Logits, `[rows, output width]`.")
    leaves: list[list[int]] = Field(
        description="Leaf of each row in each routed layer, `[rows, layers]`; no layer if no FFF."
    )


class Step(BaseModel):
    """One decision on a row's path."""

    node: int = Field(description="Heap index: `k` has children `2k + 1` left, `2k + 2` right.")
    score: float = Field(description="`x . w + b`, in float64, in the one order that decides.")
    distance: float | None = Field(
        description="From the row to the node's boundary, `|score| / |w|` in the network's input "
        "units; null where the node has no weights and so bounds nothing."
    )
    right: bool


class ExplainedRow(BaseModel):
    """What a row was answered, and why by that leaf."""

    label: int = Field(alias="class", description="Where the logits are largest.")
    logits: list[float]
    leaf: int
    margin: float | None = Field(
        description="Smallest distance on the path: a row is near a boundary where this is small; "
        "null where nothing bounds the row, as at depth 0."
    )
    margin_rank: float | None = Field(
        description="Share of the live rows served before with a smaller margin, interpolated "
        "within a bucket of `fff_routing_margin`; null before the first row."
    )
    path: list[Step] = Field(description="From the root, one step a level.")


class ExplainResponse(BaseModel):
    """Paths of rows down the tree."""

    model: str
    version: int
    depth: int
    leaves: int
    rows: list[ExplainedRow]


class Side(BaseModel):
    """One of two compared networks."""

    model: str
    version: int
    outputs: list[list[float]]
    compute_ms: float = Field(description="Median of the rounds, rows in a batch of their own.")
    compute_us_per_row: float = Field(description="The same, of one of the rows.")
    flops_per_row: int = Field(description="Multiplications and additions.")
    bytes_per_row: int = Field(description="Weight bytes that one row alone must read.")
    accuracy: float | None = Field(
        description="Share of rows whose class is the label; null without labels."
    )


class CompareResponse(BaseModel):
    """Both networks on the same rows."""

    fff: Side = Field(description="The model asked for.")
    dense: Side = Field(description="Its baseline, of any kind but an FFF.")
    rows: int
    rounds: int = Field(
        description="How often each side was timed, going first in every other round."
    )
    agreement: float = Field(description="Share of rows given the same class by both.")
    largest_difference: float = Field(description="Largest absolute difference of two logits.")
    mean_difference: float = Field(description="Mean absolute difference of two logits.")
    threads: int = Field(description="Threads of each side: the setting `compute_threads`.")
    speedup: float = Field(
        description="The baseline's compute time over the model's, median of the rounds' ratios."
    )
    speedup_low: float = Field(description="The ratios' lower quartile.")
    speedup_high: float = Field(description="Their upper quartile.")
    difference_seen: bool = Field(
        description="Whether the quartiles are closer to each other than the speed-up is to 1."
    )


class ShadowState(BaseModel):
    """What the baseline made of a sample of live rows."""

    baseline: str
    ratio: float = Field(description="Share of live batches sampled.")
    rows: int = Field(description="Computed by both since start.")
    dropped_rows: int = Field(description="Sampled, and not computed by the baseline.")
    waiting_rows: int = Field(description="Sampled, and neither yet.")
    window_rows: int = Field(description="Latest rows, behind agreement and speed-up.")
    agreement: float | None = Field(description="Share given the same class; null before any row.")
    speedup: float | None = Field(
        description="Processor time of the baseline over the FFF's, for the same batches; null "
        "before any, and where the FFF computes on a GPU: its baseline computes on the CPU."
    )
    mean_difference: float | None = Field(
        description="Mean of the rows' largest absolute difference of a logit, since start."
    )


class ModelDescription(BaseModel):
    """A served model: what it is, where it runs and why there."""

    name: str
    version: int
    kind: Kind
    ready: bool
    unready_reason: str | None = Field(description="Why it takes no predictions now, or null.")
    backend: str
    backend_reason: str
    device: str
    device_reason: str
    inline_rows: int = Field(
        description="Batches up to this size are computed in the event loop, larger ones in "
        "the model's thread; measured at start-up."
    )
    output_class: Literal["strict", "fast"] = Field(
        description="strict: a row's logits are bitwise the same whatever it is batched with, as "
        "the warm-up has seen too; fast: within float32 rounding. Leaves never depend on the batch."
    )
    dtype: str = Field(description="In which the leaves, or another network, are kept.")
    weight_bytes: int
    flops_per_row: int
    bytes_per_row: int
    shadow: ShadowState | None = Field(
        description="Null if the setting `shadow_ratio` is 0 or the manifest names no baseline."
    )
    datatypes: list[Literal["FP32", "UINT8"]] = Field(
        description="Of `inputs`; UINT8 are pixels, of which `pixel * scale + shift` of the "
        "manifest's `uint8` makes FP32."
    )
    manifest: dict[str, Any] = Field(description="The checkpoint's manifest, as stored.")


class ModelList(BaseModel):
    """Everything that is served."""

    models: list[ModelDescription]


class LeafLayer(BaseModel):
    """One routed layer: counts since start, shares over the window."""

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
