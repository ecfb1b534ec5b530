"""
Whether a network that says 95 % is right in 95 % of the cases, and one number that mends it.

The confidence of a row is the largest of its probabilities, the softmax of its logits.

Covered:      expected calibration error over equal bins, the bins themselves (a reliability
              diagram), negative log-likelihood, how sure a network is where it is wrong;
              temperature scaling.
Not covered:  calibration of each class by itself; regression; dividing a network's weights by the
              temperature (`fff.temperature`).

Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks",
arXiv:1706.04599: equations 2 and 3 (bins and error), section 4.2 (temperature).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.dataset import Labels

Logits = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

BINS = 15  # as in the paper's tables
_CHUNK_ROWS = 8192
TEMPERATURES = (0.01, 100.0)
"""Between which one is sought; the paper's are 0.9 to 3."""
_HALVINGS = 50  # of ln(100 / 0.01): to a relative 1e-14


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """
    Rows whose confidence lies in `(low, high]`.

    Attributes:
        low: Bound of the confidence, 0 to 1.
        high: Its other bound; it belongs to the bin.
        rows: How many there are.
        confidence: Their mean confidence; None without rows.
        accuracy: Share of them whose class is right; None without rows.
    """

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """Distance of confidence and accuracy, 0 to 1; 0 without rows."""
        if self.confidence is None or self.accuracy is None:
            return 0.0
        return abs(self.confidence - self.accuracy)


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    How far a network's confidence can be believed.

    Attributes:
        error: Expected calibration error, 0 to 1: the bins' differences between confidence and
            accuracy, weighted by rows.
        nll: Mean negative log-likelihood of the labels, in nats.
        confidence_when_wrong: Mean confidence of the rows whose class is wrong; None without any.
        bins: The reliability diagram, from low confidence to high.
    """

    error: float
    nll: float
    confidence_when_wrong: float | None
    bins: list[ReliabilityBin]


def calibration(logits: Logits, labels: Labels, bins: int = BINS) -> Calibration:
    """Measure the calibration of logits, `[n, o]`, on their classes, `[n]`; `n >= 1`."""
    confidence, log_likelihood = _confidence(logits, labels)  # [n] each
    right = logits.argmax(1) == labels  # [n]
    diagram = _reliability(confidence, right, bins)
    return Calibration(
        error=sum(each.rows * each.gap for each in diagram) / len(labels),
        nll=float(-log_likelihood.mean()),
        confidence_when_wrong=None if right.all() else float(confidence[~right].mean()),
        bins=diagram,
    )


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """
    Find the temperature `T` with the least negative log-likelihood of `logits / T`.

    The class of every row stays what it is. On the rows given the likelihood is never less than
    without; it is convex in `1 / T`, so its slope is followed to 0. Where every row is right it
    grows as `T` falls, without an end, and says nothing of rows that are wrong: 1 is returned.

    Args:
        logits: `[n, o]`, of rows that the network was not fitted to; `n >= 1`.
        labels: Their classes, `[n]`.

    Returns:
        `T`, in `TEMPERATURES`; above 1 the network was too sure of itself.
    """
    wide = logits.astype(np.float64)
    if (wide.argmax(1) == labels).all():
        return 1.0
    low, high = (math.log(temperature) for temperature in TEMPERATURES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(wide, labels, math.exp(-middle)) > 0:
            low = middle
        else:
            high = middle
    best = math.exp((low + high) / 2)
    return best if _nll(wide / best, labels) <= _nll(wide, labels) else 1.0


def _slope(logits: Floats, labels: Labels, inverse: float) -> float:
    """Of the negative log-likelihood over the inverse temperature: above 0, `T` is too low."""
    shares = np.exp(inverse * (logits - logits.max(1, keepdims=True)))
    expected = (shares * logits).sum(1) / shares.sum(1)  # [n]
    return float((expected - logits[np.arange(len(labels)), labels]).mean())


def _nll(logits: Floats, labels: Labels) -> float:
    return float(-_confidence(logits, labels)[1].mean())


def _confidence(logits: npt.NDArray[np.floating], labels: Labels) -> tuple[Floats, Floats]:
    """Confidence of each row, and log-likelihood of its label, `[n]`, a chunk of rows at a time."""
    confidence, likelihood = np.empty((2, len(labels)))
    for start in range(0, len(labels), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        above = logits[rows].astype(np.float64)
        above -= above.max(1, keepdims=True)  # [rows, o], at most 0
        log_sum = np.log(np.exp(above).sum(1))  # [rows]
        confidence[rows] = np.exp(-log_sum)
        likelihood[rows] = above[np.arange(len(above)), labels[rows]] - log_sum
    return confidence, likelihood


def _reliability(
    confidence: Floats, right: npt.NDArray[np.bool_], bins: int
) -> list[ReliabilityBin]:
    bounds = np.linspace(0, 1, bins + 1)
    of_row = np.clip(np.searchsorted(bounds, confidence) - 1, 0, bins - 1)  # (low, high]
    rows = np.bincount(of_row, minlength=bins)
    sums = [np.bincount(of_row, each, bins) for each in (confidence, right)]
    with np.errstate(invalid="ignore"):  # 0 / 0 of an empty bin
        means = np.transpose([each / rows for each in sums]).tolist()  # [bins, 2]
    return [
        ReliabilityBin(low, high, n, *(mean if n else (None, None)))
        for low, high, n, mean in zip(
            bounds[:-1].tolist(), bounds[1:].tolist(), rows.tolist(), means, strict=True
        )
    ]
