"""What every backend owes the reference: its leaf and margin, and logits nearly as exact."""

import torch
from torch import Tensor

from fff import reference
from fff.inference_result import InferenceResult
from fff.weights import FFFWeights, Weights


def assert_like_the_reference(
    prediction: InferenceResult, x: Tensor, w: Weights, dtype: torch.dtype = torch.float32
) -> None:
    """The reference's leaf and margin; logits as in `assert_as_exact_as_torch`."""
    expected = reference.infer(x, w)
    assert torch.equal(prediction.leaf, expected.leaf)
    assert (prediction.logits.shape, prediction.logits.dtype) == (
        expected.logits.shape,
        torch.float32,
    )
    torch.testing.assert_close(prediction.margin, expected.margin, rtol=1e-4, atol=1e-6)
    assert_as_exact_as_torch(prediction.logits, x, w, dtype)


def assert_as_exact_as_torch(
    logits: Tensor, x: Tensor, w: Weights, dtype: torch.dtype = torch.float32
) -> None:
    """Against float64, at most twice as inexact as plain PyTorch in the leaves' own dtype."""
    if isinstance(w, FFFWeights):
        leaf, _ = reference.route(x, w)
        truth, plain = (reference.leaves(x.to(t), leaf, w) for t in (torch.float64, dtype))
    else:
        truth, plain = (reference.without_tree(x.to(t), w) for t in (torch.float64, dtype))
    assert _largest_error(logits, truth) <= 2 * _largest_error(plain, truth) + 1e-6


def _largest_error(logits: Tensor, truth: Tensor) -> float:
    return float((logits.double() - truth).abs().max()) if len(logits) else 0.0
