"""What calls return: predictions and comparisons, with their numbers in numpy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Prediction:
    """
    The outputs of `r` rows. One that was not asked for is an AttributeError that says so.

    Attributes:
        model: Name of the model that answered.
        version: Its version.
        tensors: Every output by its name in the protocol.
        queue_s: How long the rows waited for a batch, in seconds; NaN if the answer did not
            say. Of rows sent in several requests, the sum.
        compute_s: How long their batches computed; likewise.
    """

    model: str
    version: int
    tensors: dict[str, npt.NDArray[Any]]
    queue_s: float
    compute_s: float

    @property
    def logits(self) -> npt.NDArray[np.float32]:
        """`[r, o]`, float32."""
        return self._tensor("logits")

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """`[r, o]`, float32."""
        return self._tensor("probabilities")

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """`[r]`, int64: of the output `class`, else where the logits are largest."""
        if "class" in self.tensors:
            return self.tensors["class"]
        classes: npt.NDArray[np.int64] = self.logits.argmax(axis=1)
        return classes

    @property
    def leaves(self) -> npt.NDArray[np.int32]:
        """`[r, layers]`, int32: the leaf that made each row; no layer if the model is dense."""
        return self._tensor("leaf")

    @property
    def margins(self) -> npt.NDArray[np.float32]:
        """`[r, layers]`, float32: distance to the nearest boundary on the row's path."""
        return self._tensor("margin")

    def _tensor(self, name: str) -> npt.NDArray[Any]:
        try:
            return self.tensors[name]
        except KeyError:
            asked = ", ".join(self.tensors)
            raise AttributeError(f"outputs must name {name!r} to have it; got {asked}") from None

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put the rows of several answers of one model version into one."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return cls(
            first.model,
            first.version,
            {n: np.concatenate([part.tensors[n] for part in parts]) for n in first.tensors},
            sum(part.queue_s for part in parts),
            sum(part.compute_s for part in parts),
        )


@dataclass(frozen=True, slots=True)
class Side:
    """
    One of two compared networks.

    Attributes:
        model: Its name.
        version: Its version.
        logits: `[r, o]`, float32.
        compute_s: Median time to compute all rows at once.
        flops_per_row: Multiplications and additions.
        bytes_per_row: Weight bytes that one row alone must read.
        accuracy: Share of rows whose class is the label; None without labels.
    """

    model: str
    version: int
    logits: npt.NDArray[np.float32]
    compute_s: float
    flops_per_row: int
    bytes_per_row: int
    accuracy: float | None

    @property
    def compute_us_per_row(self) -> float:
        return self.compute_s * 1e6 / len(self.logits)


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    An FFF and its dense twin on the same rows.

    Attributes:
        fff: The model that was named.
        dense: Its twin.
        rows: How many rows both computed.
        rounds: How often each was timed, in turn.
        agreement: Share of rows given the same class by both.
        largest_difference: Largest absolute difference of two logits.
        mean_difference: Mean absolute difference of two logits.
        speedup: Dense compute time over FFF compute time.
    """

    fff: Side
    dense: Side
    rows: int
    rounds: int
    agreement: float
    largest_difference: float
    mean_difference: float
    speedup: float
