"""What every implementation of a network offers to whoever computes with it."""

from typing import Literal, Protocol

import torch
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.nodes import Nodes

OutputClass = Literal["strict", "fast"]
"""
What a row's logits depend on: `strict`, the row and the model alone, to the last bit; `fast`,
the batch too, within float32 rounding. The leaf never depends on the batch.
"""


class Backend(Protocol):
    """A network on a device, ready to compute."""

    @property
    def name(self) -> str:
        """The implementation, a name of `BACKENDS`, for logs, metrics and `/v1/models`."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> str:
        """Number type that leaves, or another network, are kept in: a name of `LEAF_DTYPES`."""
        ...

    @property
    def output_class(self) -> OutputClass:
        """By design; only a look at the device itself can say whether it keeps to it."""
        ...

    @property
    def rechecked_rows(self) -> int:
        """Rows so far whose leaf, or experts, had to be decided anew in `fff.decision`'s order."""
        ...

    @property
    def trees(self) -> tuple[Nodes, ...]:
        """Of each layer that routes, or tree of one, in memory of the CPU, to explain paths."""
        ...

    def staging(self, rows: int) -> Tensor:
        """
        Memory for up to `rows` rows, `[rows, i]`, float32, on the CPU, of which `infer` makes no
        copy. It may be one for all calls: for one caller, who has his answer before he writes on.
        """
        ...

    def infer(self, x: Tensor) -> InferenceResult:
        """
        Compute a batch.

        Args:
            x: `[n, i]`, float32, on the CPU; any `n`, 0 included.

        Returns:
            The prediction for the same rows in the same order, on the CPU.

        Raises:
            DeviceLost: If the device failed, for good.
        """
        ...


class BetaBackend(Backend, Protocol):
    """An FFF-beta on a device: a layer inside of a network, whose rows may be there already."""

    def descend(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Compute rows that are on the device, `[n, i]`, of any float dtype.

        Returns:
            Outputs `[n, o]`, float32; leaves `[n, k]`, int32; margins `[n, k]`, float32: there, in
            memory of their own.

        Raises:
            ValueError: If `x` is not `[n, i]`.
        """
        ...
