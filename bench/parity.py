"""A fast wrong answer is no result: what every bench holds its contenders' answers against."""

from torch import Tensor

TOLERANCE = 1e-3  # of the largest logit; rounding is 1000 times less, another leaf far more
CLEAR_MARGIN = 1e-3  # below, plain float32 scores may take the other side of a boundary


class ParityError(RuntimeError):
    """A contender that does not compute what it is timed for."""


def check_logits(name: str, logits: Tensor, truth: Tensor, tolerance: float = TOLERANCE) -> None:
    """
    Compare logits, `[n, o]`, with the reference's.

    Args:
        name: The contender, for the error.
        logits: As it computed them.
        truth: `[n, o]`, at least one row.
        tolerance: Largest difference that passes, as a share of the largest `|truth|`.

    Raises:
        ParityError: If they differ by more, or are not numbers.
    """
    worst = float((logits - truth).abs().max() / truth.abs().max())
    if not worst <= tolerance:  # not `>`: NaN must not pass
        raise ParityError(f"{name}: logits differ by {worst:.2g} of the largest one")
