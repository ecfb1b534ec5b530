"""The documented JSON answers of comparisons and explanations, as `/docs` shows them."""

from pydantic import BaseModel, Field

from model_store.manifest import Task


class Value(BaseModel):
    """What a regression predicts by one of its outputs."""

    name: str
    unit: str | None
    tolerance: float = Field(
        description="Two answers that differ by no more than this, in the unit, agree."
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

    label: int | None = Field(
        alias="class", description="Where the logits are largest; null of a regression."
    )
    class_name: str | None = Field(description="Of that class; null where it has none.")
    logits: list[float] = Field(
        description="Of a regression its values in their units, in the order of `targets`."
    )
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
    task: Task
    targets: list[Value] | None = Field(description="Of a regression; else null.")
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


class ComparedValue(Value):
    """How far two regressions are from each other in one output."""

    largest_difference: float = Field(description="Largest absolute difference, in the unit.")
    mean_difference: float = Field(description="Mean absolute difference, in the unit.")


class CompareResponse(BaseModel):
    """Both networks on the same rows."""

    fff: Side = Field(description="The model asked for.")
    dense: Side = Field(description="Its baseline, of any kind but an FFF.")
    rows: int
    rounds: int = Field(
        description="How often each side was timed, going first in every other round."
    )
    task: Task
    agreement: float = Field(
        description="Share of rows on which both agree. Of a classification: given the same class. "
        "Of a regression: every value differs by at most the `tolerance` of its target."
    )
    targets: list[ComparedValue] | None = Field(
        description="Of a regression, those of the model asked for; else null."
    )
    largest_difference: float = Field(description="Largest absolute difference of two outputs.")
    mean_difference: float = Field(description="Mean absolute difference of two outputs.")
    threads: int = Field(description="Threads of each side: the setting `compute_threads`.")
    speedup: float = Field(
        description="The baseline's compute time over the model's, median of the rounds' ratios."
    )
    speedup_low: float = Field(description="The ratios' lower quartile.")
    speedup_high: float = Field(description="Their upper quartile.")
    difference_seen: bool = Field(
        description="Whether the quartiles are closer to each other than the speed-up is to 1."
    )
