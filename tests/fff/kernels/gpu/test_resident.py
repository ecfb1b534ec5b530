"""
The layer of somebody's own model on a GPU, and its kernels in Triton's interpreter.

Started by `test_kernels.py`. In the interpreter a module's rows are on the CPU, where Numba
computes them: there the kernels are called alone.
"""

import pytest
import torch
from torch import Tensor

from fff import FFF, reference
from fff.inference_result import InferenceResult
from fff.kernels.gpu.resident import TritonResident
from fff.kernels.gpu.tuning import Tuning
from fff.weights import FFFWeights
from tests.fff.exactness import assert_like_the_reference
from tests.fff.kernels.gpu.device import DEVICE
from tests.fff.networks import rows, tree


def check(layer: TritonResident, x: Tensor, w: FFFWeights, dtype: torch.dtype) -> None:
    logits, leaf, margin = (part.cpu() for part in layer(x.to(DEVICE)))
    assert_like_the_reference(InferenceResult(logits, leaf[:, None], margin[:, None]), x, w, dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("unsorted_rows", [0, 16])
def test_rows_on_the_device_are_computed_like_the_reference(dtype: str, unsorted_rows: int) -> None:
    """In several launches, and more than once: no batch leaves anything behind for the next."""
    w, tuning = tree(12, 3, 5, 7), Tuning(unsorted_rows=unsorted_rows)
    layer = TritonResident(w, DEVICE, dtype, most_rows=8, tuning=tuning)

    for n in (19, 0, 1, 8):
        check(layer, rows(n, 12, seed=n), w, getattr(torch, dtype))


def test_a_model_on_the_device_computes_and_learns_there() -> None:
    w, x = tree(12, 3, 5, 7, 2), rows(40, 12)
    here = FFF.from_weights(w).eval()
    there = FFF.from_weights(w).to(DEVICE).eval()

    here(x).square().sum().backward()
    output = there.hard(x.to(DEVICE).view(2, 20, 12))
    output.logits.square().sum().backward()

    expected = reference.infer(x, w)
    assert output.logits.device.type == output.leaf.device.type == DEVICE.type
    assert torch.equal(output.leaf.cpu().flatten(), expected.leaf[:, 0])
    torch.testing.assert_close(output.logits.cpu().view(40, 7), expected.logits)
    for mine, theirs in zip(there.parameters(), here.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None and theirs.grad is not None:
            torch.testing.assert_close(mine.grad.cpu(), theirs.grad, rtol=1e-3, atol=1e-4)
