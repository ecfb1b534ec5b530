"""What calls return: predictions and comparisons, with their numbers in numpy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Prediction:
    """
    The outputs of `r` rows. Reading one that was not requested, or that the model's task does not
    have, is an AttributeError.

    Attributes:
        model: Name of the model that computed the rows.
        version: Its version.
        tensors: Every requested output, `[r, ...]`, by its name in the protocol.
        queue_s: Seconds that the rows waited for a batch; NaN if the response does not have it.
            Of rows sent in several requests, the sum.
        compute_s: Seconds that their batches computed; likewise.
        task: `classification`, or `regression`, which has values in place of classes.
    """

    model: str
    version: int
    tensors: dict[str, npt.NDArray[Any]]
    queue_s: float
    compute_s: float
    task: str = "classification"

    @property
    def logits(self) -> npt.NDArray[np.float32]:
        """`[r, o]`, float32; `o` is the number of classes, or of values."""
        return self._tensor("logits")

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """`[r, o]`, float32, of a classification; each row sums to 1."""
        return self._tensor("probabilities")

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """`[r]`, int64, of a classification: the output `class`, else where logits are largest."""
        if "class" in self.tensors:
            return self.tensors["class"]
        self._require("classification", "a regression, which has no classes: read values")
        classes: npt.NDArray[np.int64] = self.logits.argmax(axis=1)
        return classes

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """`[r, o]`, float32, of a regression: the output `logits`, in the targets' units."""
        self._require("regression", "a classification, which has no values: read classes or logits")
        return self.logits

    @property
    def embedding(self) -> npt.NDArray[np.float32]:
        """`[r, o]`, float32, of a network that embeds."""
        return self._tensor("embedding")

    @property
    def top_ids(self) -> npt.NDArray[np.int64]:
        """`[r, t, k]`, int64: of each place to be filled in the likeliest ids; -1 elsewhere."""
        return self._tensor("top_ids")

    @property
    def top_probabilities(self) -> npt.NDArray[np.float32]:
        """`[r, t, k]`, float32: of each of `top_ids`; 0 elsewhere."""
        return self._tensor("top_probabilities")

    @property
    def leaves(self) -> npt.NDArray[np.int32]:
        """
        The leaf that computed each row in each layer that routes, `[r, layers]`, int32.

        No layer if the model is dense; of a network with tokens `[r, layers, tokens]`, where -1
        stands for one that a layer is not given.
        """
        return self._tensor("leaf")

    @property
    def margins(self) -> npt.NDArray[np.float32]:
        """As many, float32: distance to the nearest boundary on the path, in a layer's input."""
        return self._tensor("margin")

    def __repr__(self) -> str:
        tensors = (f"{n} {t.dtype}{list(t.shape)}" for n, t in self.tensors.items())
        return f"Prediction({self.model!r}, version {self.version}: {', '.join(tensors)})"

    def _require(self, task: str, otherwise: str) -> None:
        if self.task != task:
            raise AttributeError(f"model {self.model!r} is {otherwise}")

    def _tensor(self, name: str) -> npt.NDArray[Any]:
        try:
            return self.tensors[name]
        except KeyError:
            names = ", ".join(self.tensors)
            raise AttributeError(f"outputs must name {name!r} to have it; got {names}") from None

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the rows of several predictions of one model version."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return cls(
            first.model,
            first.version,
            {n: np.concatenate([part.tensors[n] for part in parts]) for n in first.tensors},
            sum(part.queue_s for part in parts),
            sum(part.compute_s for part in parts),
            first.task,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """
    One of two compared networks.

    Attributes:
        model: Name of the model.
        version: Its version.
        logits: `[r, o]`, float32.
        compute_s: Median seconds to compute all rows at once.
        flops_per_row: Multiplications and additions for one row.
        bytes_per_row: Bytes of weights that one row alone must read.
        accuracy: Share of rows, 0 to 1, whose class is the label; None without labels.
    """

    model: str
    version: int
    logits: npt.NDArray[np.float32] = field(repr=False)
    compute_s: float
    flops_per_row: int
    bytes_per_row: int
    accuracy: float | None

    @property
    def compute_us_per_row(self) -> float:
        return self.compute_s * 1e6 / len(self.logits)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """
    A model, mostly an FFF, and its baseline on the same rows.

    Attributes:
        fff: The requested model.
        dense: Its baseline, whatever its kind.
        rows: Number of rows that both computed.
        rounds: How often each was timed, in turn.
        agreement: Share of rows, 0 to 1, on which both agree: given the same class or, of a
            regression, values that differ by at most their targets' `tolerance`.
        largest_difference: Largest absolute difference of two outputs.
        mean_difference: Mean absolute difference of two outputs.
        speedup: Dense compute time over FFF compute time.
        task: `classification` or `regression`.
        targets: Of a regression, of each output its `name`, `unit`, `tolerance`,
            `largest_difference` and `mean_difference`; None of a classification.
    """

    fff: Side
    dense: Side
    rows: int
    rounds: int
    agreement: float
    largest_difference: float
    mean_difference: float
    speedup: float
    task: str = "classification"
    targets: list[dict[str, Any]] | None = None
