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
    def nodes(self) -> Nodes | None:
        """
        The tree's, in memory of the CPU, for explanations; None where there is no tree. Backends of
        an FFF-beta, of several trees, have a list of them in place of it: `trees`.
        """
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
