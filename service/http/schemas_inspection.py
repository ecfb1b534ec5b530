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


class ExplainedToken(BaseModel):
    """What a layer did with one token, or with the row itself."""

    token: int = Field(description="Counted from 0; 0 where a layer is given rows.")
    leaf: int = Field(description="Where the path leads.")
    served_leaf: int = Field(description="That the answer is made of.")
    differs: bool = Field(
        description="Whether these two are different. What the layer was given is computed once "
        "more for the path, of the example alone; in a batch it is rounded otherwise, so that a "
        "near tie may turn, here or in a layer before. Never with the setting `strict`."
    )
    margin: float | None = Field(description="As of a row, in units of what the layer was given.")
    margin_rank: float | None = Field(
        description="As of a row, among the tokens that this layer was given before."
    )
    path: list[Step]


class ExplainedLayer(BaseModel):
    """One layer's tokens."""

    layer: int
    name: str
    tokens: list[ExplainedToken]


class ExplainedExample(BaseModel):
    """What an example was answered, and why by those leaves."""

    label: int | None = Field(
        alias="class", description="As of a row; null where each token has an answer."
    )
    class_name: str | None
    logits: list[float | list[float]]
    layers: list[ExplainedLayer]


class LayerFacts(BaseModel):
    """A layer of a network, of those that route."""

    layer: int = Field(description="Its number, which the metrics' label `layer` has.")
    name: str = Field(description="Of its block, with those that it is in before it.")
    leaves: int
    depth: int
    tokens: int = Field(description="It is given of an example, at most.")


class NetworkExplainResponse(BaseModel):
    """Paths of tokens down the trees of a network of blocks."""

    model: str
    version: int
    layers: list[LayerFacts] = Field(description="Those that were asked for.")
    task: Task
    targets: list[Value] | None = Field(description="Of a regression; else null.")
    differing: int = Field(description="Tokens of all rows and layers that were served otherwise.")
    rows: list[ExplainedExample]


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
