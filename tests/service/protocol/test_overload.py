"""The real Triton client meets a service with more to do than its queue holds."""

import numpy as np
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.service import toys


def outcome(waiting) -> str:
    try:
        return f"{len(waiting.get_result().as_numpy('logits'))} rows"
    except InferenceServerException as refused:
        return f"{refused.status()}: {str(refused).rpartition(', ')[2]}"


def test_some_requests_are_refused_and_all_others_answered(toy_store):
    rows = np.zeros((1024, toys.WIDTH), np.float32)
    full = tritonclient.http.InferInput("input", list(rows.shape), "FP32")
    full.set_data_from_numpy(rows)
    options = ["--store", str(toy_store.root), "--device", "cpu", "--max-queue-rows", "1024"]
    with toys.live(*options) as service:
        address = service.url.removeprefix("http://")
        with tritonclient.http.InferenceServerClient(address, concurrency=32) as client:
            asked = [client.async_infer("toy", [full]) for _ in range(200)]
            outcomes = {outcome(waiting) for waiting in asked}

    assert outcomes == {"1024 rows", "429: 1024 more do not fit"}
