"""
The tensors that a request can hold, as a model's description names them.

Covered:      rows of numbers and images, token ids with their mask, text.
Not covered:  reading them (`infer_request`, `token_request`).
"""

from typing import Any

from model_store.manifest import Manifest
from service.protocol.tensor_bytes import ITEM_BYTES

INPUT, MASK = "input", "mask"
IDS, TEXT = "INT64", "BYTES"
MASK_DATATYPES = ("INT64", "INT32", "BOOL")

Parameters = dict[str, str | float | bool]


def json_datatypes(manifest: Manifest) -> list[str]:
    """What the input may be in JSON."""
    if manifest.vocabulary:
        return [IDS] if manifest.tokenizer_hash is None else [IDS, TEXT]
    return ["FP32"] if manifest.uint8 is None else ["FP32", "UINT8"]


def input_parameters(manifest: Manifest) -> Parameters:
    """
    What the input may be, and what it means.

    Of token ids how many there are, and how many a row may have; of UINT8 how a pixel becomes what
    the network takes.
    """
    scaling = manifest.uint8
    if manifest.vocabulary:
        most = {"vocabulary": manifest.vocabulary, "length": manifest.input_width}
        return {"datatypes": ",".join(json_datatypes(manifest)), **most}
    taken = [datatype for datatype in ITEM_BYTES if datatype != "UINT8" or scaling is not None]
    datatypes: Parameters = {"datatypes": ",".join(taken)}
    if scaling is None:
        return datatypes
    return datatypes | {"uint8_scale": scaling.scale, "uint8_shift": scaling.shift}


def input_tensors(manifest: Manifest) -> list[dict[str, Any]]:
    """Names, datatypes and shapes, -1 for rows, and for tokens where examples differ in length."""
    ids = manifest.vocabulary > 0
    tensor = {
        "name": INPUT,
        "datatype": IDS if ids else "FP32",
        "shape": [-1, -1] if ids else [-1, *manifest.example_shape],
        "parameters": input_parameters(manifest),
    }
    if not ids:
        return [tensor]
    taken: Parameters = {"datatypes": ",".join(MASK_DATATYPES), "optional": True}
    return [tensor, {"name": MASK, "datatype": IDS, "shape": [-1, -1], "parameters": taken}]
