"""A layer that routes, inside a network that is served: its kernel, its leaves and margins."""

from collections.abc import Callable

from torch import Tensor

from fff.beta import FFFBeta
from fff.decision import NO_BOUNDARY
from fff.inference_result import InferenceResult
from fff.layers import FFF
from fff.nodes import Nodes
from fff.weights import FFFWeights
from networks.run import InRun, Run
from networks.weights import LayerWeights

NO_LEAF = -1
"""The leaf where there is no token, or where a layer was given none and another was."""


class Routed(InRun):
    """A layer that routes: its rows go to the kernel, the run gets their leaves and margins."""

    def __init__(self, compute: Callable[[Tensor], InferenceResult]):
        super().__init__()
        self._compute = compute

    def forward(self, x: Tensor, run: Run | None = None) -> Tensor:
        """`[..., i]` to `[..., o]`."""
        assert run is not None, "a served layer is always in a run. This is a bug."
        if run.inputs is not None:
            run.inputs.append(x)
        if run.mask is not None and x.ndim == 3:
            return self._of_tokens(x, run, run.mask)
        result = self._compute(x.reshape(-1, x.shape[-1]))
        run.layers.append(result)
        return result.logits.to(x.device).view(*x.shape[:-1], -1)

    def _of_tokens(self, x: Tensor, run: Run, mask: Tensor) -> Tensor:
        """Compute `[n, t, i]` where there are tokens, and nowhere else: others become 0."""
        result, there = self._compute(x[mask]), mask.view(-1).cpu()
        whole = [
            part.new_full((len(there), *part.shape[1:]), missing)
            for part, missing in ((result.leaf, NO_LEAF), (result.margin, NO_BOUNDARY))
        ]
        whole[0][there], whole[1][there] = result.leaf, result.margin
        run.layers.append(InferenceResult(result.logits, *whole))
        out = x.new_zeros(*mask.shape, result.logits.shape[1])
        out[mask] = result.logits.to(x.device)
        return out


def nodes_of(weights: LayerWeights) -> tuple[Nodes, ...]:
    """The nodes of a layer that decide, of each of its trees."""
    return (Nodes.of(weights),) if isinstance(weights, FFFWeights) else weights.deciding()


class OnDevice:
    """
    A layer on a device, by its operator (`fff.operators`): rows are there, and answers stay there.

    Args:
        layer: In evaluation.
    """

    rechecked_rows = 0  # the operator does not tell
    dtype = "float32"

    def __init__(self, layer: FFF | FFFBeta):
        self.layer, weights = layer, layer.weights()
        self.name = "triton" if next(layer.parameters()).is_cuda else "numba"
        self.trees = nodes_of(weights)

    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` rows."""
        result = self.layer.hard(x)
        n = len(x)  # of one tree there is a number a row
        return InferenceResult(result.logits, result.leaf.view(n, -1), result.margin.view(n, -1))
