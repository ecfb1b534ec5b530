"""Networks of token ids in a store, three rows for them in each form, and their offline answers."""

from pathlib import Path

import torch

from fff.inference_result import InferenceResult
from model_store.store import Store
from networks.backends import build_backend
from networks.ragged import NO_TOKEN
from tests.networks import texts
from tests.service import toys

IDS = [[3, 1, 4], [1, 5, 9, 2, 6], [5]]
PADDED = [[3, 1, 4, 0, 0], [1, 5, 9, 2, 6], [5, 0, 0, 0, 0]]
MASK = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]
CPU = torch.device("cpu")


def make_store(root: Path) -> Store:
    """`texts` answers with classes, `words` with ids of tokens, `vectors` with embeddings."""
    store, origin = Store(root), toys.ORIGIN
    words = {"output": "token_logits", "mask_token": 9}
    store.publish("texts", texts.network(), origin=origin)
    store.publish("words", texts.network("tokens"), origin=origin, **words)
    store.publish("vectors", texts.network(), origin=origin, output="embedding")
    return store


def offline(model: str, strict: bool = False) -> InferenceResult:
    network = texts.network("tokens" if model == "words" else "classes")
    ids = torch.tensor(PADDED).masked_fill(torch.tensor(MASK) == 0, NO_TOKEN).int()
    return build_backend(network, CPU, strict=strict).infer(ids)


def tensor(name: str, data: object, datatype: str = "INT64") -> dict[str, object]:
    return {"name": name, "shape": [3, 5], "datatype": datatype, "data": data}
