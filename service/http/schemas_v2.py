"""
The documented JSON bodies of `/v2`, as `/docs` shows them.

Bodies are described here; they are read in `service.protocol.infer_request` and written in
`service.protocol.open_inference` and beside it, for the reason given in
`service.http.schemas_v1_requests`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Parameters = dict[str, bool | int | float | str]


class InputTensor(BaseModel):
    """Rows to compute; or, of a model of token ids, these and which of them there are."""

    name: Literal["input", "mask"] = "input"
    shape: list[int] = Field(description="`[rows, input width]`; of token ids `[rows, tokens]`.")
    datatype: Literal["FP32", "UINT8", "FP16", "BF16", "INT64", "INT32", "BOOL"] = Field(
        description="FP16 and BF16 as binary data only; UINT8 are raw pixels. Numbers in `data` "
        "that look like pixels are refused as FP32. INT64 are token ids; a mask is INT64, INT32 or "
        "BOOL, 1 for a token and 0 behind the last one."
    )
    parameters: Parameters = Field(
        {}, description="`binary_data_size`: bytes after the JSON part, in place of `data`."
    )
    data: list[Any] = Field(description="Finite numbers, nested or flat.")


class OutputRequest(BaseModel):
    """An output to answer with."""

    name: Literal[
        "logits",
        "probabilities",
        "class",
        "embedding",
        "token_logits",
        "top_ids",
        "top_probabilities",
        "leaf",
        "margin",
    ] = Field(
        description="`logits` are scores of classes or, of a regression, values in their units; "
        "`probabilities` and `class` are a classification's alone. A network may answer with an "
        "`embedding`, or with `token_logits`, instead; with these and the parameter `top_k` there "
        "are `top_ids` and `top_probabilities`."
    )
    parameters: Parameters = Field({}, description="`binary_data`: as bytes, or as JSON.")


class InferBody(BaseModel):
    """The whole body, or its JSON part if `Inference-Header-Content-Length` gives its length."""

    id: str = Field("", description="Comes back in the answer.")
    inputs: list[InputTensor] = Field(min_length=1, max_length=2)
    outputs: list[OutputRequest] = Field(
        [], description="The model's first if none is named, mostly `logits`."
    )
    parameters: Parameters = Field(
        {},
        description="`timeout` in microseconds; `binary_data_output` for all outputs; "
        "`leaf_statistics` false keeps the rows out of leaf counts, margins and drift; `top_k`, "
        "1 to 100, asks for so many ids of each place that is to be filled in.",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "inputs": [
                        {"name": "input", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}
                    ],
                    "outputs": [{"name": "class"}, {"name": "probabilities"}],
                }
            ]
        }
    )


class OutputTensor(BaseModel):
    """An output; its numbers in row-major order, or as bytes after the JSON part."""

    name: str
    shape: list[int]
    datatype: Literal["FP32", "INT32", "INT64"]
    parameters: Parameters | None = Field(None, description="`binary_data_size` if as bytes.")
    data: list[float] | None = None


class InferAnswer(BaseModel):
    """The answer, or its JSON part."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: Parameters | None = Field(None, description="`task`, of a regression.")
    outputs: list[OutputTensor]


class Tensor(BaseModel):
    """A tensor of a model; -1 stands for any number of rows."""

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters | None = Field(
        None,
        description="Of the input: `datatypes` that it takes; where it takes UINT8, pixels, "
        "`uint8_scale` and `uint8_shift`: FP32 is `pixel * scale + shift`. Of the logits: `task`, "
        "`classification` or `regression`; as JSON, in the logits' order, `targets` of a "
        "regression, each with `name`, `unit` and `tolerance`, and `classes`, where they have "
        "names.",
    )


class ServerMetadata(BaseModel):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(BaseModel):
    """What a client must know to ask."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class Duration(BaseModel):
    """How often, and how long in all."""

    count: int
    ns: int


class InferStatistics(BaseModel):
    """Requests since the model was loaded; those computed are charged their whole batch."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration = Field(description="Counted; its time is in compute_infer.")
    compute_infer: Duration
    compute_output: Duration = Field(description="Counted; its time is in compute_infer.")


class BatchStatistics(BaseModel):
    """Batches of one size."""

    batch_size: int = Field(description="Rows.")
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatisticsEntry(BaseModel):
    """One model since it was loaded."""

    name: str
    version: str
    last_inference: int = Field(description="Milliseconds since 1970; 0 if there was none.")
    inference_count: int = Field(description="Rows computed.")
    execution_count: int = Field(description="Batches computed.")
    inference_stats: InferStatistics
    batch_stats: list[BatchStatistics]


class StatisticsAnswer(BaseModel):
    """One model, or all."""

    model_stats: list[ModelStatisticsEntry]


class IndexBody(BaseModel):
    """What to list; the body may be empty."""

    ready: bool = Field(False, description="Only what is ready.")


class IndexEntry(BaseModel):
    """A version of a model."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE", "LOADING"]
    reason: str


class LoadBody(BaseModel):
    """Nothing: overrides of configuration and files are refused."""

    parameters: dict[str, Any] = Field({}, max_length=0)


class UnloadBody(BaseModel):
    """The body may be empty."""

    parameters: dict[Literal["unload_dependents"], bool] = Field(
        {}, description="Accepted; no model here depends on another."
    )


def request_body(schema: type[BaseModel], required: bool = False) -> dict[str, Any]:
    """Document a body that the handler reads itself; nested schemas are written out in place."""
    described = schema.model_json_schema()
    content = {"application/json": {"schema": _inlined(described, described.get("$defs", {}))}}
    return {"requestBody": {"required": required, "content": content}}


def _inlined(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(part, definitions) for part in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _inlined(definitions[value["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(part, definitions) for key, part in value.items() if key != "$defs"}
