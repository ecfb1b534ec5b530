"""The result of inference, the same for every network and every backend."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """
    The outputs, leaves and margins of a batch of `n` rows.

    Attributes:
        logits: `[n, o]`, float32.
        leaf: Leaf index per routed layer, `[n, layers]`, int32. Only an FFF has a layer that
            routes: `[n, 0]` without one. Of an FFF-beta per tree, `[n, trees]`.
        margin: Per routed layer, the smallest distance from the row to a boundary on its path,
            `|score| / |w|` in input units, `[n, layers]`, float32;
            `fff.decision.NO_BOUNDARY` where the path has no boundary.
    """

    logits: Tensor
    leaf: Tensor
    margin: Tensor

    def __len__(self) -> int:
        return len(self.logits)
