"""
A model's configuration as Triton's clients read it: perf_analyzer asks before it measures.

Only what is true here is said; what Triton would add (optimization, ensembles, sequences) is
absent, which its clients take as not used.
"""

from typing import Any

from service.engine.served_model import ServedModel
from service.protocol.inputs import INPUT, MASK, input_parameters
from service.protocol.open_inference import model_metadata
from service.protocol.outputs import meaning


def model_config(model: ServedModel) -> dict[str, Any]:
    """Make the `ModelConfig` of Triton's model_config.proto, in its JSON form."""
    facts, metadata = model.facts, model_metadata(model)
    batcher, on_gpu = model.worker.batcher, facts.device.startswith("cuda")
    return {
        "name": facts.name,
        "platform": metadata["platform"],
        "backend": facts.backend,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": model.most_rows,
        "input": [
            _tensor(tensor) | {"optional": tensor["name"] == MASK} for tensor in metadata["inputs"]
        ],
        "output": [_tensor(tensor) for tensor in metadata["outputs"]],
        "dynamic_batching": {"max_queue_delay_microseconds": 0},
        "instance_group": [
            {
                "name": facts.name,
                "kind": "KIND_GPU" if on_gpu else "KIND_CPU",
                "count": 1,
            }
        ],
        "default_model_filename": "model.safetensors",
        "model_transaction_policy": {"decoupled": False},
        "parameters": {
            "kind": {"string_value": facts.kind},
            "sha256": {"string_value": facts.sha256},
            "max_queue_rows": {"string_value": str(batcher.max_queue_tokens)},
        }
        | {
            f"{INPUT}_{name}": {"string_value": str(value)}
            for name, value in input_parameters(model.manifest).items()
        }
        | {name: {"string_value": text} for name, text in meaning(model.manifest).items()},
    }


def _tensor(metadata: dict[str, Any]) -> dict[str, Any]:
    """One tensor; its dims are a row's, since `max_batch_size` says that rows are batched."""
    dims = metadata["shape"][1:]
    tensor = {
        "name": metadata["name"],
        "data_type": f"TYPE_{metadata['datatype']}",
        "dims": dims or [1],
        "is_shape_tensor": False,
    }
    # One number a row and no dimension for it: Triton has no empty dims but by a reshape.
    return tensor if dims else tensor | {"reshape": {"shape": []}}
